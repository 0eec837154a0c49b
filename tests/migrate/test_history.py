"""The history of an earlier version is brought up to date in place."""

from __future__ import annotations

import asyncio
from typing import LiteralString

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from holdfast.errors import Conflict, NotAllowed
from holdfast.migrate import generating
from holdfast.migrate.engine import migrate_down, migrate_up, status
from holdfast.migrate.errors import MigrationFailed, NotReversible
from holdfast.postgres.database import Database, Row
from holdfast.settings import Settings
from holdfast.system import Connection, System
from tests.fixtures.migrations import migration, migration_files, table

# The tables as the first release made them.
FIRST_RELEASE = """
CREATE SCHEMA holdfast;
CREATE TABLE holdfast.migrations (
    system TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    duration_ms BIGINT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('applied', 'applying', 'undoing')),
    version TEXT NOT NULL,
    actor TEXT NOT NULL,
    position BIGINT GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (system, number)
);
CREATE TABLE holdfast.migration_steps (
    system TEXT NOT NULL,
    number INTEGER NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('up', 'down')),
    step INTEGER NOT NULL,
    checksum TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    finished_at TIMESTAMPTZ,
    PRIMARY KEY (system, number, direction, step),
    FOREIGN KEY (system, number) REFERENCES holdfast.migrations ON DELETE CASCADE
);
CREATE TABLE holdfast.migration_lock (
    only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    holder TEXT,
    doing TEXT,
    lease_until TIMESTAMPTZ,
    CHECK ((holder IS NULL) = (lease_until IS NULL))
);
INSERT INTO holdfast.migration_lock DEFAULT VALUES;
"""
SHAPE: LiteralString = """
SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull::text
FROM pg_attribute WHERE attrelid::regclass::text LIKE 'holdfast.migration%' AND attnum > 0
UNION ALL
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype::text
FROM pg_constraint WHERE conrelid::regclass::text LIKE 'holdfast.migration%'
ORDER BY 1, 2, 3
"""
BY_TIME = {"a/0001_one": table("public.one"), "a/0002_two": table("public.two")}


async def shape(database: Database) -> list[Row]:
    return await database.fetch(sql.SQL(SHAPE))


async def first_release(database: Database) -> None:
    """Make the first release's tables, with the row of a file that it applied."""
    async with database.connection() as connection:
        await connection.execute(sql.SQL(FIRST_RELEASE))
        await connection.execute(sql.SQL(table("public.one").split("--")[1].removeprefix(" UP")))
        await connection.execute(
            "INSERT INTO holdfast.migrations"
            " (system, number, name, checksum, duration_ms, outcome, version, actor)"
            " VALUES ('a', 1, 'one', %s, 1, 'applied', '0.1.0', 'somebody')",
            [migration("a/0001_one", table("public.one")).checksum],
        )


async def test_an_earlier_history_becomes_what_a_new_one_is(
    empty_database: Database, fresh_database: Database
) -> None:
    await first_release(empty_database)
    files = migration_files(BY_TIME)
    assert [entry.state for entry in await status(empty_database, files=files)] == ["applied", "pending"]
    done = await asyncio.gather(*(migrate_up(empty_database, files=files) for _ in range(3)))
    assert [str(each.id) for one in done for each in one] == ["a/0002"]
    assert await shape(empty_database) == await shape(fresh_database)
    await empty_database.execute(
        sql.SQL(
            "UPDATE holdfast.migrations SET number = 20260101120000, outcome = 'adopted' WHERE number = 2"
        )
    )


async def test_what_somebody_built_on_an_earlier_history_is_named(empty_database: Database) -> None:
    await first_release(empty_database)
    await empty_database.execute(
        sql.SQL("CREATE VIEW public.numbers AS SELECT number FROM holdfast.migrations")
    )
    with pytest.raises(Conflict, match=r"view (public\.)?numbers"):
        await migrate_up(empty_database, files=migration_files(BY_TIME))
    assert (await status(empty_database, files=migration_files(BY_TIME)))[0].state == "applied"


async def test_what_is_generated_commits_with_the_file_that_calls_for_it(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Generator:
        async def generate(self, connection: Connection, systems: list[System], /) -> None:
            assert [system.name for system in systems] == ["a"]
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS public.made (at XID8 DEFAULT pg_current_xact_id())"
            )
            await connection.execute("INSERT INTO public.made DEFAULT VALUES")
            if fails:
                raise RuntimeError("it cannot be generated")

        async def mirror(self, live: Connection, throwaway: Connection, systems: list[System], /) -> None:
            raise AssertionError

    monkeypatch.setattr(generating, "declared_generators", lambda: (Generator(),))
    monkeypatch.setattr("holdfast.migrate.driving.declared_generators", lambda: (Generator(),))
    files = migration_files(BY_TIME, package="installed")
    fails = True
    with pytest.raises(RuntimeError):
        await migrate_up(empty_database, files=files)
    assert [entry.state for entry in await status(empty_database, files=files)] == ["pending", "pending"]
    fails = False
    await migrate_up(empty_database, files=files)
    same = await empty_database.fetch(
        sql.SQL("SELECT FROM public.made JOIN holdfast.migrations AS row ON row.xmin::text = made.at::text")
    )
    assert len(same) == 2
    await migrate_down(empty_database, "a", files=files)
    assert len(await empty_database.fetch(sql.SQL("SELECT FROM public.made"))) == 3


async def test_what_a_generator_runs_leaves_the_engines_statements_prepared(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psycopg prepares what is run often, and with a DROP lets go of everything that is prepared."""

    class Generator:
        async def generate(self, connection: Connection, systems: list[System], /) -> None:
            for _ in range(8):
                await connection.execute("SELECT %(system)s::text", {"system": systems[0].name})
            await connection.execute("CREATE TABLE public.passing ()")
            await connection.execute("DROP TABLE public.passing")

    monkeypatch.setattr(generating, "declared_generators", lambda: (Generator(),))
    monkeypatch.setattr("holdfast.migrate.driving.declared_generators", lambda: (Generator(),))
    contents = {f"a/{number:04}_t": table(f"t{number}") for number in range(1, 5)}
    done = await migrate_up(empty_database, files=migration_files(contents, package="installed"))
    assert len(done) == 4


@pytest.mark.parametrize("old", [False, True])
async def test_a_database_that_takes_no_changes_is_told_at_once(empty_conninfo: str, old: bool) -> None:
    """And not after all of HOLDFAST_MIGRATE_PATIENCE, as if others were in the way."""
    read_only = make_conninfo(empty_conninfo, options="-c default_transaction_read_only=on")
    async with Database.open(empty_conninfo, Settings({}), min_size=1) as database:
        if old:
            await first_release(database)
    async with Database.open(read_only, Settings({}), min_size=1) as database, asyncio.timeout(20):
        with pytest.raises(Conflict, match="takes no changes now"):
            await migrate_up(database, files=migration_files(BY_TIME))


async def test_who_may_not_make_the_history_is_told_who_may(
    empty_conninfo: str, empty_database: Database
) -> None:
    await empty_database.execute(sql.SQL("DROP ROLE IF EXISTS may_nothing"))
    await empty_database.execute(sql.SQL("CREATE ROLE may_nothing"))
    lowly = make_conninfo(empty_conninfo, options="-c role=may_nothing")
    async with Database.open(lowly, Settings({}), min_size=1) as database:
        with pytest.raises(NotAllowed, match=r"cannot be made ready: permission denied for database"):
            await migrate_up(database, files=migration_files(BY_TIME))


async def test_what_a_folder_that_is_not_at_hand_was_built_on_is_not_undone(
    empty_database: Database,
) -> None:
    below = {"x/0001_t": table("public.x")}
    above = {"y/0001_t": f"-- depends: x/0001\n{table('public.y')}"}
    steps = {"z/0001_t": f"-- no-transaction\n-- depends: x/0001\n{table('public.z')}"}
    await migrate_up(empty_database, files=migration_files({**below, **above, **steps}))
    for blocking in ("y", "z"):
        with pytest.raises(NotReversible, match=rf"{blocking}/0001 .* was built on it"):
            await migrate_down(empty_database, "x", files=migration_files(below))
        await migrate_down(empty_database, blocking, files=migration_files({**below, **above, **steps}))
    assert len(await migrate_down(empty_database, "x", files=migration_files(below))) == 1


async def test_a_failure_says_what_was_done_before_it_and_stays(empty_database: Database) -> None:
    broken = "-- UP\nCREATE TABL x ();\n-- DOWN\nDROP TABLE x;\n"
    files = migration_files({"a/0001_t": table("t1"), "a/0002_t": table("t2"), "a/0003_t": broken})
    with pytest.raises(MigrationFailed) as failed:
        await migrate_up(empty_database, files=files)
    assert "Before it, and that stays: a/0001 was applied, a/0002 was applied." in failed.value.hint
    assert failed.value.details["done"] == [
        {"system": "a", "number": number, "direction": "up"} for number in (1, 2)
    ]
