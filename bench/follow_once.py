"""Follows every chain of a database until its head, and prints how long that took and what it cost.

Run by other benchmarks in a process of its own: ``follow_once.py CONNINFO``. Prints one JSON object:
``seconds`` from the start of following to the head, ``cpu_seconds`` of this process, and
``peak_bytes``, the most memory that it held.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path

from psycopg.sql import SQL

from holdfast.chain.following import follow
from holdfast.postgres.database import Database
from holdfast.queue.work import WorkContext
from holdfast.service.interpreter import share_interpreter
from holdfast.settings import Settings
from holdfast.system import resolve, rooms


def ignore(_event: str, /, **_details: object) -> None:
    """Take what the follower tells."""


async def run(conninfo: str) -> dict[str, float]:
    """Follow to the head; return the figures."""
    share_interpreter()
    settings = Settings({})
    count = resolve(next(room.pending for room in rooms() if room.name == "chain"))
    async with Database.open(conninfo, settings) as database:
        stop = asyncio.Event()
        context = WorkContext(
            database=database, settings=settings, instance="bench", stop=stop, report=ignore, sole=True
        )
        await database.fetch_one(SQL("SELECT 1"))
        began, cpu = time.perf_counter(), time.process_time()
        following = asyncio.create_task(follow(context))
        while True:
            async with database.connection() as connection:
                if not await count(connection):
                    break
            await asyncio.sleep(0.01)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        stop.set()
        await following
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": peak_bytes()}


def peak_bytes() -> int:
    """Return the most memory that this process held; getrusage would count who started it as well."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1]))))
