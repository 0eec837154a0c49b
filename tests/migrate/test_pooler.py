"""Migrations behind PgBouncer in transaction mode, where a session is nobody's own."""

from __future__ import annotations

import asyncio

import pytest
from psycopg import sql

from holdfast.errors import Conflict
from holdfast.migrate.engine import migrate_up
from holdfast.postgres.database import Database
from holdfast.postgres.endpoint import Endpoint
from holdfast.settings import Settings
from tests.fixtures.migrations import migration_files, table

WHOLE = {f"a/{number:04}_x": table(f"public.t{number}") for number in range(1, 15)} | {
    "a/0015_steps": "-- no-transaction\n-- UP\nSELECT 1;\nSELECT 2;\n-- DOWN\nSELECT 1;\n"
}
FILES = migration_files(
    WHOLE
    | {
        "a/0016_index": "-- no-transaction\n-- UP\nINSERT INTO public.t1 VALUES (1);\n"
        "CREATE INDEX CONCURRENTLY t1_more ON public.t1 (id, (id + 1));\nINSERT INTO public.t1 VALUES (2);\n"
        "-- DOWN\nDROP INDEX CONCURRENTLY public.t1_more;\n"
    }
)


async def test_any_number_at_once_apply_each_once(pooled_conninfo: str, debian_conninfo: str) -> None:
    async def one() -> list[int]:
        settings = Settings({"HOLDFAST_POOL_ACQUIRE_TIMEOUT": "30s"})
        endpoint = Endpoint(pooled_conninfo, embedded=False, origin="a test", direct=debian_conninfo)
        async with Database.open(endpoint, settings, min_size=0, max_size=2) as database:
            return [each.number for each in await migrate_up(database, files=FILES)]

    done = await asyncio.wait_for(asyncio.gather(*(one() for _ in range(6))), 60)
    assert sorted(number for numbers in done for number in numbers) == list(range(1, 17))
    async with Database.open(pooled_conninfo, Settings({}), min_size=0) as database:
        assert await database.fetch(sql.SQL("SELECT id FROM public.t1 ORDER BY id")) == [{"id": 1}, {"id": 2}]
        built = await database.fetch_one(
            sql.SQL("SELECT indisvalid FROM pg_index WHERE indexrelid = 'public.t1_more'::regclass")
        )
        assert built == {"indisvalid": True}


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY t1_more ON public.t1 (id);",
        "DO $$ BEGIN INSERT INTO public.t1 VALUES (2); COMMIT; END $$;",
    ],
)
async def test_what_needs_a_session_of_its_own_is_refused_without_a_way_round_the_pooler(
    pooled_conninfo: str, statement: str
) -> None:
    alone = f"-- no-transaction\n-- UP\nINSERT INTO public.t1 VALUES (1);\n{statement}\n-- DOWN\nSELECT 1;\n"
    files = migration_files(WHOLE | {"a/0016_alone": alone})
    async with Database.open(pooled_conninfo, Settings({}), min_size=1, max_size=2) as database:
        with pytest.raises(Conflict, match="a pooler stands before the server") as caught:
            await migrate_up(database, files=files)
        assert "HOLDFAST_DIRECT_DATABASE_URL" in caught.value.hint
        for _ in range(4):  # each in a session that the pooler chooses
            assert await database.fetch_one(sql.SQL("SELECT current_setting('lock_timeout') AS wait")) == {
                "wait": "0"
            }
