"""Migrations reach the partitions that exist; a throwaway database gets the live one's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from holdfast.migrate.generating import generate, mirror
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.system import System
from holdfast.timeseries.generating import PARTITIONS
from holdfast.timeseries.partitions import ensure_partitions
from tests.fixtures.servers import temporary_database
from tests.timeseries.conftest import DAILY, TABLE

DAY = datetime(2026, 3, 1, tzinfo=UTC)
SYSTEM = System(name="ts", summary="Tests.", package="tests", schema="ts", partitions=(DAILY,))
_REFUSING: LiteralString = """
CREATE TRIGGER keep BEFORE TRUNCATE ON ts.events FOR EACH STATEMENT EXECUTE FUNCTION ts.refuse('kept');
ALTER TABLE ts.events ENABLE ALWAYS TRIGGER keep
"""
_ENABLED: LiteralString = """
SELECT tgrelid::regclass::text AS on, tgenabled::text AS enabled FROM pg_trigger
WHERE tgname = 'keep' ORDER BY 1
"""


async def run(database: Database, text: LiteralString) -> None:
    async with database.connection() as connection:
        await connection.execute(sql.SQL(text), prepare=False)


async def generated(database: Database) -> list[tuple[str, str]]:
    async with database.transaction() as connection:
        await generate(connection, [SYSTEM], generators=[PARTITIONS])
    return [(row["on"], row["enabled"]) for row in await database.fetch(sql.SQL(_ENABLED))]


async def test_a_truncate_trigger_of_a_later_migration_reaches_the_partitions_that_exist(
    events: Database,
) -> None:
    await run(events, 'DROP TRIGGER "Keep all" ON ts.events')
    await ensure_partitions(events, DAILY, DAY, DAY)
    await run(events, _REFUSING)
    await run(events, "TRUNCATE ts.events_p20260301")  # PostgreSQL itself does not hand it down
    everywhere = ["ts.events", "ts.events_p20260301", "ts.events_p20260302"]
    assert await generated(events) == [(name, "A") for name in everywhere]
    with pytest.raises(psycopg.errors.RaiseException, match="kept"):
        await run(events, "TRUNCATE ts.events_p20260301")
    await run(events, "ALTER TABLE ts.events ENABLE REPLICA TRIGGER keep")
    assert await generated(events) == [(name, "R") for name in everywhere]
    await run(events, "DROP TRIGGER keep ON ts.events")
    assert await generated(events) == []


async def test_what_is_not_there_yet_is_left_alone(empty_database: Database) -> None:
    assert await generated(empty_database) == []


async def test_a_throwaway_database_gets_the_partitions_that_are_ours(
    events: Database, server: str, settings: Settings
) -> None:
    await ensure_partitions(events, DAILY, DAY, DAY)
    await ensure_partitions(events, DAILY, DAY + timedelta(days=5), DAY + timedelta(days=5))
    await run(
        events,
        "CREATE TABLE ts.old PARTITION OF ts.events"
        " FOR VALUES FROM ('2025-01-01 00:00Z') TO ('2025-01-02 00:00Z')",
    )
    with temporary_database(server) as conninfo:
        async with Database.open(conninfo, settings, min_size=1) as throwaway:
            await run(throwaway, TABLE)
            async with events.connection() as live, throwaway.connection() as made:
                await mirror(live, made, [SYSTEM], generators=[PARTITIONS])
            rows = await throwaway.fetch(
                sql.SQL(
                    "SELECT relname AS name, pg_get_expr(relpartbound, oid) AS bounds FROM pg_class"
                    " WHERE relispartition AND relkind = 'r' ORDER BY 1"
                )
            )
    days = ("0301", "0302", "0306", "0307")
    assert [row["name"] for row in rows] == [f"events_p2026{day}" for day in days]
    assert "FROM ('2026-03-06 00:00:00+00') TO ('2026-03-07 00:00:00+00')" in rows[2]["bounds"]
