"""Order across systems, and what files and history say against each other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from holdfast.errors import WrongUse
from holdfast.migrate.errors import MalformedMigration, MigrationsDisagree
from holdfast.migrate.header import MigrationId
from holdfast.migrate.history import Applied
from holdfast.migrate.plan import Files, check, compare, declared_files
from tests.fixtures.migrations import migration_files, table


def ids(files: Files) -> list[str]:
    return [str(migration.id) for migration in files.ordered]


def applied(files: Files, *places: str, checksum: str = "", outcome: str = "applied") -> list[Applied]:
    known = {str(migration.id): migration for migration in files.ordered}
    rows = []
    for position, place in enumerate(places, start=1):
        system, number = place.split("/")
        own = checksum or (known[place].checksum if place in known else "gone")
        rows.append(
            Applied(system, int(number), "x", own, datetime.now(UTC), 1, outcome, "0.1.0", "me", position)
        )
    return rows


def states(files: Files, rows: list[Applied]) -> dict[str, str]:
    return {str(entry.id): entry.state for entry in compare(files, rows)}


def test_a_system_comes_after_all_of_those_it_depends_on() -> None:
    files = migration_files(
        {"a/0001_x": table("a1"), "b/0001_x": table("b1"), "b/0002_x": table("b2")}, depends={"a": ("b",)}
    )
    assert ids(files) == ["b/0001", "b/0002", "a/0001"]


def test_a_file_comes_after_those_it_names() -> None:
    files = migration_files(
        {
            "a/0001_x": table("a1"),
            "a/0002_x": "-- depends: b/0001\n" + table("a2"),
            "b/0001_x": table("b1"),
            "b/0002_x": table("b2"),
        }
    )
    assert ids(files) == ["a/0001", "b/0001", "a/0002", "b/0002"]
    assert ids(files.only(["a"])) == ["a/0001", "b/0001", "a/0002", "b/0002"]
    assert ids(files.only(["b"])) == ["b/0001", "b/0002"]


def test_circles_and_absent_files_are_named() -> None:
    with pytest.raises(MalformedMigration, match=r"a/0001 -> b/0001 -> a/0001"):
        migration_files(
            {"a/0001_x": "-- depends: b/0001\n" + table("a"), "b/0001_x": "-- depends: a/0001\n" + table("b")}
        )
    with pytest.raises(MalformedMigration, match=r"a/0001_x\.sql depends on b/0009, which does not exist"):
        migration_files({"a/0001_x": "-- depends: b/0009\n" + table("a"), "b/0001_x": table("b")})


def test_an_unknown_system_is_named() -> None:
    with pytest.raises(WrongUse, match="no system named c"):
        migration_files({"a/0001_x": table("a")}).only(["c"])


FILES = migration_files({"a/0001_x": table("a1"), "a/0002_x": table("a2"), "b/0001_x": table("b1")})


def test_states() -> None:
    assert states(FILES, []) == {"a/0001": "pending", "a/0002": "pending", "b/0001": "pending"}
    assert states(FILES, applied(FILES, "b/0001", "a/0001")) == {
        "a/0001": "applied",
        "a/0002": "pending",
        "b/0001": "applied",
    }
    assert states(FILES, applied(FILES, "a/0002", "c/0001")) == {
        "a/0001": "out of order",
        "a/0002": "applied",
        "b/0001": "pending",
        "c/0001": "not installed",
    }
    assert states(FILES, applied(FILES, "a/0001", outcome="applying"))["a/0001"] == "interrupted"


@pytest.mark.parametrize(
    ("rows", "message", "hint"),
    [
        (applied(FILES, "a/0001", checksum="other"), "a/0001 (a/0001_x.sql) was edited", "Restore the file"),
        (
            applied(FILES, "a/0001", "a/0002", "a/0003"),
            "a/0003 (x) is applied and newer",
            "older than the database",
        ),
        (
            applied(FILES, "a/0002"),
            "a/0001 (a/0001_x.sql) is not applied though a later",
            "Give it a number after",
        ),
    ],
)
def test_contradictions_stop_everything_and_name_the_way_out(
    rows: list[Applied], message: str, hint: str
) -> None:
    with pytest.raises(MigrationsDisagree) as caught:
        check(compare(FILES, rows))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_missing_file_is_named() -> None:
    files = migration_files({"a/0002_x": table("a2")})
    with pytest.raises(MigrationsDisagree, match=r"a/0001 \(x\) is applied and its file is missing"):
        check(compare(files, applied(files, "a/0001", "a/0002")))


def test_every_declared_file_is_understood() -> None:
    files = declared_files()
    assert len(files.ordered) == len(set(ids(files)))
    for name, system in files.systems.items():
        assert bool(files.of(name)) == bool(system.migrations), name
        assert [migration.id.number for migration in files.of(name)] == list(
            range(1, len(files.of(name)) + 1)
        )


def test_a_file_may_need_a_system_of_thousands_of_files() -> None:
    many = {f"b/{number:04}_x": table(f"public.t{number}") for number in range(1, 3001)}
    files = migration_files({"a/0001_x": "-- depends: b/2999\n" + table("public.a"), **many})
    places = [migration.id for migration in files.ordered]
    assert places.index(MigrationId("a", 1)) == 2999
    assert len(files.up_to(MigrationId("a", 1))) == 3000
