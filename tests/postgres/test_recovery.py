"""The pool after the server was away."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from holdfast.errors import TryAgain
from holdfast.postgres.database import Database
from holdfast.postgres.embedded.server import EmbeddedServer
from holdfast.postgres.errors import Unreachable
from holdfast.settings import Settings
from tests.fixtures.doors import open_door
from tests.fixtures.owners import QUICK
from tests.fixtures.waiting import eventually

ONE = SQL("SELECT 1 AS one")
RECOVERED_WITHIN = 5.0


async def answers(database: Database) -> bool:
    try:
        return await database.fetch(ONE) == [{"one": 1}]
    except (TryAgain, psycopg.OperationalError):
        return False


async def fill(database: Database, connections: int) -> None:
    """Make the pool hold so many idle connections."""
    together = asyncio.Barrier(connections)

    async def hold() -> None:
        async with database.connection() as connection:
            await connection.execute("SELECT 1")
            await together.wait()

    await asyncio.gather(*(hold() for _ in range(connections)))


async def test_connections_that_the_server_ended_are_replaced_without_anybody_noticing(
    empty_conninfo: str,
) -> None:
    async with Database.open(empty_conninfo, Settings({}), application_name="ended") as database:
        await fill(database, 20)
        async with await psycopg.AsyncConnection.connect(empty_conninfo, autocommit=True) as other:
            ended = await other.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE application_name = 'ended' AND datname = current_database()"
            )
            assert ended.rowcount == 20
        began = time.monotonic()
        rows = await asyncio.gather(*(database.fetch(ONE) for _ in range(100)))
        assert rows == [[{"one": 1}]] * 100
        assert time.monotonic() - began < 2


async def test_a_server_that_dies_and_starts_again_is_used_again(tmp_path: Path) -> None:
    with EmbeddedServer.start(tmp_path / "data", parameters=QUICK) as server:
        async with Database.open(server.conninfo, Settings({})) as database:
            await fill(database, 10)
            for kill in (signal.SIGINT, signal.SIGKILL):
                before = server.pid
                os.kill(before, kill)

                async def is_another(before: int = before) -> bool:
                    return server.pid != before

                await eventually(is_another, within=30)
                assert await eventually(lambda: answers(database)) < RECOVERED_WITHIN


@pytest.mark.parametrize("seconds_away", [0.0, 4.0])
async def test_an_outage_is_told_in_time_and_ends_by_itself(
    empty_conninfo: str, seconds_away: float, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings({"HOLDFAST_ACQUIRE_TIMEOUT": "1s"})
    async with open_door(empty_conninfo) as door, Database.open(door.conninfo, settings) as database:
        await fill(database, 10)
        caplog.set_level(logging.INFO, "holdfast.postgres")
        await door.shut()
        until = time.monotonic() + seconds_away
        while True:
            began = time.monotonic()
            with pytest.raises(Unreachable, match="refused"):
                await database.fetch(ONE)
            assert time.monotonic() - began < 3
            if time.monotonic() >= until:
                break
        await door.open()
        assert await eventually(lambda: answers(database)) < RECOVERED_WITHIN
        # all of the pool is back, not one connection
        await fill(database, 20)
    told = [record.getMessage() for record in caplog.records]
    assert len([line for line in told if "cannot be connected to" in line]) == 1
    assert len([line for line in told if "answers again" in line]) == 1


async def test_a_limit_on_connections_is_told_and_ends_by_itself(
    empty_conninfo: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings({"HOLDFAST_ACQUIRE_TIMEOUT": "1s", "HOLDFAST_POOL_MIN": "1"})
    role = Identifier("held_back")
    async with Database.open(empty_conninfo, Settings({}), min_size=1) as owner:
        # the pool's first connection is closed before it opens others, and may still count for a moment
        await owner.execute(SQL("CREATE ROLE {} LOGIN PASSWORD 'p' CONNECTION LIMIT 3").format(role))
        try:
            limited = make_conninfo(empty_conninfo, user="held_back", password="p")
            async with Database.open(limited, settings) as database:
                async with database.connection(), database.connection(), database.connection():
                    with pytest.raises(Unreachable, match="too many connections"):
                        await database.fetch(ONE)
                assert await database.fetch(ONE) == [{"one": 1}]

                async def is_told() -> bool:
                    return "answers again" in caplog.text

                await eventually(is_told)
        finally:
            await owner.execute(SQL("DROP ROLE {}").format(role))


async def test_who_waits_through_an_outage_is_served_when_it_ends(empty_conninfo: str) -> None:
    settings = Settings({"HOLDFAST_ACQUIRE_TIMEOUT": "30s", "HOLDFAST_POOL_MIN": "1"})
    async with open_door(empty_conninfo) as door, Database.open(door.conninfo, settings) as database:
        await door.shut()
        waiting = [asyncio.create_task(database.fetch(ONE)) for _ in range(5)]
        await asyncio.sleep(4)  # longer than the pool tries by itself
        assert not any(task.done() for task in waiting)
        await door.open()
        began = time.monotonic()
        assert await asyncio.gather(*waiting) == [[{"one": 1}]] * 5
        assert time.monotonic() - began < RECOVERED_WITHIN


async def test_work_goes_on_through_repeated_outages(empty_conninfo: str) -> None:
    """Each number commits once or not at all, and never without its transaction's other row."""
    async with open_door(empty_conninfo) as door, Database.open(door.conninfo, Settings({})) as database:
        await database.execute(SQL("CREATE TABLE kept (number int PRIMARY KEY); "))
        await database.execute(SQL("CREATE TABLE twins (number int PRIMARY KEY)"))
        done = asyncio.Event()
        committed = []

        async def work(start: int) -> None:
            number = start
            while not done.is_set():
                number += 10
                try:
                    async with database.transaction() as connection:
                        await connection.execute("INSERT INTO kept VALUES (%s)", [number])
                        await connection.execute("INSERT INTO twins VALUES (%s)", [number])
                    committed.append(number)
                except (TryAgain, psycopg.OperationalError):
                    await asyncio.sleep(0.01)

        workers = [asyncio.create_task(work(start)) for start in range(8)]
        for _ in range(4):
            seen = len(committed)

            async def more(seen: int = seen) -> bool:
                return len(committed) > seen + 50

            await eventually(more, within=20)
            await door.shut()
            await door.open()
        await eventually(lambda: answers(database))
        done.set()
        await asyncio.gather(*workers)
        stored = {row["number"] for row in await database.fetch(SQL("SELECT number FROM kept"))}
        twins = {row["number"] for row in await database.fetch(SQL("SELECT number FROM twins"))}
        assert stored == twins
        assert set(committed) <= stored
