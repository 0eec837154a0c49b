"""What a file without a transaction finds in its session, and leaves there."""

from __future__ import annotations

import pytest
from psycopg import sql

from holdfast.migrate import generating, history
from holdfast.migrate.engine import migrate_up, status
from holdfast.migrate.errors import MigrationFailed, StillLocked
from holdfast.migrate.history import Mark
from holdfast.migrate.run import Run
from holdfast.migrate.running import run
from holdfast.migrate.turn import Turn
from holdfast.postgres.database import Database, Row
from holdfast.settings import Settings
from holdfast.system import Connection, System
from tests.fixtures.migrations import migration_files

SETTINGS = "SELECT current_setting('lock_timeout') AS wait, current_setting('search_path') AS path"


def steps(*statements: str) -> str:
    return "\n".join(("-- no-transaction", "-- UP", *statements, "-- DOWN", "SELECT 1;", ""))


async def test_whose_rights_a_statement_took_on_ends_with_it(empty_database: Database) -> None:
    await empty_database.execute(sql.SQL("DROP ROLE IF EXISTS somebody"))
    await empty_database.execute(sql.SQL("CREATE ROLE somebody"))
    taking = "SELECT set_config('session_authorization', 'somebody', false);"
    files = migration_files({"a/0001_x": steps(taking, "CREATE TABLE t AS SELECT session_user AS who;")})
    await migrate_up(empty_database, files=files)
    assert await empty_database.fetch(sql.SQL("SELECT FROM t WHERE who <> 'somebody'"))


async def test_temporary_tables_last_for_their_file(empty_database: Database) -> None:
    making = "CREATE TEMPORARY TABLE passing AS SELECT 1 AS x;"
    files = migration_files(
        {
            "a/0001_x": steps(making, "CREATE TABLE public.t AS SELECT x FROM passing;"),
            "a/0002_x": steps(making, "INSERT INTO public.t SELECT x + 1 FROM passing;"),
        }
    )
    await migrate_up(empty_database, files=files)
    assert await empty_database.fetch(sql.SQL("SELECT x FROM t ORDER BY x")) == [{"x": 1}, {"x": 2}]


async def test_what_was_set_for_a_statement_that_is_refused_is_set_back(empty_database: Database) -> None:
    migration = migration_files({"a/0001_x": steps("VACUUM absent;")}).ordered[0]
    async with empty_database.direct() as connection:
        await history.ensure_history(connection)
        before = await (await connection.execute(sql.SQL(SETTINGS))).fetchone()
        prepared = Run(empty_database, connection, Turn(5.0, print), 2.0, 5.0)
        with pytest.raises(MigrationFailed, match="absent"):
            await run(prepared, migration, "up", Mark(0, 0, 0))
        assert await (await connection.execute(sql.SQL(SETTINGS))).fetchone() == before


async def test_what_is_generated_after_it_keeps_to_the_limits(
    empty_conninfo: str, empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And steps back, and is tried again, as a statement of the file does."""
    seen: list[Row | None] = []

    class Generator:
        async def generate(self, connection: Connection, systems: list[System], /) -> None:
            seen.append(await (await connection.execute(sql.SQL(SETTINGS))).fetchone())
            await connection.execute("LOCK TABLE public.wanted")

        async def mirror(self, live: Connection, throwaway: Connection, systems: list[System], /) -> None: ...

    monkeypatch.setattr(generating, "declared_generators", lambda: (Generator(),))
    monkeypatch.setattr("holdfast.migrate.driving.declared_generators", lambda: (Generator(),))
    files = migration_files({"a/0001_x": steps("SELECT 1;")}, package="holdfast")
    impatient = Settings({"HOLDFAST_MIGRATE_PATIENCE": "500ms", "HOLDFAST_MIGRATE_LOCK_TIMEOUT": "50ms"})
    told: list[str] = []
    await empty_database.execute(sql.SQL("CREATE TABLE public.wanted (x INT)"))
    async with Database.open(empty_conninfo, impatient, min_size=1) as database:
        async with empty_database.transaction() as other:
            await other.execute("LOCK TABLE public.wanted")
            with pytest.raises(StillLocked) as still:
                await migrate_up(database, files=files, tell=told.append)
        assert "Nothing of it was done" not in still.value.hint
        assert told
        assert all("others hold a lock that it needs; trying again" in each for each in told)
        assert len(seen) > 1
        assert seen[0] == {"wait": "50ms", "path": "public"}
        await migrate_up(database, files=files)
        assert (await status(database, files=files))[0].state == "applied"
