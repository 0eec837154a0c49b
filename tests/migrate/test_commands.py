"""``holdfast migrate`` as its users run it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.fixtures.commands import HoldfastCommands
from tests.fixtures.migrations import table


def test_up_status_and_down_on_the_embedded_server(holdfast: HoldfastCommands) -> None:
    before = holdfast.json("migrate", "status")
    assert {each["state"] for each in before} == {"pending"}
    done = holdfast.json("migrate", "up")
    assert [(each["system"], each["number"]) for each in done] == [
        (each["system"], each["number"]) for each in before
    ]
    assert holdfast.json("migrate", "up") == []
    after = holdfast.json("migrate", "status")
    assert {each["state"] for each in after} == {"applied"}
    assert all(each["applied_at"].endswith("Z") and each["actor"] for each in after)
    newest = [each for each in after if each["system"] == "triggers"][-1]
    undone = holdfast.json("migrate", "down", "--system", "triggers", "--yes")
    assert [(each["number"], each["direction"]) for each in undone] == [(newest["number"], "down")]
    shown = holdfast.run("migrate", "status", "--system", "triggers")
    assert re.search(rf"^triggers/{newest['number']:04} .* pending ", shown.stdout, re.MULTILINE)
    again = holdfast.run("migrate", "up")
    assert again.stdout.startswith(f"applied  triggers/{newest['number']:04}")
    assert "Everything is applied already." in holdfast.run("migrate", "up").stdout


def test_down_asks_and_is_refused_where_nobody_can_be_asked(holdfast: HoldfastCommands) -> None:
    assert holdfast.run("migrate", "down", "--system", "chain").stdout == "Nothing of chain is applied.\n"
    assert holdfast.run("migrate", "up", "--system", "chain").returncode == 0
    for arguments in ([], ["--json"]):
        ended = holdfast.run("migrate", "down", "--system", "chain", *arguments)
        assert ended.returncode == 2
        assert "--yes" in ended.stderr
        assert "Undo chain/0" in ended.stderr
        assert ended.stdout == ""


def test_wrong_names_are_wrong_use(holdfast: HoldfastCommands, empty_conninfo: str) -> None:
    for arguments in (["status", "--system", "nobody"], ["up", "--system", "nobody"], ["accept", "triggers"]):
        ended = holdfast.run("migrate", *arguments, DATABASE_URL=empty_conninfo)
        assert ended.returncode == 2, arguments
        assert "hint:" in ended.stderr


def test_another_server_that_is_behind_is_not_migrated_on_the_way(
    holdfast: HoldfastCommands, empty_conninfo: str
) -> None:
    ended = holdfast.run("chains", "list", "--json", DATABASE_URL=empty_conninfo)
    assert ended.returncode == 1
    told = json.loads(ended.stderr.splitlines()[-1])
    assert told["error"] == "not_migrated"
    assert told["hint"] == "Run: holdfast migrate up"
    assert "triggers/0001" in told["pending"]
    assert holdfast.run("migrate", "up", DATABASE_URL=empty_conninfo).returncode == 0
    assert holdfast.run("chains", "list", "--json", DATABASE_URL=empty_conninfo).returncode == 0


def test_one_of_several_folders_is_named_behind_the_command(
    holdfast: HoldfastCommands, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0001_t.sql").write_text(table(f"public.{name}"))
    folders = [word for name in ("a", "b") for word in ("--dir", str(tmp_path / name), "--system", name)]
    assert [each["system"] for each in holdfast.json("migrate", *folders, "up")] == ["a", "b"]
    unsaid = holdfast.run("migrate", *folders, "down", "--yes")
    assert unsaid.returncode == 2
    assert "down --system b" in unsaid.stderr
    undone = holdfast.json("migrate", *folders, "down", "--system", "b", "--yes")
    assert [each["system"] for each in undone] == ["b"]
    shown = holdfast.json("migrate", *folders, "status", "--system", "b")
    assert [(each["system"], each["state"]) for each in shown] == [("b", "pending")]
    unknown = holdfast.run("migrate", *folders, "down", "--system", "c", "--yes")
    assert unknown.returncode == 2
    assert "a, b" in unknown.stderr
