"""A connection that is given up while it is being made leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator

import pytest
from psycopg.sql import SQL

from holdfast.postgres.database import Database


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def sockets() -> int:
    count = 0
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
        except FileNotFoundError:  # the descriptor that listed them
            continue
    return count


@pytest.mark.usefixtures("without_collector")
async def test_a_connection_that_is_cancelled_half_way_is_closed_at_once(database: Database) -> None:
    async def hold() -> None:
        async with database.direct():
            await asyncio.Event().wait()

    await database.fetch(SQL("SELECT 1"))
    before = sockets()
    given_up = []
    for step in range(40):
        task = asyncio.create_task(hold())
        await asyncio.sleep(step * 0.0005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        given_up.append(task)  # its error, and the frames that this holds, stay alive
        assert sockets() == before
    assert all(task.cancelled() for task in given_up)
