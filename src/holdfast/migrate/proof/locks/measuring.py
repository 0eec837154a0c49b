"""Measures what a migration locks while others read and write: on what, for how long, who had to wait.

The locks are those that PostgreSQL itself lists for the migrating session after each statement and,
for files without a transaction, while a statement runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row

from holdfast.migrate.files import Migration
from holdfast.migrate.proof.locks.traffic import STATEMENTS, Relation, Traffic, named_in
from holdfast.system import Connection

T = TypeVar("T")
At = Callable[[str], Awaitable[None]]
_LOOK_EVERY = 0.01
# pg_locks' names: the one of SQL, and what the lock keeps others from.
_MODES = {
    "AccessShareLock": ("ACCESS SHARE", ""),
    "RowShareLock": ("ROW SHARE", ""),
    "RowExclusiveLock": ("ROW EXCLUSIVE", ""),
    "ShareUpdateExclusiveLock": ("SHARE UPDATE EXCLUSIVE", ""),
    "ShareLock": ("SHARE", "writes"),
    "ShareRowExclusiveLock": ("SHARE ROW EXCLUSIVE", "writes"),
    "ExclusiveLock": ("EXCLUSIVE", "writes"),
    "AccessExclusiveLock": ("ACCESS EXCLUSIVE", "reads and writes"),
}
_STRENGTH = list(_MODES)


@dataclass(frozen=True, slots=True)
class Lock:
    """The strongest lock on a relation that stood before: ``line`` is that of the statement that took it.

    ``blocks`` is empty, ``writes`` or ``reads and writes``; ``held_ms`` from its statement's beginning
    to the end of the transaction, so at most so long.
    """

    relation: str
    mode: str
    blocks: str
    held_ms: float
    line: int


@dataclass(frozen=True, slots=True)
class LocksTaken:
    """What a migration locked. Times are milliseconds.

    ``reader_ms`` and ``writer_ms`` are the longest that a SELECT and an UPDATE of one row took on the
    tables that the file names (``under_load``), while it ran; None where it names none that stood before.
    """

    locks: tuple[Lock, ...]
    budget_ms: float
    under_load: tuple[str, ...]
    reader_ms: float | None
    writer_ms: float | None

    @property
    def over_budget(self) -> tuple[Lock, ...]:
        """The locks that kept others out for longer than the file may."""
        return tuple(lock for lock in self.locks if lock.blocks and lock.held_ms > self.budget_ms)

    @property
    def waits_over_budget(self) -> tuple[tuple[str, float], ...]:
        """Who really waited for longer than the file may keep them, such as for a row: reader or writer."""
        waits = (("reader", self.reader_ms), ("writer", self.writer_ms))
        return tuple((who, took) for who, took in waits if took is not None and took > self.budget_ms)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "locks": [
                {
                    "relation": lock.relation,
                    "mode": lock.mode,
                    "blocks": lock.blocks,
                    "held_ms": lock.held_ms,
                    "line": lock.line,
                }
                for lock in self.locks
            ],
            "lock_budget_ms": self.budget_ms,
            "under_load": list(self.under_load),
            "reader_ms": self.reader_ms,
            "writer_ms": self.writer_ms,
        }


async def measure(
    conninfo: str,
    migration: Migration,
    apply: Callable[[At], Awaitable[T]],
    *,
    migrating: Callable[[], int],
    budget: float,
) -> tuple[T, LocksTaken]:
    """Apply a migration under readers and writers; return what ``apply`` does, and what was locked.

    ``apply`` runs it and calls what it is given at each place (see ``Run.at``); ``migrating`` returns
    the server's process id of the session that it runs on. ``budget`` (seconds) is for a file that
    has none of its own. What ``apply`` raises is raised.
    """
    async with await psycopg.AsyncConnection.connect(
        conninfo, autocommit=True, row_factory=dict_row, application_name="holdfast locks"
    ) as connection:
        cursor = await connection.execute(STATEMENTS["relations"])
        relations = {row["oid"]: Relation(**row) for row in await cursor.fetchall()}
        watch = _Watch(connection, relations, migration, migrating)
        traffic = Traffic(conninfo, named_in(migration, relations.values()))
        async with traffic:
            result = await watch.over(apply)
        own = migration.lock_budget
    return result, LocksTaken(
        watch.locks(),
        (budget if own is None else own) * 1000,
        tuple(relation.shown for relation in traffic.relations),
        traffic.longest_ms("read"),
        traffic.longest_ms("write"),
    )


class _Watch:
    """Looks at the locks of a session, and keeps since when it was seen to hold each."""

    def __init__(
        self,
        connection: Connection,
        relations: Mapping[int, Relation],
        migration: Migration,
        migrating: Callable[[], int],
    ) -> None:
        self.connection = connection
        self.relations = relations
        self.migration = migration
        self.migrating = migrating
        self.line = 0
        self._one_at_a_time = asyncio.Lock()
        self._since = 0.0
        self._open: dict[tuple[int, str], tuple[float, int]] = {}
        self._held: dict[tuple[int, str], tuple[float, int]] = {}

    async def over(self, apply: Callable[[At], Awaitable[T]]) -> T:
        """Apply while looking."""
        self._since = time.monotonic()
        # Within a transaction locks only grow, and are all there after each statement.
        looking = None if self.migration.transactional else asyncio.create_task(self._look_on())
        try:
            return await apply(self._at)
        finally:
            if looking is not None:
                looking.cancel()
                with suppress(asyncio.CancelledError):
                    await looking
            self._close(time.monotonic(), set())

    async def _at(self, place: str) -> None:
        if not self.relations:
            return
        side, _, number = place.partition(" ")
        if side == "before" and number.isdigit():
            self.line = self.migration.up[int(number) - 1].line
            self._since = time.monotonic()
            if number == "1" or not self.migration.transactional:  # what was held is let go, if it was
                self._close(self._since, set())
        else:
            await self._look()

    async def _look_on(self) -> None:
        while self.relations:
            await asyncio.sleep(_LOOK_EVERY)
            await self._look()

    async def _look(self) -> None:
        async with self._one_at_a_time:
            try:
                pid = self.migrating()
            except (AssertionError, LookupError):  # its session is not open yet
                return
            cursor = await self.connection.execute(STATEMENTS["locks_of"], {"pid": pid})
            seen = {
                (row["oid"], row["mode"]) for row in await cursor.fetchall() if row["oid"] in self.relations
            }
            now = time.monotonic()
            for key in seen - self._open.keys():
                self._open[key] = (self._since, self.line)
            self._close(now, seen)
            self._since = now

    def _close(self, now: float, seen: set[tuple[int, str]]) -> None:
        for key in self._open.keys() - seen:
            since, line = self._open.pop(key)
            longest = self._held.get(key, (0.0, 0))[0]
            if now - since >= longest:
                self._held[key] = (now - since, line)

    def locks(self) -> tuple[Lock, ...]:
        """Return the strongest lock on each relation, those that keep others out first."""
        strongest: dict[int, tuple[str, float, int]] = {}
        for (oid, mode), (held, line) in self._held.items():
            other = strongest.get(oid)
            if other is None or _STRENGTH.index(mode) > _STRENGTH.index(other[0]):
                strongest[oid] = (mode, held, line)
        ordered = sorted(
            strongest.items(),
            key=lambda found: (-_STRENGTH.index(found[1][0]), self.relations[found[0]].shown),
        )
        return tuple(
            Lock(self.relations[oid].shown, *_MODES[mode], round(held * 1000, 1), line)
            for oid, (mode, held, line) in ordered
        )
