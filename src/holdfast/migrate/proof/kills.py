"""Migrations that are killed on the way: by forked children that send themselves SIGKILL.

The child runs the very engine on a session of its own, and ends at a place that the engine tells of, or
a moment after it: in the middle of whatever the server is doing then.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
import time
from dataclasses import dataclass
from typing import Literal, NoReturn

from holdfast.migrate.engine import migrate_down, migrate_up
from holdfast.migrate.files import Migration
from holdfast.migrate.history import Direction
from holdfast.migrate.plan import Files
from holdfast.migrate.proof.session import ProofDatabase

CHILD = "holdfast proof to be killed"
_LONGEST_DELAY = 0.004  # seconds: about what a statement on a small database takes
_WENT_THROUGH = 3
_FAILED = 4

Ending = Literal["killed", "went through", "failed"]


@dataclass(frozen=True, slots=True)
class Moment:
    """When to die: at a place of the engine, or ``delay`` seconds after it."""

    place: str
    delay: float = 0.0

    def __str__(self) -> str:
        return f"{self.place} + {self.delay * 1000:.1f} ms" if self.delay else self.place


def moments(migration: Migration, direction: Direction, seed: str) -> list[Moment]:
    """Return the moments at which a run of this file is to be killed; ``seed`` makes the choice repeatable.

    A file that is one transaction: a random moment, and just before its commit; on its way back one of
    the two. A file without one:
    before its first statement, within each, between any two, and before its row says that it is through.
    """
    chance = random.Random(f"{migration.checksum} {direction} {seed}")  # noqa: S311  guards nothing
    count = len(migration.up if direction == "up" else migration.down)
    if migration.transactional:
        place = chance.choice(
            [f"{side} {number}" for number in range(1, count + 1) for side in ("before", "after")]
        )
        found = [Moment(place, chance.uniform(0, _LONGEST_DELAY)), Moment("before commit")]
        return found if direction == "up" else [chance.choice(found)]
    found = [Moment("before 1")]
    for number in range(1, count + 1):
        found.append(Moment(f"before {number}", chance.uniform(0, _LONGEST_DELAY)))
        found.append(Moment(f"after {number}"))
        found.append(Moment(f"noted {number}"))
    return [*found, Moment("before commit")]


def run_and_die(
    conninfo: str, files: Files, migration: Migration, direction: Direction, moment: Moment
) -> Ending:
    """Run a migration in a forked child that kills itself at a moment; no event loop may be running here.

    ``failed`` means that the migration itself failed before the moment came.
    """
    child = os.fork()
    if child == 0:
        _live_and_die(conninfo, files, migration, direction, moment)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return "killed"
    return "went through" if os.waitstatus_to_exitcode(status) == _WENT_THROUGH else "failed"


def _live_and_die(
    conninfo: str, files: Files, migration: Migration, direction: Direction, moment: Moment
) -> NoReturn:
    """Be the child: nothing that was shared with the parent may be touched or closed, however it ends."""
    try:
        asyncio.run(_run(conninfo, files, migration, direction, moment))
        os._exit(_WENT_THROUGH)
    except BaseException:  # noqa: BLE001  the parent runs the same file again, and tells what is wrong with it
        os._exit(_FAILED)


async def _run(
    conninfo: str, files: Files, migration: Migration, direction: Direction, moment: Moment
) -> None:
    reached = False

    def at(place: str) -> None:
        nonlocal reached
        if reached:
            if place == "before commit":  # it was faster than its death, which must not come after this
                _die()
        elif place == moment.place:
            reached = True
            if moment.delay:
                threading.Thread(target=_die, args=[moment.delay], daemon=True).start()
            else:
                _die()

    async with ProofDatabase(conninfo, application_name=CHILD) as database:
        if direction == "up":
            await migrate_up(database, files=files, at=at)
        else:
            await migrate_down(database, migration.id.system, files=files, at=at)


def _die(delay: float = 0.0) -> None:
    time.sleep(delay)
    os.kill(os.getpid(), signal.SIGKILL)
