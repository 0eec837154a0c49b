"""Runs one migration, up or down: as one transaction, or statement by statement."""

from __future__ import annotations

import asyncio
import random
import time

from holdfast.migrate.errors import StillLocked
from holdfast.migrate.files import Migration
from holdfast.migrate.history import Direction, Mark
from holdfast.migrate.run import LockedOut, Result, Run
from holdfast.migrate.stepwise import run_stepwise
from holdfast.migrate.whole import run_whole

_LONGEST_PAUSE = 10.0


async def run(run: Run, migration: Migration, direction: Direction, mark: Mark) -> Result:
    """Run a migration if the history still is as ``mark`` says.

    The result is ``busy`` where another process has the turn, ``overtaken`` where another one has
    changed the history. Locks that others hold are tried for again, with pauses, until the patience
    ends. Raises ``MigrationFailed``, ``StillLocked``, ``ConnectionLost``.
    """
    began = time.monotonic()
    pause, told = 0.1, False
    while True:
        try:
            if migration.transactional:
                return await run_whole(run, migration, direction, mark)
            return await run_stepwise(run, migration, direction, mark)
        except LockedOut as locked:
            if time.monotonic() - began + pause > run.patience:
                raise StillLocked(
                    f"{locked.place}: others held the locks that it needs: {locked.message}.",
                    hint=f"{_state(migration)} End the long transaction that holds them (`holdfast psql`, "
                    "pg_stat_activity), then run the same again.",
                ) from locked.error
            if not told:
                run.turn.tell(f"{locked.place}: others hold a lock that it needs; trying again.")
                told = True
            await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311  spreads processes, guards nothing
            pause = min(pause * 2, _LONGEST_PAUSE)


def _state(migration: Migration) -> str:
    """Say in what state a file is that could not have its locks."""
    if migration.transactional:
        return "Nothing of it was done."
    return (
        "What of it is recorded as done stays, and an index that was being built stands INVALID until "
        "the next run builds it again."
    )
