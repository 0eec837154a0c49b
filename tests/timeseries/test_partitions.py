"""Partitions are made before rows need them: whole, once, and in nobody's way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from holdfast.postgres.database import Database, Row
from holdfast.timeseries import memory, partitions
from holdfast.timeseries.errors import (
    NameTaken,
    NonsenseTime,
    NotPartitioned,
    TableBusy,
    TooManyPartitions,
)
from holdfast.timeseries.partitions import ensure_partitions, partition_name
from tests.timeseries.conftest import DAILY

DAY = datetime(2026, 3, 1, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)


async def rows(database: Database, text: LiteralString) -> list[Row]:
    return await database.fetch(sql.SQL(text))


async def insert(database: Database, time: datetime, amount: int = 1) -> None:
    await database.execute(
        sql.SQL("INSERT INTO ts.events (block_time, amount) VALUES (%(time)s, %(amount)s)"),
        {"time": time, "amount": amount},
    )


async def test_steps_of_the_rows_and_those_ahead_are_made(events: Database) -> None:
    made = await ensure_partitions(events, DAILY, NOON, NOON + timedelta(days=1))
    assert made == ["events_p20260301", "events_p20260302", "events_p20260303"]
    assert await ensure_partitions(events, DAILY, DAY, NOON) == []
    for day in range(3):
        await insert(events, DAY + timedelta(days=day))
    with pytest.raises(psycopg.errors.CheckViolation):
        await insert(events, DAY + timedelta(days=3))


async def test_missing_steps_between_are_left_until_needed(events: Database) -> None:
    await ensure_partitions(events, replace(DAILY, ahead=0), DAY, DAY)
    made = await ensure_partitions(
        events, replace(DAILY, ahead=0), DAY + timedelta(days=9), DAY + timedelta(days=9)
    )
    assert made == ["events_p20260310"]


async def test_a_partition_has_all_that_its_parent_has(events: Database) -> None:
    await ensure_partitions(events, DAILY, DAY, DAY)
    await insert(events, NOON, 2**200)
    assert await rows(events, "SELECT id, twice FROM ts.events_p20260301") == [{"id": 1, "twice": 2**201}]
    with pytest.raises(psycopg.errors.CheckViolation):
        await insert(events, NOON, -1)
    attached = await rows(
        events,
        "SELECT count(*) AS indexes FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid "
        "WHERE indrelid = 'ts.events_p20260301'::regclass AND inhparent IN "
        "('ts.events_pkey'::regclass, 'ts.events_kind'::regclass) AND indisvalid",
    )
    assert attached == [{"indexes": 2}]
    checks = await rows(
        events,
        "SELECT count(*) AS own FROM pg_constraint "
        "WHERE conrelid = 'ts.events_p20260301'::regclass AND contype = 'c'",
    )
    assert checks == [{"own": 1}]  # the parent's; a second one for the bounds would cost every row


@pytest.mark.parametrize("table", ["ts.events", "ts.events_p20260301"])
async def test_truncate_triggers_hold_for_partitions_too(events: Database, table: LiteralString) -> None:
    await ensure_partitions(events, DAILY, DAY, DAY)
    async with events.connection() as connection:
        with pytest.raises(psycopg.errors.RaiseException, match="it's all"):
            await connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(table)))
        await connection.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.RaiseException, match="it's all"):  # it is ENABLE ALWAYS
            await connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(table)))


async def test_row_triggers_hold_once_for_partitions(events: Database) -> None:
    await ensure_partitions(events, DAILY, DAY, DAY)
    await insert(events, NOON)
    with pytest.raises(psycopg.errors.RaiseException, match="row"):
        await rows(events, "DELETE FROM ts.events_p20260301 RETURNING id")


async def test_writers_and_readers_are_not_kept_waiting(events: Database) -> None:
    await ensure_partitions(events, replace(DAILY, ahead=0), DAY, DAY)
    async with events.transaction() as writing:
        await writing.execute("INSERT INTO ts.events (block_time) VALUES ('2026-03-01 01:00Z')")
        made = await ensure_partitions(events, DAILY, DAY + timedelta(days=1), DAY + timedelta(days=1))
        assert made == ["events_p20260302", "events_p20260303"]


async def test_a_write_goes_on_while_a_partition_is_made(events: Database) -> None:
    await ensure_partitions(events, replace(DAILY, ahead=0), DAY, DAY)
    async with events.transaction() as making:
        await ensure_partitions(making, DAILY, DAY + timedelta(days=1), DAY + timedelta(days=1))
        async with events.transaction() as writing:
            await writing.execute("SET LOCAL lock_timeout = '2s'")
            await writing.execute("INSERT INTO ts.events (block_time) VALUES ('2026-03-01 01:00Z')")
            await writing.execute("SELECT count(*) FROM ts.events")


async def test_many_at_once_make_each_partition_once(events: Database, events_conninfo: str) -> None:
    async def one() -> list[str]:
        async with await psycopg.AsyncConnection.connect(events_conninfo, autocommit=True) as connection:
            return await ensure_partitions(connection, DAILY, DAY, DAY + timedelta(days=40))

    made = [name for names in await asyncio.gather(*(one() for _ in range(8))) for name in names]
    assert len(made) == 42
    assert len(set(made)) == 42
    await ensure_partitions(events, DAILY, DAY, DAY + timedelta(days=40))


async def test_what_is_remembered_costs_no_statement(
    events: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure_partitions(events, DAILY, DAY, NOON)

    def unexpected() -> None:
        raise AssertionError("the database was asked")

    with monkeypatch.context() as patched:
        patched.setattr(events, "connection", unexpected)
        assert await ensure_partitions(events, DAILY, DAY, NOON) == []
        memory.forget(DAILY.table)
        with pytest.raises(AssertionError, match="was asked"):
            await ensure_partitions(events, DAILY, DAY, NOON)


async def test_memory_lapses_so_that_a_drop_elsewhere_is_noticed(
    events: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure_partitions(events, DAILY, DAY, NOON)
    await events.execute(sql.SQL("DROP TABLE ts.events_p20260301"))
    monkeypatch.setattr(memory, "KEEP_SECONDS", 0.0)
    assert await ensure_partitions(events, DAILY, DAY, NOON) == ["events_p20260301"]


async def test_what_was_rolled_back_is_not_remembered(events: Database) -> None:
    async with events.connection() as connection:
        async with connection.transaction(force_rollback=True):
            assert len(await ensure_partitions(connection, DAILY, DAY, NOON)) == 2
        assert await rows(events, "SELECT relid FROM pg_partition_tree('ts.events') WHERE isleaf") == []
    assert len(await ensure_partitions(events, DAILY, DAY, NOON)) == 2


async def test_a_changed_width_fills_what_is_missing(events: Database) -> None:
    await ensure_partitions(
        events, replace(DAILY, ahead=0), datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)
    )
    weekly = replace(DAILY, every="1 week", ahead=0)
    made = await ensure_partitions(
        events, weekly, datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)
    )
    assert made == ["events_p20260302", "events_p20260305"]
    for day in range(2, 9):
        await insert(events, datetime(2026, 3, day, tzinfo=UTC))


async def test_hourly_partitions_carry_their_hour(events: Database) -> None:
    hourly = replace(DAILY, every="6 hours", ahead=1)
    assert await ensure_partitions(events, hourly, NOON, NOON) == ["events_p2026030112", "events_p2026030118"]


async def test_the_sessions_time_zone_changes_nothing(events: Database) -> None:
    async with events.connection() as connection:
        await connection.execute("SET timezone = 'Pacific/Auckland'")
        assert await ensure_partitions(connection, replace(DAILY, ahead=0), DAY, NOON) == ["events_p20260301"]
        assert await ensure_partitions(connection, replace(DAILY, ahead=0), DAY, NOON) == []
        await connection.execute("RESET timezone")
    await insert(events, DAY)


@pytest.mark.parametrize(
    "time",
    [datetime(1969, 12, 31, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)],
)
async def test_nonsense_times_make_nothing(events: Database, time: datetime) -> None:
    first, last = sorted((time, DAY))
    with pytest.raises(NonsenseTime, match=r"A row for ts\.events claims block_time"):
        await ensure_partitions(events, DAILY, first, last)
    assert await rows(events, "SELECT relid FROM pg_partition_tree('ts.events') WHERE isleaf") == []


async def test_too_many_at_once_make_nothing(events: Database) -> None:
    with pytest.raises(TooManyPartitions, match="need 102 partitions that do not exist; at most 100"):
        await ensure_partitions(events, DAILY, DAY - timedelta(days=100), DAY, at_once=100)
    assert await rows(events, "SELECT relid FROM pg_partition_tree('ts.events') WHERE isleaf") == []


async def test_a_locked_table_is_waited_for_and_then_given_up(
    events: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with events.connection() as altering:
        async with altering.transaction():
            await altering.execute("LOCK TABLE ONLY ts.events IN SHARE UPDATE EXCLUSIVE MODE")
            with monkeypatch.context() as patched:
                patched.setattr(partitions, "_PATIENCE_SECONDS", 0.0)
                with pytest.raises(TableBusy):
                    await ensure_partitions(events, DAILY, DAY, DAY)
            waiting = asyncio.create_task(ensure_partitions(events, DAILY, DAY, DAY))
            await asyncio.sleep(0)
        assert len(await asyncio.wait_for(waiting, 20)) == 2


async def test_tables_that_are_not_as_declared_are_named(events: Database) -> None:
    await events.execute(
        sql.SQL(
            "CREATE TABLE ts.plain (block_time TIMESTAMPTZ);"
            "CREATE TABLE ts.days (block_time DATE) PARTITION BY RANGE (block_time)"
        )
    )
    for declared in (
        replace(DAILY, table="ts.plain"),
        replace(DAILY, table="ts.absent"),
        replace(DAILY, table="ts.days"),
        replace(DAILY, column="kind"),
    ):
        with pytest.raises(NotPartitioned, match=declared.table):
            await ensure_partitions(events, declared, DAY, DAY)


async def test_a_table_in_the_way_is_named(events: Database) -> None:
    await events.execute(sql.SQL("CREATE TABLE ts.events_p20260302 (x INT)"))
    with pytest.raises(NameTaken, match=r"ts\.events_p20260302 exists"):
        await ensure_partitions(events, DAILY, DAY, DAY)
    assert await rows(events, "SELECT relid FROM pg_partition_tree('ts.events') WHERE isleaf") == []


def test_names_that_postgresql_would_cut_off_are_refused() -> None:
    with pytest.raises(NameTaken, match="longer than 63 bytes"):
        partition_name("t" * 60, DAY, whole_days=True)
