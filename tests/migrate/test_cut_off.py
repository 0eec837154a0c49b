"""Statements that run on their own and were cut off or refused: what the next run takes for done."""

from __future__ import annotations

from collections.abc import Callable
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from holdfast.errors import HoldfastError
from holdfast.migrate.engine import migrate_down, migrate_up, status
from holdfast.migrate.errors import MigrationFailed, NotReversible, StillLocked
from holdfast.migrate.plan import Files
from holdfast.migrate.whole import ConnectionLost
from holdfast.postgres.database import Database, Row
from holdfast.settings import Settings
from tests.fixtures.migrations import migration_files

IMPATIENT = Settings({"HOLDFAST_MIGRATE_PATIENCE": "1s", "HOLDFAST_MIGRATE_LOCK_TIMEOUT": "300ms"})


def steps(up: str, down: str = "SELECT 1;") -> Files:
    return migration_files({"a/0001_steps": f"-- no-transaction\n-- UP\n{up}\n-- DOWN\n{down}\n"})


def cut_off_at(wanted: str) -> Callable[[str], None]:
    def at(place: str) -> None:
        if place == wanted:
            raise InterruptedError(place)

    return at


async def cut_off(database: Database, files: Files, place: str) -> None:
    with pytest.raises(InterruptedError):
        await migrate_up(database, files=files, at=cut_off_at(place))


async def run(database: Database, *texts: LiteralString) -> None:
    for text in texts:
        await database.execute(sql.SQL(text))


async def state(database: Database, files: Files) -> str:
    return (await status(database, files=files))[0].state


async def indexes(database: Database) -> list[Row]:
    return await database.fetch(
        sql.SQL(
            "SELECT indexrelid::regclass::text AS name, indisvalid AS valid FROM pg_index"
            " WHERE indrelid IN (to_regclass('public.t'), to_regclass('own.t')) ORDER BY 1"
        )
    )


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY t_a ON t (a);",
        "DROP INDEX CONCURRENTLY t_absent;",
    ],
)
async def test_what_was_refused_is_refused_again(empty_database: Database, statement: str) -> None:
    """Another index has the name, or none has: a second attempt does not make it true."""
    await run(empty_database, "CREATE TABLE t (a INT, b INT)", "CREATE INDEX t_a ON t (b)")
    files = steps(statement)
    for _ in range(2):
        with pytest.raises(MigrationFailed, match=r"already exists|does not exist"):
            await migrate_up(empty_database, files=files)
        assert await state(empty_database, files) == "interrupted"


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("(a)", "CREATE INDEX t_a ON t (b)"),
        ("(a)", "CREATE UNIQUE INDEX t_a ON t (a)"),
        ("(a) WHERE b > 0", "CREATE INDEX t_a ON t (a) WHERE b > 1"),
        ("(a DESC)", "CREATE INDEX t_a ON t (a)"),
        ("USING hash (a)", "CREATE INDEX t_a ON t (a)"),
    ],
)
async def test_an_index_of_the_same_name_is_not_taken_for_the_one_that_was_begun(
    empty_database: Database, written: str, made: LiteralString
) -> None:
    await run(empty_database, "CREATE TABLE t (a INT, b INT)")
    files = steps(f"CREATE INDEX CONCURRENTLY t_a ON t {written};")
    await cut_off(empty_database, files, "started 1")
    await run(empty_database, made)
    with pytest.raises(MigrationFailed, match="already exists") as caught:
        await migrate_up(empty_database, files=files)
    assert "may be edited" in caught.value.hint


@pytest.mark.parametrize(
    ("unique", "definition"),
    [
        ("", "(a)"),
        ("", "((a + b) DESC) INCLUDE (b) WHERE b > 0"),
        ("UNIQUE ", "((t.b || 'x')) WITH (fillfactor = 70)"),
        ("", "USING hash (a)"),
    ],
)
async def test_an_index_that_was_built_and_not_noted_is_seen_to_be_it(
    empty_database: Database, unique: str, definition: str
) -> None:
    await run(empty_database, "CREATE TABLE t (a INT, b INT)")
    files = steps(f"CREATE {unique}INDEX CONCURRENTLY t_a ON public.t {definition};")
    await cut_off(empty_database, files, "after 1")
    await migrate_up(empty_database, files=files)
    assert await state(empty_database, files) == "applied"
    assert await indexes(empty_database) == [{"name": "t_a", "valid": True}]


async def test_a_broken_index_is_looked_for_where_the_statement_would_build_it(
    empty_conninfo: str, empty_database: Database
) -> None:
    """The role's own search_path is not the statement's: another schema's index is nobody's business."""
    own_path = make_conninfo(empty_conninfo, options="-c search_path=own,public")
    await run(
        empty_database,
        "CREATE SCHEMA own",
        "CREATE TABLE own.t (a INT)",
        "CREATE TABLE public.t (a INT)",
        "INSERT INTO public.t VALUES (1), (1)",
        "INSERT INTO own.t VALUES (1), (1)",
    )
    for schema in ("own", "public"):
        async with empty_database.connection() as connection:
            with pytest.raises(psycopg.errors.UniqueViolation):
                await connection.execute(sql.SQL(f"CREATE UNIQUE INDEX CONCURRENTLY t_a ON {schema}.t (a)"))
    await run(empty_database, "DELETE FROM public.t")
    files = steps("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a);")
    async with Database.open(own_path, Settings({}), min_size=1) as database:
        await migrate_up(database, files=files)
    assert await indexes(empty_database) == [
        {"name": "own.t_a", "valid": False},
        {"name": "t_a", "valid": True},
    ]


async def test_dropping_a_broken_index_waits_no_longer_than_the_patience(
    empty_conninfo: str, empty_database: Database
) -> None:
    await run(empty_database, "CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1), (1)")
    files = steps("CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);")
    with pytest.raises(MigrationFailed):
        await migrate_up(empty_database, files=files)
    await run(empty_database, "DELETE FROM t")
    async with Database.open(empty_conninfo, IMPATIENT, min_size=1) as impatient:
        async with empty_database.transaction() as reader:
            await reader.execute("SELECT FROM t")
            with pytest.raises(StillLocked):
                await migrate_up(impatient, files=files)
        await migrate_up(impatient, files=files)
    assert await indexes(empty_database) == [{"name": "t_a", "valid": True}]


PARTITIONS: tuple[LiteralString, ...] = (
    "CREATE TABLE t (a INT) PARTITION BY LIST (a)",
    "CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1)",
)
DETACH = "ALTER TABLE t DETACH PARTITION t_1 CONCURRENTLY;"


async def attached(database: Database) -> list[Row]:
    return await database.fetch(sql.SQL("SELECT FROM pg_inherits WHERE inhrelid = 't_1'::regclass"))


async def test_a_partition_that_is_half_detached_is_detached_whole(
    empty_conninfo: str, empty_database: Database
) -> None:
    await run(empty_database, *PARTITIONS)
    files = steps(DETACH)
    async with Database.open(empty_conninfo, IMPATIENT, min_size=1) as impatient:
        async with empty_database.transaction() as reader:
            await reader.execute("SELECT FROM t")
            with pytest.raises(StillLocked):
                await migrate_up(impatient, files=files)
        assert await attached(empty_database)
        await migrate_up(impatient, files=files)
    assert not await attached(empty_database)
    assert await state(empty_database, files) == "applied"


async def test_a_partition_that_was_detached_and_not_noted_is_seen_to_be(empty_database: Database) -> None:
    await run(empty_database, *PARTITIONS)
    files = steps(DETACH)
    await cut_off(empty_database, files, "after 1")
    await migrate_up(empty_database, files=files)
    assert await state(empty_database, files) == "applied"


async def test_databases_that_were_made_or_dropped_and_not_noted_are_seen_to_be(
    empty_database: Database,
) -> None:
    files = steps('CREATE DATABASE "cut Off" TEMPLATE template0;', 'DROP DATABASE "cut Off";')
    await cut_off(empty_database, files, "after 1")
    await migrate_up(empty_database, files=files)
    with pytest.raises(InterruptedError):
        await migrate_down(empty_database, "a", files=files, at=cut_off_at("after 1"))
    await migrate_down(empty_database, "a", files=files)
    assert await state(empty_database, files) == "pending"


async def test_a_database_of_the_name_of_one_that_was_refused_is_not_taken_for_it(
    empty_database: Database,
) -> None:
    files = steps("CREATE DATABASE postgres;")
    for _ in range(2):
        with pytest.raises(MigrationFailed, match="already exists"):
            await migrate_up(empty_database, files=files)


async def test_what_is_half_applied_is_not_undone_half_way(empty_database: Database) -> None:
    files = steps("CREATE TABLE t (a INT);\nVACUUM t;", "DROP TABLE t;")
    await cut_off(empty_database, files, "before 2")
    with pytest.raises(NotReversible, match="only some of its statements are done") as caught:
        await migrate_down(empty_database, "a", files=files)
    assert "holdfast migrate up" in caught.value.hint
    await migrate_up(empty_database, files=files)
    await migrate_down(empty_database, "a", files=files)
    assert await state(empty_database, files) == "pending"


async def test_a_connection_that_ends_between_is_told_with_what_comes_next(empty_database: Database) -> None:
    files = steps("CREATE TABLE t (a INT);\nSELECT pg_terminate_backend(pg_backend_pid());")
    with pytest.raises(ConnectionLost, match="the connection ended while it ran") as caught:
        await migrate_up(empty_database, files=files)
    assert "the next run goes on" in caught.value.hint
    assert await state(empty_database, files) == "interrupted"


async def test_who_may_not_keep_the_history_is_told(empty_conninfo: str, empty_database: Database) -> None:
    await migrate_up(empty_database, files=steps("SELECT 1;"))
    await run(
        empty_database,
        "DROP ROLE IF EXISTS may_only_look",
        "CREATE ROLE may_only_look",
        "GRANT USAGE ON SCHEMA holdfast TO may_only_look",
        "GRANT SELECT ON ALL TABLES IN SCHEMA holdfast TO may_only_look",
    )
    lowly = make_conninfo(empty_conninfo, options="-c role=may_only_look")
    more = migration_files({"b/0001_x": "-- no-transaction\n-- UP\nSELECT 1;\n-- DOWN\nSELECT 1;\n"})
    async with Database.open(lowly, Settings({}), min_size=1) as database:
        with pytest.raises(HoldfastError, match="permission denied for table migration_lock") as caught:
            await migrate_up(database, files=more)
    assert "owns the schema holdfast" in caught.value.hint
    await run(empty_database, "DROP OWNED BY may_only_look", "DROP ROLE may_only_look")
