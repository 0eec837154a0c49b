"""Files without a transaction: recorded statement by statement, and resumed wherever they were cut off."""

from __future__ import annotations

import asyncio
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from holdfast.migrate import history, turn
from holdfast.migrate.engine import Done, migrate_down, migrate_up, status
from holdfast.migrate.errors import MigrationFailed
from holdfast.migrate.whole import ConnectionLost
from holdfast.postgres.database import Database, Row
from holdfast.settings import Settings
from tests.fixtures.migrations import migration_files, table

BASE = "-- UP\nCREATE TABLE public.t (x INT);\n-- DOWN\nDROP TABLE public.t;\n"
INDEX = "CREATE UNIQUE INDEX CONCURRENTLY t_x ON public.t (x);"
STEPS = f"""-- no-transaction
-- UP
INSERT INTO public.t VALUES (1);
{INDEX}
INSERT INTO public.t VALUES (2);
VACUUM public.t;
-- DOWN
DROP INDEX CONCURRENTLY public.t_x;
DELETE FROM public.t;
"""
FILES = migration_files({"a/0001_t": BASE, "a/0002_steps": STEPS})


def ids(done: list[Done]) -> list[str]:
    return [f"{each.id} {each.direction}" for each in done]


async def rows(database: Database, text: LiteralString) -> list[Row]:
    return await database.fetch(sql.SQL(text))


async def contents(database: Database) -> list[int]:
    return [row["x"] for row in await rows(database, "SELECT x FROM public.t ORDER BY x")]


async def index_is_valid(database: Database) -> bool | None:
    found = await rows(
        database, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('public.t_x')"
    )
    return found[0]["indisvalid"] if found else None


async def state(database: Database) -> str:
    return (await status(database, files=FILES))[1].state


@pytest.fixture
async def base(empty_database: Database) -> Database:
    await migrate_up(empty_database, files=migration_files({"a/0001_t": BASE}))
    return empty_database


async def test_up_and_down(base: Database) -> None:
    assert ids(await migrate_up(base, files=FILES)) == ["a/0002 up"]
    assert await contents(base) == [1, 2]
    assert await index_is_valid(base) is True
    assert await rows(base, "SELECT FROM holdfast.migration_steps") == []
    assert await rows(base, "SELECT holder FROM holdfast.migration_lock") == [{"holder": None}]
    assert ids(await migrate_down(base, "a", files=FILES)) == ["a/0002 down"]
    assert await contents(base) == []
    assert await index_is_valid(base) is None
    assert await state(base) == "pending"


async def test_a_failed_build_is_resumed_and_its_invalid_index_built_again(base: Database) -> None:
    await base.execute(sql.SQL("INSERT INTO public.t VALUES (7), (7)"))
    with pytest.raises(MigrationFailed) as caught:
        await migrate_up(base, files=FILES)
    assert caught.value.message.startswith("a/0002_steps.sql:4: could not create unique index")
    assert "1 statements are done and recorded" in caught.value.hint
    assert await index_is_valid(base) is False
    assert await state(base) == "interrupted"
    await base.execute(sql.SQL("DELETE FROM public.t WHERE x = 7"))
    assert ids(await migrate_up(base, files=FILES)) == ["a/0002 up"]
    assert await index_is_valid(base) is True
    assert await contents(base) == [1, 2]  # the first statement ran once
    assert await state(base) == "applied"


async def test_an_invalid_index_is_never_taken_for_done_by_if_not_exists(base: Database) -> None:
    await base.execute(sql.SQL("INSERT INTO public.t VALUES (7), (7)"))
    async with base.connection() as connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            await connection.execute(sql.SQL(INDEX.rstrip(";")))
    await base.execute(sql.SQL("DELETE FROM public.t"))
    lenient = STEPS.replace("CONCURRENTLY t_x", "CONCURRENTLY IF NOT EXISTS t_x")
    await migrate_up(base, files=migration_files({"a/0001_t": BASE, "a/0002_steps": lenient}))
    assert await index_is_valid(base) is True


async def test_finished_statements_may_not_be_edited_and_later_ones_may(base: Database) -> None:
    await base.execute(sql.SQL("INSERT INTO public.t VALUES (7), (7)"))
    with pytest.raises(MigrationFailed):
        await migrate_up(base, files=FILES)
    first = migration_files({"a/0001_t": BASE, "a/0002_steps": STEPS.replace("VALUES (1)", "VALUES (5)")})
    with pytest.raises(MigrationFailed, match="cut off after its statement 1, which has been edited"):
        await migrate_up(base, files=first)
    later = migration_files({"a/0001_t": BASE, "a/0002_steps": STEPS.replace("CREATE UNIQUE", "CREATE")})
    assert ids(await migrate_up(base, files=later)) == ["a/0002 up"]
    assert await contents(base) == [1, 2, 7, 7]


async def test_an_undoing_that_was_cut_off_is_ended_before_it_is_applied_again(base: Database) -> None:
    broken = migration_files(
        {"a/0001_t": BASE, "a/0002_steps": STEPS.replace("DELETE FROM public.t", "DELETE FROM public.absent")}
    )
    await migrate_up(base, files=broken)
    with pytest.raises(MigrationFailed, match="absent"):
        await migrate_down(base, "a", files=broken)
    assert await index_is_valid(base) is None
    assert ids(await migrate_up(base, files=FILES)) == ["a/0002 down", "a/0002 up"]
    assert await contents(base) == [1, 2]
    assert await index_is_valid(base) is True


async def test_statements_that_commit_by_themselves_run_on_their_own(base: Database) -> None:
    loop = (
        "-- no-transaction\n-- UP\nDO $$ BEGIN FOR i IN 1..3 LOOP "
        "INSERT INTO public.t VALUES (i); COMMIT; END LOOP; END $$;\n-- DOWN\nDELETE FROM public.t;\n"
    )
    await migrate_up(base, files=migration_files({"a/0001_t": BASE, "a/0002_loop": loop}))
    assert await contents(base) == [1, 2, 3]


async def test_several_at_once_run_each_statement_once(base: Database) -> None:
    done = await asyncio.gather(*(migrate_up(base, files=FILES) for _ in range(5)))
    assert [ids(each) for each in done if each] == [["a/0002 up"]]
    assert await contents(base) == [1, 2]


async def test_who_saw_it_under_way_does_not_do_it_again(base: Database, empty_conninfo: str) -> None:
    """What it saw as interrupted is through when its turn comes: the history has changed, if by no row."""
    told = asyncio.Event()
    patient = Settings({"HOLDFAST_MIGRATE_LOCK_TIMEOUT": "1m"})
    async with (
        Database.open(empty_conninfo, patient, min_size=1) as first,
        asyncio.TaskGroup() as tasks,
        base.transaction() as other,
        asyncio.timeout(20),
    ):
        await other.execute("LOCK TABLE public.t")
        works = tasks.create_task(migrate_up(first, files=FILES))
        while await state(base) != "interrupted":  # noqa: ASYNC110  only the database knows it
            await asyncio.sleep(0.02)
        waits = tasks.create_task(migrate_up(base, files=FILES, tell=lambda _: told.set()))
        await told.wait()
    assert (ids(works.result()), ids(waits.result())) == (["a/0002 up"], [])
    assert await contents(base) == [1, 2]


async def test_whoever_read_the_history_in_the_middle_sees_that_it_went_on(base: Database) -> None:
    """Or it would run the statements again that the other process has ended meanwhile."""
    migration = FILES.of("a")[-1]
    async with base.transaction() as connection:
        await history.begin_steps(connection, migration, "up")
    async with base.connection() as connection:
        in_the_middle = await history.read_mark(connection)
        await migrate_up(base, files=FILES)
        assert await history.read_mark(connection) != in_the_middle


@pytest.mark.parametrize("note", ["start_step", "finish_step", "end_steps", "forget_steps"])
@pytest.mark.parametrize("occurrence", [1, 2, 3])
async def test_cut_off_at_any_note_it_resumes(
    base: Database, monkeypatch: pytest.MonkeyPatch, note: str, occurrence: int
) -> None:
    """The connection is lost just before a note is written: what ran on its own is done, and not noted."""
    seen = 0
    real = psycopg.AsyncConnection.execute

    async def execute(
        self: psycopg.AsyncConnection[Row], query: object, *more: object, **named: object
    ) -> object:
        nonlocal seen
        if getattr(query, "name", "") == f"migrate.{note}":
            seen += 1
            if seen == occurrence:
                self.pgconn.finish()
        return await real(self, query, *more, **named)  # type: ignore[call-overload]  # passed on as it came

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.AsyncConnection, "execute", execute)
        try:
            await migrate_up(base, files=FILES)
        except ConnectionLost:
            assert await state(base) == "interrupted"
    await migrate_up(base, files=FILES)
    assert await contents(base) == [1, 2]
    assert await index_is_valid(base) is True
    assert await state(base) == "applied"


async def test_a_lost_lease_stops_the_one_who_lost_it(base: Database) -> None:
    files = migration_files(
        {
            "a/0001_t": BASE,
            "a/0002_steal": "-- no-transaction\n-- UP\nUPDATE holdfast.migration_lock SET holder = 'thief', "
            "lease_until = now() + interval '1 hour';\nINSERT INTO public.t VALUES (1);\n"
            "-- DOWN\nSELECT 1;\n",
        }
    )
    with pytest.raises(turn.TurnLost):
        await migrate_up(base, files=files)
    assert await contents(base) == []


@pytest.mark.parametrize("target", ["INDEX public.t_pkey", "TABLE public.t", "SCHEMA public"])
async def test_what_a_reindex_left_when_it_was_cut_off_is_dropped(
    empty_database: Database, target: str
) -> None:
    kind, name = target.split()
    reindex = f"-- no-transaction\n-- UP\nREINDEX {kind} CONCURRENTLY {name};\n-- DOWN\nSELECT 1;\n"
    other = "CREATE SCHEMA other; CREATE TABLE other.t (id BIGINT PRIMARY KEY)"
    both = {"a/0001_t": table("public.t"), "a/0002_again": reindex}
    await empty_database.execute(sql.SQL(other))

    def cut_off(place: str) -> None:
        if place == "started 1":
            raise RuntimeError(place)

    with pytest.raises(RuntimeError):
        await migrate_up(empty_database, files=migration_files(both), at=cut_off)
    for schema in ("public", "other"):
        for index in ("t_pkey_ccnew", "t_pkey_ccold2"):
            leave = f"CREATE INDEX {index} ON {schema}.t (id)"
            await empty_database.execute(sql.SQL(leave))
            invalid = (
                f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{schema}.{index}'::regclass"
            )
            await empty_database.execute(sql.SQL(invalid))
    assert ids(await migrate_up(empty_database, files=migration_files(both))) == ["a/0002 up"]
    left = await empty_database.fetch(
        sql.SQL(
            "SELECT schemaname AS schema, indexname AS name FROM pg_indexes WHERE tablename = 't'"
            " ORDER BY 1, 2"
        )
    )
    assert [(row["schema"], row["name"]) for row in left] == [
        ("other", "t_pkey"),
        ("other", "t_pkey_ccnew"),
        ("other", "t_pkey_ccold2"),
        ("public", "t_pkey"),
    ]
