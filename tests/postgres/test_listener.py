"""Notifications, and what happens to those who wait when none can come."""

from __future__ import annotations

import asyncio
import time

import pytest
from psycopg.sql import SQL

from holdfast.postgres.database import Database
from holdfast.postgres.errors import Unreachable
from holdfast.postgres.listener import Listener
from holdfast.settings import Settings
from tests.fixtures.doors import open_door
from tests.fixtures.waiting import eventually


async def test_notifications_of_each_channel_arrive_at_once(database: Database) -> None:
    async with Listener(database, ["first", "Odd \"name'"]) as listener:
        waiting = asyncio.create_task(listener.wait(30))
        await database.execute(SQL("NOTIFY first, '1-20'"))
        assert [(told.channel, told.payload) for told in await waiting] == [("first", "1-20")]
        await database.execute(SQL("SELECT pg_notify('Odd \"name''', 'x'), pg_notify('unheard', 'y')"))
        assert [told.channel for told in await listener.wait(30)] == ["Odd \"name'"]


async def test_what_was_told_between_two_waits_is_not_lost(database: Database) -> None:
    async with Listener(database, ["first"]) as listener:
        for number in range(3):
            await database.execute(SQL("SELECT pg_notify('first', %(n)s)"), {"n": str(number)})
        told: list[str] = []
        while len(told) < 3:
            came = await listener.wait(30)
            assert came
            told += [one.payload for one in came]
        assert told == ["0", "1", "2"]


async def test_a_rolled_back_notification_never_comes_and_the_wait_ends_in_time(database: Database) -> None:

    async def notify_and_fail() -> None:
        async with database.transaction() as connection:
            await connection.execute("NOTIFY first")
            raise LookupError

    async with Listener(database, ["first"]) as listener:
        with pytest.raises(LookupError):
            await notify_and_fail()
        began = time.monotonic()
        assert await listener.wait(0.2) == []
        assert 0.2 <= time.monotonic() - began < 2


async def test_a_cancelled_wait_loses_nothing_that_comes_later(database: Database) -> None:
    async with Listener(database, ["first"]) as listener:
        waiting = asyncio.create_task(listener.wait(30))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await database.execute(SQL("NOTIFY first, 'later'"))
        assert [told.payload for told in await listener.wait(30)] == ["later"]


async def test_a_lost_connection_ends_the_wait_and_is_opened_again(database: Database) -> None:
    async with Listener(database, ["first"]) as listener:
        waiting = asyncio.create_task(listener.wait(60))

        async def ended() -> bool:
            statement = SQL(
                "SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity "
                "WHERE starts_with(query, 'LISTEN') AND datname = current_database()"
            )
            return bool(await database.fetch(statement))

        await eventually(ended)
        async with asyncio.timeout(10):
            assert await waiting == []  # so that the caller looks for itself
        assert listener.hears
        await database.execute(SQL("NOTIFY first, 'after'"))
        assert [told.payload for told in await listener.wait(30)] == ["after"]


async def test_an_outage_is_waited_out_and_never_raised(empty_conninfo: str) -> None:
    settings = Settings({"HOLDFAST_POOL_MIN": "1", "HOLDFAST_ACQUIRE_TIMEOUT": "1s"})
    async with (
        open_door(empty_conninfo) as door,
        Database.open(door.conninfo, settings) as database,
        Listener(database, ["first"]) as listener,
    ):
        await door.shut()
        for _ in range(3):
            began = time.monotonic()
            assert await listener.wait(0.3) == []
            assert time.monotonic() - began < 3
        assert not listener.hears
        with pytest.raises(Unreachable):
            await database.fetch(SQL("SELECT 1"))
        await door.open()

        async def hears() -> bool:
            await listener.wait(0.1)
            return listener.hears

        assert await eventually(hears) < 6
        await database.execute(SQL("NOTIFY first, 'back'"))
        assert [told.payload for told in await listener.wait(30)] == ["back"]


async def test_closing_leaves_no_connection(database: Database) -> None:
    async with Listener(database, ["first"]):
        pass
    listening = SQL(
        "SELECT 1 AS one FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' AND datname = current_database()"
    )

    async def none() -> bool:
        return not await database.fetch(listening)

    await eventually(none)
