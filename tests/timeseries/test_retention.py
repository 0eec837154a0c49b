"""Expired partitions are dropped whole, in nobody's way, whatever the drop is cut off at."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from holdfast.errors import WrongUse
from holdfast.postgres.database import Database
from holdfast.timeseries.partitions import ensure_partitions
from holdfast.timeseries.retention import drop_expired
from tests.timeseries.conftest import DAILY

DAY = datetime(2026, 3, 1, tzinfo=UTC)
FIVE = [f"events_p2026030{day}" for day in range(1, 6)]


async def left(database: Database) -> list[str]:
    found = await database.fetch(
        sql.SQL(
            "SELECT relname FROM pg_class "
            "WHERE relnamespace = 'ts'::regnamespace AND relkind = 'r' ORDER BY 1"
        )
    )
    return [row["relname"] for row in found]


async def make_five(database: Database) -> None:
    made = await ensure_partitions(database, replace(DAILY, ahead=0), DAY, DAY + timedelta(days=4))
    assert made == FIVE


async def test_only_partitions_that_expired_whole_are_dropped(events: Database) -> None:
    await make_five(events)
    assert await drop_expired(events, DAILY, DAY + timedelta(days=2, hours=12)) == FIVE[:2]
    assert await left(events) == FIVE[2:]
    assert await drop_expired(events, DAILY, DAY + timedelta(days=2, hours=12)) == []
    # What this process remembered was forgotten with the drop.
    assert await ensure_partitions(events, replace(DAILY, ahead=0), DAY, DAY) == FIVE[:1]


async def test_it_refuses_to_work_inside_a_transaction(events: Database) -> None:
    async with events.transaction() as connection:
        with pytest.raises(WrongUse, match="inside of a transaction"):
            await drop_expired(connection, DAILY, DAY)


async def test_two_at_once_drop_each_partition_once(events: Database) -> None:
    await make_five(events)
    dropped = await asyncio.gather(*(drop_expired(events, DAILY, DAY + timedelta(days=4)) for _ in range(4)))
    assert sorted(name for names in dropped for name in names) == FIVE[:4]
    assert await left(events) == FIVE[4:]


async def test_reads_and_writes_go_on_while_it_waits_for_an_old_reader(events: Database) -> None:
    await make_five(events)
    async with events.transaction() as reader:
        await reader.execute("SELECT count(*) FROM ts.events")
        dropping = asyncio.create_task(drop_expired(events, DAILY, DAY + timedelta(days=1)))
        await _until_waiting(events)
        async with events.transaction() as other:
            await other.execute("SET LOCAL lock_timeout = '2s'")
            await other.execute("INSERT INTO ts.events (block_time) VALUES ('2026-03-04 01:00Z')")
            await other.execute("SELECT count(*) FROM ts.events")
        assert not dropping.done()
    assert await asyncio.wait_for(dropping, 20) == FIVE[:1]


async def _until_waiting(database: Database) -> None:
    for _ in range(400):
        row = await database.fetch_one(
            sql.SQL(
                "SELECT count(*) AS n FROM pg_stat_activity "
                "WHERE query LIKE '%CONCURRENTLY' AND wait_event_type = 'Lock'"
            )
        )
        if row is not None and row["n"]:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the drop never began to wait")


async def test_a_detach_that_was_cut_off_is_ended(events: Database) -> None:
    await make_five(events)
    async with events.transaction() as reader:
        await reader.execute("SELECT count(*) FROM ts.events")
        dropping = asyncio.create_task(drop_expired(events, DAILY, DAY + timedelta(days=1)))
        await _until_waiting(events)
        await events.fetch(
            sql.SQL(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE '%CONCURRENTLY' AND wait_event_type = 'Lock'"
            )
        )
        with pytest.raises(psycopg.OperationalError):
            await dropping
    pending = await events.fetch_one(sql.SQL("SELECT count(*) AS n FROM pg_inherits WHERE inhdetachpending"))
    assert pending == {"n": 1}
    assert await drop_expired(events, DAILY, DAY + timedelta(days=1)) == FIVE[:1]
    assert await left(events) == FIVE[1:]


async def test_what_was_detached_and_not_dropped_is_dropped_next_time(events: Database) -> None:
    await make_five(events)
    await events.execute(
        sql.SQL(
            "COMMENT ON TABLE ts.events_p20260301 IS 'holdfast: expired, taken off ts.events to be dropped'"
        )
    )
    await events.execute(sql.SQL("ALTER TABLE ts.events DETACH PARTITION ts.events_p20260301"))
    await events.execute(sql.SQL("ALTER TABLE ts.events DETACH PARTITION ts.events_p20260302"))
    assert await drop_expired(events, DAILY, DAY) == FIVE[:1]
    assert await left(events) == FIVE[1:]  # what somebody else took off stays
