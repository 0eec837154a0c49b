"""Taking over the histories of other tools: what is recorded, and what refuses."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from holdfast.migrate.adopting.matching import flyway_checksum
from holdfast.migrate.drift import Drift, find_drift
from holdfast.migrate.files import read_folder
from holdfast.migrate.migration import Migration
from holdfast.migrate.plan import order
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.system import System
from tests.fixtures.commands import HoldfastCommands
from tests.migrate.adopting.tools import (
    KEPT,
    as_alembic,
    as_dbmate,
    as_flyway,
    as_golang_migrate,
    as_sqlx,
    kept,
    run_files,
)

Leave = Callable[[str, Path, Iterable[Migration]], None]


def rows(conninfo: str, query: str) -> list[dict[str, Any]]:
    """Return what a query gives."""
    with psycopg.connect(conninfo, autocommit=True, row_factory=dict_row) as connection:
        return connection.execute(query.encode()).fetchall()


def execute(conninfo: str, statement: str) -> None:
    """Run one statement."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def of_flyway(tmp_path: Path) -> Path:
    """The kept folder of files with rollbacks, in Flyway's form."""
    folder = tmp_path / "flyway"
    folder.mkdir()
    for file in (KEPT / "rollback").glob("*.sql"):
        number, _, words = file.name.removesuffix(".sql").partition("_")
        kind = "U" if words.endswith("_rollback") else "V"
        content = file.read_text().replace("BEGIN;\n", "").replace("COMMIT;\n", "")
        (folder / f"{kind}{int(number)}__{words.removesuffix('_rollback')}.sql").write_text(content)
    return folder


def test_flyway_checksum_is_over_lines_without_their_ends() -> None:
    assert flyway_checksum(b"CREATE TABLE t (x INT);\n") == flyway_checksum(b"CREATE TABLE t (x INT);")
    assert flyway_checksum(b"a\r\nb\r\n") == flyway_checksum(b"\xef\xbb\xbfa\nb")
    assert flyway_checksum(b"123456789") == 0xCBF43926 - 2**32, "CRC-32's published check value, signed"


@pytest.mark.parametrize(
    ("name", "leave", "tool"),
    [
        ("dbmate", as_dbmate, "dbmate in public.schema_migrations"),
        ("sqlx", as_sqlx, "sqlx in public._sqlx_migrations"),
        ("sqlx", as_golang_migrate, "golang-migrate in public.schema_migrations"),
        ("flyway", as_flyway, "flyway in public.flyway_schema_history"),
    ],
)
def test_a_history_is_taken_over_and_goes_on(
    holdfast: HoldfastCommands, empty_conninfo: str, of_flyway: Path, name: str, leave: Leave, tool: str
) -> None:
    folder = of_flyway if name == "flyway" else KEPT / name
    files = read_folder(folder, "shop", shown=name)
    leave(empty_conninfo, folder, files[:-1])
    before = rows(
        empty_conninfo, "SELECT oid, xmin::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
    own = ("migrate", "--dir", str(folder), "--system", "shop")
    planned = holdfast.json(*own, "adopt", "--dry-run", DATABASE_URL=empty_conninfo)
    assert planned["adopted"] == [str(each.id) for each in files[:-1]]
    assert rows(empty_conninfo, "SELECT FROM pg_namespace WHERE nspname = 'holdfast'") == []
    # Nothing is proven yet, and nothing is applied to this database either.
    required = {"HOLDFAST_MIGRATE_REQUIRE_PROOF": "true"}
    adopted = holdfast.json(*own, "adopt", DATABASE_URL=empty_conninfo, **required)
    assert adopted == {**planned, "origin": tool, "written": None, "differences": []}
    after = rows(
        empty_conninfo, "SELECT oid, xmin::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
    assert after == before, "nothing was run"
    history = rows(empty_conninfo, "SELECT * FROM holdfast.migrations ORDER BY position")
    assert {each["outcome"] for each in history} == {"adopted"}
    assert [each["checksum"] for each in history] == [each.checksum for each in files[:-1]]
    if leave is as_sqlx:
        assert {each["duration_ms"] for each in history} == {12}
        assert {each["applied_at"].isoformat()[:10] for each in history} == {"2026-03-01"}
    done = holdfast.json(*own, "up", DATABASE_URL=empty_conninfo)
    assert [each["number"] for each in done] == [files[-1].id.number]
    again = holdfast.run(*own, "adopt", DATABASE_URL=empty_conninfo)
    assert again.returncode == 1
    assert "already holds migrations of shop" in again.stderr


def test_what_differs_from_the_files_refuses(holdfast: HoldfastCommands, empty_conninfo: str) -> None:
    as_dbmate(empty_conninfo, KEPT / "dbmate", kept("dbmate"))
    execute(empty_conninfo, "ALTER TABLE members DROP COLUMN language")
    execute(empty_conninfo, "CREATE INDEX by_hand ON books (title)")
    own = ("migrate", "--dir", str(KEPT / "dbmate"), "--system", "shop", "adopt")
    ended = holdfast.run(*own, DATABASE_URL=empty_conninfo)
    assert ended.returncode == 1
    assert "missing: column public.members.language\n  ALTER TABLE" in ended.stdout
    assert "unexpected: index public.by_hand\n  DROP INDEX" in ended.stdout
    assert "Nothing was adopted" in ended.stderr
    told = holdfast.run(*own, "--json", DATABASE_URL=empty_conninfo)
    assert json.loads(told.stdout)["adopted"] == []
    assert rows(empty_conninfo, "SELECT FROM pg_namespace WHERE nspname = 'holdfast'") == []


def test_an_alembic_database_gets_a_baseline_that_gives_the_same(
    holdfast: HoldfastCommands, empty_conninfo: str, tmp_path: Path
) -> None:
    as_alembic(empty_conninfo)
    folder = tmp_path / "migrations"
    own = ("migrate", "--dir", str(folder), "--system", "shop")
    planned = holdfast.json(*own, "adopt", "--dry-run", DATABASE_URL=empty_conninfo)
    assert planned["adopted"] == ["shop/0001"]
    assert not folder.exists()
    adopted = holdfast.json(*own, "adopt", DATABASE_URL=empty_conninfo)
    assert adopted["written"] == str(folder / "0001_baseline.sql")
    assert adopted["differences"] == []
    (read,) = read_folder(folder, "shop", shown="x")
    assert read.irreversible
    assert "alembic_version" not in read.content.partition("-- UP")[2]
    assert "91f9d755bd46" in read.content
    assert [each["outcome"] for each in rows(empty_conninfo, "SELECT outcome FROM holdfast.migrations")] == [
        "adopted"
    ]
    assert holdfast.run(*own, "up", DATABASE_URL=empty_conninfo).stdout == "Everything is applied already.\n"
    assert rows(empty_conninfo, "SELECT version_num FROM alembic_version") == [
        {"version_num": "91f9d755bd46"}
    ]


def test_a_baseline_of_a_server_that_asks_for_tls(
    holdfast: HoldfastCommands, debian_conninfo: str, tmp_path: Path
) -> None:
    """Debian's pg_dump reads it, which knows TLS; its version is the server's, not the embedded one's."""
    as_alembic(debian_conninfo)
    own = ("migrate", "--dir", str(tmp_path / "migrations"), "--system", "shop", "adopt")
    assert holdfast.json(*own, DATABASE_URL=debian_conninfo)["differences"] == []


def test_a_database_without_any_history_can_be_taken_as_it_is(
    holdfast: HoldfastCommands, empty_conninfo: str, tmp_path: Path
) -> None:
    run_files(empty_conninfo, kept("sqlx"))
    own = ("migrate", "--dir", str(tmp_path / "new"), "--system", "shop", "adopt")
    ended = holdfast.run(*own, DATABASE_URL=empty_conninfo)
    assert ended.returncode == 1
    assert "There is no history of another tool" in ended.stderr
    assert holdfast.json(*own, "--baseline", DATABASE_URL=empty_conninfo)["adopted"] == ["shop/0001"]
    other = ("migrate", "--dir", str(tmp_path / "other"), "--system", "other", "adopt", "--baseline")
    ended = holdfast.run(*other, DATABASE_URL=empty_conninfo)
    assert ended.returncode == 1
    assert "A baseline would take in what the migrations of shop made" in ended.stderr
    execute(empty_conninfo, "DELETE FROM holdfast.migrations")
    ended = holdfast.run(*own, "--baseline", DATABASE_URL=empty_conninfo)
    assert ended.returncode == 2
    assert "holds SQL files" in ended.stderr


@pytest.mark.parametrize(
    ("name", "leave", "statement", "message"),
    [
        (
            "dbmate",
            as_dbmate,
            "INSERT INTO schema_migrations VALUES ('20990101000000')",
            "holds version 20990101000000, of which there is no file",
        ),
        (
            "dbmate",
            as_dbmate,
            "DELETE FROM schema_migrations WHERE version = '20250308101500'",
            "20250308101500_create_loans.sql is not applied and an earlier one than",
        ),
        ("dbmate", as_dbmate, "DELETE FROM schema_migrations", "dbmate has applied nothing"),
        (
            "sqlx",
            as_sqlx,
            "UPDATE _sqlx_migrations SET success = false WHERE version = 20250218070000",
            "version 20250218070000 failed half-way",
        ),
        (
            "sqlx",
            as_sqlx,
            "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 20250122093000",
            "20250122093000_create_scans.up.sql was edited since sqlx applied it",
        ),
        (
            "sqlx",
            as_golang_migrate,
            "UPDATE schema_migrations SET dirty = true",
            "left version 20250317083000 dirty",
        ),
        (
            "flyway",
            as_flyway,
            "UPDATE flyway_schema_history SET checksum = checksum + 1 WHERE version = '5'",
            "V5__add_findings.sql was edited since flyway applied it",
        ),
        (
            "flyway",
            as_flyway,
            "UPDATE flyway_schema_history SET success = false WHERE version = '7'",
            "V7__calendar_view.sql failed",
        ),
        (
            "flyway",
            as_flyway,
            "UPDATE flyway_schema_history SET type = 'JDBC' WHERE version = '7'",
            "is of the kind JDBC, which is not SQL",
        ),
        (
            "dbmate",
            as_dbmate,
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
            "There are several histories: alembic in public.alembic_version, dbmate in",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    holdfast: HoldfastCommands,
    empty_conninfo: str,
    of_flyway: Path,
    name: str,
    leave: Leave,
    statement: str,
    message: str,
) -> None:
    folder = of_flyway if name == "flyway" else KEPT / name
    leave(empty_conninfo, folder, read_folder(folder, "shop", shown=name))
    execute(empty_conninfo, statement)
    ended = holdfast.run(
        "migrate", "--dir", str(folder), "--system", "shop", "adopt", DATABASE_URL=empty_conninfo
    )
    assert ended.returncode in (1, 2)
    assert message in ended.stderr
    assert "hint:" in ended.stderr
    assert rows(empty_conninfo, "SELECT FROM pg_namespace WHERE nspname = 'holdfast'") == []


def test_flyway_baseline_and_undone_versions(
    holdfast: HoldfastCommands, empty_conninfo: str, of_flyway: Path
) -> None:
    """Versions up to a baseline count as applied, one that was undone does not."""
    files = read_folder(of_flyway, "shop", shown="x")
    as_flyway(empty_conninfo, of_flyway, files)
    execute(empty_conninfo, "DELETE FROM flyway_schema_history WHERE version IN ('1', '2', '3')")
    execute(
        empty_conninfo,
        "INSERT INTO flyway_schema_history VALUES (1, '3', '<< Flyway Baseline >>', 'BASELINE',"
        " '<< Flyway Baseline >>', NULL, 'flyway', now(), 0, true), (99, '7', 'calendar view', 'UNDO_SQL',"
        " 'U7__calendar_view.sql', 0, 'flyway', now(), 1, true)",
    )
    execute(empty_conninfo, "DROP VIEW clinic.calendar")
    adopted = holdfast.json(
        "migrate", "--dir", str(of_flyway), "--system", "shop", "adopt", DATABASE_URL=empty_conninfo
    )
    assert adopted["adopted"] == [f"shop/{number}000000" for number in range(1, 7)]


def test_a_table_of_another_name_is_named(
    holdfast: HoldfastCommands, empty_conninfo: str, tmp_path: Path
) -> None:
    shutil.copytree(KEPT / "dbmate", tmp_path / "migrations")
    as_dbmate(empty_conninfo, KEPT / "dbmate", kept("dbmate"))
    execute(empty_conninfo, 'CREATE SCHEMA "Tools"')
    execute(empty_conninfo, 'ALTER TABLE schema_migrations SET SCHEMA "Tools"')
    execute(empty_conninfo, 'ALTER TABLE "Tools".schema_migrations RENAME TO "Done"')
    own = ("migrate", "--dir", str(tmp_path / "migrations"), "--system", "shop", "adopt")
    assert holdfast.run(*own, DATABASE_URL=empty_conninfo).returncode == 1
    adopted = holdfast.json(*own, "--table", '"Tools"."Done"', DATABASE_URL=empty_conninfo)
    assert adopted["origin"] == 'dbmate in "Tools"."Done"'
    assert len(adopted["adopted"]) == len(kept("dbmate"))


def test_what_was_taken_over_is_mended_by_the_sql_shown_and_has_not_drifted(
    holdfast: HoldfastCommands, empty_conninfo: str
) -> None:
    as_golang_migrate(empty_conninfo, KEPT / "sqlx", kept("sqlx"))
    execute(empty_conninfo, "CREATE SCHEMA elsewhere CREATE TABLE of_others (x INT)")
    execute(empty_conninfo, "ALTER TABLE depots ALTER COLUMN city SET DEFAULT 'Bern'")
    own = ("migrate", "--dir", str(KEPT / "sqlx"), "--system", "shop")
    told = holdfast.run(*own, "adopt", "--json", DATABASE_URL=empty_conninfo)
    (difference,) = json.loads(told.stdout)["differences"]
    assert difference["name"] == "public.depots.city"
    for statement in difference["mend"]:
        execute(empty_conninfo, statement)
    holdfast.json(*own, "adopt", DATABASE_URL=empty_conninfo)

    async def drift() -> Drift:
        async with Database.open(empty_conninfo, Settings({}), min_size=1) as database:
            systems = {"shop": System(name="shop", summary="", package="")}
            return await find_drift(database, order(systems, {"shop": kept("sqlx")}))

    found = asyncio.run(drift())
    assert found.differences == [], "the other tool's table is not taken for drift"
    assert {each.name for each in found.not_managed} >= {"public.schema_migrations", "elsewhere"}


def test_adopt_asks_for_one_folder_and_one_system(holdfast: HoldfastCommands, empty_conninfo: str) -> None:
    for arguments in ([], ["--dir", "x"], ["--dir", "x", "--system", "Not a name"]):
        ended = holdfast.run("migrate", "adopt", *arguments, DATABASE_URL=empty_conninfo)
        assert ended.returncode == 2
