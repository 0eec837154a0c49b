"""Runs the demos that systems declare, on a data directory that holds nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from holdfast.errors import Conflict
from holdfast.postgres.database import Database
from holdfast.postgres.statements import Statements
from holdfast.system import Demo, DemoStart, Report, resolve, systems

SQL = Statements("holdfast.service", "demo.sql")


@asynccontextmanager
async def demos(database: Database, data_dir: Path, report: Report) -> AsyncIterator[list[DemoStart]]:
    """Run every declared demo while the block runs; yield what each asks of the service.

    Raises ``Conflict`` where the data directory holds users or chains that no demo made.
    """
    await _only_a_demo(database, data_dir)
    async with AsyncExitStack() as stack:
        starts = []
        for path in [system.demo for system in systems() if system.demo]:
            demo: Demo = resolve(path)
            starts.append(await stack.enter_async_context(demo(database.transaction, data_dir, report)))
        yield starts


async def _only_a_demo(database: Database, data_dir: Path) -> None:
    mark = data_dir / "demo"
    if mark.exists():
        return
    row = await database.fetch_one(SQL["in_use"])
    if row is None or row["in_use"]:
        raise Conflict(
            f"{data_dir} holds users or chains that are not the demo's.",
            hint="Name another folder with --data-dir, or none: the demo then uses one of its own.",
        )
    mark.touch(mode=0o600)
