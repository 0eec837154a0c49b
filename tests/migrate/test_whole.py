"""A file that is one transaction: what it is run with, what it leaves behind, and how its end is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from holdfast.errors import HoldfastError
from holdfast.migrate import driving, generating
from holdfast.migrate.engine import migrate_down, migrate_up, status
from holdfast.migrate.errors import MigrationFailed, StillLocked
from holdfast.migrate.plan import Files
from holdfast.migrate.whole import ConnectionLost
from holdfast.postgres.database import Database, Row
from holdfast.settings import Settings
from holdfast.system import Connection, Generator, System
from tests.fixtures.migrations import migration_files, table


def up_only(**files: str) -> Files:
    """Return files of the system ``a``: what each one's -- UP part says."""
    return migration_files(
        {f"a/{name}": f"-- UP\n{text}\n-- DOWN\nSELECT 1;\n" for name, text in files.items()}
    )


async def rows(database: Database, text: LiteralString) -> list[Row]:
    return await database.fetch(sql.SQL(text))


async def states(database: Database, files: Files) -> list[str]:
    return [entry.state for entry in await status(database, files=files)]


@asynccontextmanager
async def as_role(
    conninfo: str, *settings: str, attributes: str = "SUPERUSER", patience: str = "10m"
) -> AsyncIterator[Database]:
    """Open a database as a role of this test's own, with settings of its own."""
    role = sql.Identifier(f"role_{conninfo_to_dict(conninfo)['dbname']}")
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as owner:
        await owner.execute(sql.SQL(f"CREATE ROLE {{}} LOGIN {attributes} PASSWORD 'word'").format(role))
        try:
            for setting in settings:
                await owner.execute(sql.SQL("ALTER ROLE {} SET " + setting).format(role))
            own = make_conninfo(conninfo, user=role.as_string(None).strip('"'), password="word")
            limits = Settings({"HOLDFAST_MIGRATE_PATIENCE": patience})
            async with Database.open(own, limits, min_size=1) as database:
                yield database
        finally:
            await owner.execute(
                sql.SQL("REASSIGN OWNED BY {0} TO CURRENT_USER; DROP OWNED BY {0}; DROP ROLE {0}").format(
                    role
                )
            )


async def test_now_and_the_duration_begin_with_each_file(empty_database: Database) -> None:
    files = up_only(
        **{
            "0001_a": "CREATE TABLE public.t (at TIMESTAMPTZ); SELECT pg_sleep(0.5);",
            "0002_b": "INSERT INTO public.t VALUES (now());",
        }
    )
    await migrate_up(empty_database, files=files)
    first, second = await rows(
        empty_database, "SELECT duration_ms, applied_at FROM holdfast.migrations ORDER BY number"
    )
    assert first["duration_ms"] >= 500
    assert second["duration_ms"] < 500
    assert (await rows(empty_database, "SELECT at FROM public.t"))[0]["at"] >= first["applied_at"]


async def test_rights_and_temporary_tables_end_with_the_file(empty_database: Database) -> None:
    files = up_only(
        **{
            "0001_a": "CREATE TEMPORARY TABLE kept AS SELECT 1;\n"
            "DO $$ BEGIN EXECUTE 'SET SESSION AUTHORIZATION pg_monitor'; END $$;",
            "0002_b": "CREATE TEMPORARY TABLE kept AS SELECT 1;\n"
            "CREATE TABLE public.who AS SELECT session_user <> 'pg_monitor' AS own;",
        }
    )
    assert len(await migrate_up(empty_database, files=files)) == 2
    assert await rows(empty_database, "SELECT own FROM public.who") == [{"own": True}]


class Looking:
    """A generator that runs one statement, and keeps the limits that it was called with."""

    def __init__(self, statement: LiteralString) -> None:
        self.statement = statement
        self.seen: list[tuple[str, str]] = []

    async def generate(self, connection: Connection, systems: Sequence[System]) -> None:
        cursor = await connection.execute(
            "SELECT current_setting('lock_timeout') AS timeout, current_setting('search_path') AS path"
        )
        row = await cursor.fetchone()
        assert row is not None
        self.seen.append((row["timeout"], row["path"]))
        await connection.execute(self.statement)

    async def mirror(self, live: Connection, throwaway: Connection, systems: Sequence[System]) -> None:
        raise NotImplementedError


def generate_with(monkeypatch: pytest.MonkeyPatch, generator: Generator) -> None:
    for module in (driving, generating):
        monkeypatch.setattr(module, "declared_generators", lambda: (generator,))


async def test_what_is_generated_has_the_files_limits(
    empty_conninfo: str, empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = Looking("SELECT * FROM public.busy")
    generate_with(monkeypatch, looking)
    await empty_database.execute(sql.SQL("CREATE TABLE public.busy ()"))
    content = "-- lock-budget: 70ms\n-- UP\nSET search_path = pg_catalog;\n-- DOWN\nSELECT 1;\n"
    files = migration_files({"a/0001_x": content}, package="holdfast")
    hasty = Settings({"HOLDFAST_MIGRATE_PATIENCE": "300ms"})
    async with (
        Database.open(empty_conninfo, hasty, min_size=1) as database,
        empty_database.transaction() as other,
    ):
        await other.execute("LOCK TABLE public.busy")
        with pytest.raises(StillLocked, match=r"a/0001_x\.sql"):
            await migrate_up(database, files=files)
    assert set(looking.seen) == {("70ms", "public")}
    assert len(looking.seen) > 1
    assert len(await migrate_up(empty_database, files=files)) == 1


async def test_what_is_generated_and_refused_is_told_with_its_file(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate_with(monkeypatch, Looking("SELECT nope"))
    files = migration_files({"a/0001_x": table("public.x")}, package="holdfast")
    with pytest.raises(MigrationFailed, match=r'a/0001_x\.sql: at its end: column "nope" does not exist'):
        await migrate_up(empty_database, files=files)
    assert await rows(empty_database, "SELECT to_regclass('public.x') AS x") == [{"x": None}]


async def test_a_file_that_ends_its_connection_is_told_so(empty_database: Database) -> None:
    files = up_only(**{"0001_a": "CREATE TABLE public.g ();\nSELECT pg_terminate_backend(pg_backend_pid());"})
    with pytest.raises(ConnectionLost, match=r"a/0001_a\.sql: the connection ended") as caught:
        await migrate_up(empty_database, files=files)
    assert "migrate status" in caught.value.hint
    assert await states(empty_database, files) == ["pending"]


async def test_prepared_statements_that_a_file_ends_are_done_without(empty_database: Database) -> None:
    files = up_only(
        **{
            "0001_a": "CREATE TABLE public.one ();",
            "0002_b": "CREATE TABLE public.two ();\nDO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$;",
            "0003_c": "CREATE TABLE public.three ();",
        }
    )
    assert [each.number for each in await migrate_up(empty_database, files=files)] == [1, 2, 3]


async def test_a_role_without_rights_to_the_turn_is_told_so(
    empty_conninfo: str, empty_database: Database
) -> None:
    files = up_only(**{"0001_a": "SELECT 1;", "0002_b": "SELECT 1;"})
    await migrate_up(empty_database, files=up_only(**{"0001_a": "SELECT 1;"}))
    async with as_role(empty_conninfo, attributes="") as lowly:
        await empty_database.execute(
            sql.SQL(
                "GRANT USAGE ON SCHEMA holdfast TO PUBLIC;"
                "GRANT SELECT ON ALL TABLES IN SCHEMA holdfast TO PUBLIC"
            )
        )
        with pytest.raises(HoldfastError, match="permission denied for table migration_lock") as caught:
            await migrate_up(lowly, files=files)
    assert "as it was before" in caught.value.hint
    assert await states(empty_database, files) == ["applied", "pending"]


async def test_a_roles_time_limits_do_not_end_a_file(empty_conninfo: str) -> None:
    slow = up_only(**{"0001_a": "SELECT pg_sleep(0.4);", "0002_b": "SELECT pg_sleep(0.4);"})
    limits = ("statement_timeout = '200ms'", "transaction_timeout = '200ms'")
    async with as_role(empty_conninfo, *limits) as database:
        assert len(await migrate_up(database, files=slow)) == 2


async def test_a_roles_isolation_level_does_not_hide_what_others_did(empty_conninfo: str) -> None:
    level = "CREATE TABLE public.level AS SELECT current_setting('transaction_isolation') AS level;"
    async with as_role(empty_conninfo, "default_transaction_isolation = 'serializable'") as database:
        await migrate_up(database, files=up_only(**{"0001_a": level}))
        assert await rows(database, "SELECT level FROM public.level") == [{"level": "read committed"}]


async def test_strings_are_read_alike_whatever_a_role_is_set_to(empty_conninfo: str) -> None:
    # With backslashes that escape, the first string would go on and the COMMIT stand on its own.
    hidden = "CREATE TABLE public.a ();\nSELECT 'a\\'; SELECT '; COMMIT; SELECT 1/0; --';\nSELECT 1/0;"
    async with as_role(empty_conninfo, "standard_conforming_strings = off") as database:
        files = up_only(**{"0001_a": hidden})
        with pytest.raises(MigrationFailed, match=r"0001_a\.sql:4: division by zero"):
            await migrate_up(database, files=files)
        assert await rows(database, "SELECT to_regclass('public.a') AS a") == [{"a": None}]


async def test_a_file_that_divides_by_zero_is_not_taken_for_another_ones_turn(
    empty_database: Database,
) -> None:
    files = up_only(**{"0001_a": "SELECT 1 / 0;"})
    with pytest.raises(MigrationFailed, match=r"0001_a\.sql:2: division by zero"):
        await migrate_up(empty_database, files=files)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE ROLE nobody_at_all PASSWORD 'hunter2' IN ROLE there_is_none",
        "DO $$ BEGIN EXECUTE 'ALTER ROLE there_is_none PASSWORD ''hunter2'''; END $$",
        "SELECT there_is_none('postgresql://user:hunter2@host/x')",
    ],
)
async def test_no_password_is_told(empty_database: Database, statement: str) -> None:
    with pytest.raises(MigrationFailed) as caught:
        await migrate_up(empty_database, files=up_only(**{"0001_a": f"{statement};"}))
    assert "hunter2" not in f"{caught.value} {caught.value.details}"
    assert str(caught.value.details["statement"]).startswith(
        f"{statement.split(maxsplit=1)[0]} ... (left out"
    )


async def test_the_statement_without_a_password_is_told_whole(empty_database: Database) -> None:
    with pytest.raises(MigrationFailed) as caught:
        await migrate_up(empty_database, files=up_only(**{"0001_a": "SELECT nope;"}))
    assert caught.value.details["statement"] == "SELECT nope"


async def test_what_others_undid_meanwhile_is_not_undone_for_it(empty_database: Database) -> None:
    files = up_only(**{"0001_a": "SELECT 1;", "0002_b": "SELECT 1;"})
    await migrate_up(empty_database, files=files)
    newest = [files.ordered[1].id]
    assert len(await migrate_down(empty_database, "a", files=files, asked=newest)) == 1
    with pytest.raises(HoldfastError, match="to be undone was a/0002, and would be a/0001 now"):
        await migrate_down(empty_database, "a", files=files, asked=newest)
    assert await states(empty_database, files) == ["applied", "pending"]
