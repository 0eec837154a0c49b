"""``holdfast migrate lint`` and ``plan`` as their users run them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fixtures.commands import HoldfastCommands

FIRST = "-- UP\nCREATE TABLE app_orders (id bigint PRIMARY KEY);\n-- DOWN\nDROP TABLE app_orders;\n"
SECOND = (
    "-- UP\nALTER TABLE app_orders ADD COLUMN note text;\nCREATE INDEX app_notes ON app_orders (note);\n"
    "-- DOWN\nDROP INDEX app_notes;\nALTER TABLE app_orders DROP COLUMN note;\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations; the second one endangers what the first made."""
    made = tmp_path / "shop"
    made.mkdir()
    (made / "0001_orders.sql").write_text(FIRST)
    (made / "0002_notes.sql").write_text(SECOND)
    return made


def test_lint_names_the_place_and_the_way_out(holdfast: HoldfastCommands, folder: Path) -> None:
    ended = holdfast.run("migrate", "lint", "--dir", str(folder), "--system", "shop")
    assert ended.returncode == 1
    assert (
        f"{folder}/0002_notes.sql:3: danger create-index: CREATE INDEX app_notes on app_orders"
        in ended.stdout
    )
    assert "CREATE INDEX CONCURRENTLY" in ended.stdout
    assert "2 files" in ended.stderr
    ended = holdfast.run("migrate", "lint", "--dir", str(folder), "--system", "shop", "--json")
    places = {(each["rule"], each["line"], each["level"]) for each in json.loads(ended.stdout)}
    assert places == {
        ("create-index", 3, "danger"),
        ("rows-under-exclusive-lock", 3, "danger"),
        ("drop-index", 5, "danger"),
    }


def test_rules_are_chosen_and_explained(holdfast: HoldfastCommands, folder: Path) -> None:
    here = ("--dir", str(folder), "--system", "shop", "--no-squawk")
    only = holdfast.run("migrate", "lint", *here, "--rule", "drop-table", "--strict")
    assert (only.returncode, only.stdout) == (0, "")
    without = (
        "--without",
        "create-index",
        "--without",
        "rows-under-exclusive-lock",
        "--without",
        "drop-index",
    )
    assert holdfast.run("migrate", "lint", *here, *without).returncode == 0
    for option in ("--rule", "--without"):
        refused = holdfast.run("migrate", "lint", *here, option, "no-such")
        assert refused.returncode == 2
        assert "There is no rule named no-such" in refused.stderr
    told = holdfast.json("migrate", "lint", "--explain", "--rule", "drop-table")
    assert [each["name"] for each in told] == ["drop-table"]
    assert "DROP TABLE app.orders;" in told[0]["example"]
    assert "drop-column" in holdfast.run("migrate", "lint", "--explain").stdout


def test_sizes_come_from_the_database(holdfast: HoldfastCommands, folder: Path, empty_conninfo: str) -> None:
    here = ("--dir", str(folder), "--system", "shop", "--no-squawk")
    assert holdfast.run("migrate", "up", *here[:4], DATABASE_URL=empty_conninfo).returncode == 0
    arguments = ("migrate", "lint", *here, "--sizes", "--json")
    small = holdfast.run(*arguments, DATABASE_URL=empty_conninfo)
    assert small.stdout, small.stderr
    assert {each["rule"] for each in json.loads(small.stdout)} == {"drop-index"}
    large = holdfast.run(*arguments, "--small", "0", DATABASE_URL=empty_conninfo)
    assert {each["rule"]: each["rows"] for each in json.loads(large.stdout)}["create-index"] == 0


def test_plan_shows_what_would_run_with_its_locks(
    holdfast: HoldfastCommands, folder: Path, empty_conninfo: str
) -> None:
    here = ("--dir", str(folder), "--system", "shop")
    shown = holdfast.run("migrate", "plan", *here, DATABASE_URL=empty_conninfo).stdout
    assert shown.index("shop/0001") < shown.index("shop/0002")
    assert (
        "CREATE INDEX app_notes ON app_orders (note);\n--   SHARE on app_orders (CREATE INDEX): blocks writes"
        in shown
    )
    planned = holdfast.json("migrate", "plan", *here, DATABASE_URL=empty_conninfo)
    assert [each["number"] for each in planned] == [1, 2]
    assert planned[0]["statements"][0]["locks"] == []
    assert [lock["mode"] for lock in planned[1]["statements"][0]["locks"]] == ["ACCESS EXCLUSIVE"]
    assert holdfast.run("migrate", "up", *here, DATABASE_URL=empty_conninfo).returncode == 0
    assert (
        "Everything is applied" in holdfast.run("migrate", "plan", *here, DATABASE_URL=empty_conninfo).stdout
    )
    back = holdfast.json("migrate", "plan", *here, "--down", DATABASE_URL=empty_conninfo)
    assert [(each["number"], each["direction"]) for each in back] == [(2, "down")]
    locks = [lock for each in back[0]["statements"] for lock in each["locks"]]
    assert {(lock["relation"], lock["mode"]) for lock in locks} == {
        ("public.app_notes", "ACCESS EXCLUSIVE"),
        ("public.app_orders", "ACCESS EXCLUSIVE"),
    }
    both = holdfast.json("migrate", "plan", *here, "--down", "--steps", "5", DATABASE_URL=empty_conninfo)
    assert [each["number"] for each in both] == [2, 1]


def test_plan_says_which_names_only_running_it_tells(
    holdfast: HoldfastCommands, folder: Path, empty_conninfo: str
) -> None:
    (folder / "0003_dynamic.sql").write_text(
        "-- irreversible: test\n-- UP\n"
        "DO $$ DECLARE w text := 'x'; BEGIN EXECUTE format('DROP TABLE IF EXISTS %I', w); END $$;\n"
    )
    here = ("--dir", str(folder), "--system", "shop")
    planned = holdfast.json("migrate", "plan", *here, DATABASE_URL=empty_conninfo)
    relations = [lock["relation"] for lock in planned[2]["statements"][0]["locks"]]
    assert relations == ["a name known only at run time"]
