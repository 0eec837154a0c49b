"""Migrations that are killed on the way: by forked children that send themselves SIGKILL.

The child runs the very engine on a session of its own, and ends at a place that the engine tells of, or
a moment after it: in the middle of whatever the server is doing then.
"""

from __future__ import annotations

import asyncio
import json
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
from holdfast.migrate.proof.touched import TouchedTables

CHILD = "holdfast proof to be killed"
_LONGEST_DELAY = 0.004  # seconds: about what a statement on a small database takes
_WENT_THROUGH = 3
_FAILED = 4
_LONGEST_REASON = 2000

Ending = Literal["killed", "went through", "failed"]


@dataclass(frozen=True, slots=True)
class Moment:
    """When to die: at a place of the engine, or ``delay`` seconds after it."""

    place: str
    delay: float = 0.0

    def __str__(self) -> str:
        return f"{self.place} + {self.delay * 1000:.1f} ms" if self.delay else self.place


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: ``why`` it failed, and what it had ``touched`` where it died before its commit."""

    ending: Ending
    why: str = ""
    touched: frozenset[int] | None = None


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
) -> Ended:
    """Run a migration in a forked child that kills itself at a moment; no event loop may be running here.

    ``failed`` means that the child failed before the moment came, whatever the reason.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _live_and_die(_Life(conninfo, files, migration, direction, moment, theirs))
    os.close(theirs)
    with open(ours, "rb") as pipe:
        told = pipe.read()  # to its end, which is the child's
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return Ended("killed", touched=_touched(told))
    if os.waitstatus_to_exitcode(status) == _WENT_THROUGH:
        return Ended("went through")
    return Ended("failed", told.decode(errors="replace") or f"it ended with {status}")


def _touched(told: bytes) -> frozenset[int] | None:
    """Read what a child told before its death; None where it could not know, or told of its own failure."""
    try:
        touched = json.loads(told) if told else None
    except ValueError:  # it failed in the moment between the place and its death, which came all the same
        return None
    return None if touched is None else frozenset(touched)


@dataclass(frozen=True, slots=True)
class _Life:
    """What a child does: run a file, until its moment; ``pipe`` takes what the parent is to know."""

    conninfo: str
    files: Files
    migration: Migration
    direction: Direction
    moment: Moment
    pipe: int


def _live_and_die(life: _Life) -> NoReturn:
    """Be the child: nothing that was shared with the parent may be touched or closed, however it ends."""
    try:
        asyncio.run(_run(life))
        os._exit(_WENT_THROUGH)
    except BaseException as error:  # noqa: BLE001  the parent tells of it
        os.write(life.pipe, (str(error) or type(error).__name__)[:_LONGEST_REASON].encode())
        os._exit(_FAILED)


async def _run(life: _Life) -> None:
    reached = False
    moment = life.moment

    async def at(place: str) -> None:
        nonlocal reached
        if reached:
            if place == "before commit":  # it was faster than its death, which must not come after this
                _die()
        elif place == moment.place:
            reached = True
            if moment.delay:
                threading.Thread(target=_die, args=[moment.delay], daemon=True).start()
                return
            if place == "before commit":
                await watch.at(place)
                _tell(life, watch.touched)
            _die()

    async with ProofDatabase(life.conninfo, application_name=CHILD) as database:
        watch = TouchedTables(database, whole=life.migration.transactional)
        if life.direction == "up":
            await migrate_up(database, files=life.files, at=at)
        else:
            await migrate_down(database, life.migration.id.system, files=life.files, at=at)


def _tell(life: _Life, touched: set[int] | None) -> None:
    with open(life.pipe, "w", encoding="utf-8") as pipe:
        json.dump(None if touched is None else sorted(touched), pipe)


def _die(delay: float = 0.0) -> None:
    time.sleep(delay)
    os.kill(os.getpid(), signal.SIGKILL)
