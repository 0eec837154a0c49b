"""The rows that a stage's tables hold: made before a file, looked for after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Self

from holdfast.migrate.files import Migration
from holdfast.migrate.header import MigrationId
from holdfast.migrate.proof.rows.catalogue import Tables
from holdfast.migrate.proof.rows.seeding import Seeded, losses, seed, withdraw
from holdfast.migrate.proof.session import ProofDatabase
from holdfast.system import Connection


@dataclass(slots=True)
class HeldRows:
    """What there was when rows were last made, and the tables that may have been written to since.

    ``given`` are rows of one's own, as SQL, by the file that they follow; ``later`` what later files ask
    of rows.
    """

    given: Mapping[MigrationId, str] = field(default_factory=dict)
    later: Sequence[Tables] = ()
    _seeded: Seeded | None = None
    _touched: set[int] | None = None  # None: any
    _had: set[MigrationId] = field(default_factory=set)

    def copied(self) -> Self:
        """Return the same for a copy of the database."""
        return replace(self, _touched=None if self._touched is None else set(self._touched))

    def touch(self, tables: Collection[int] | None) -> None:
        """Take note of the tables, by oid, that a run may have written to; None where it cannot be known."""
        if tables is None:
            self._touched = None
        elif self._touched is not None:
            self._touched.update(tables)

    async def seed(self, database: ProofDatabase, applied: Sequence[Migration]) -> bool:
        """Make rows in every table that has none; what ``losses`` looks for is what there is now.

        Only what was touched is looked at again. Tells whether the catalogue has changed: rows of a
        partitioned table without partitions get one.
        """
        earlier = self._seeded.partitions if self._seeded else ()
        given = [self.given[each.id] for each in applied if each.id in self.given.keys() - self._had]
        async with database.connection() as connection:
            self._seeded = await seed(
                connection, given=given, before=self._seeded, only=self._touched, later=self.later
            )
        self._had |= {each.id for each in applied}
        self._touched = set()
        return len(self._seeded.partitions) > len(earlier)

    async def withdraw(self, database: ProofDatabase) -> bool:
        """Drop the partitions that seeding has made; tell whether there were any. ``seed`` makes new ones."""
        if self._seeded is None or not self._seeded.partitions:
            return False
        async with database.connection() as connection:
            await withdraw(connection, self._seeded)
        self._seeded, self._touched = None, None
        return True

    @property
    def not_seeded(self) -> dict[str, str]:
        """The tables that have no rows, and why."""
        return self._seeded.not_seeded if self._seeded else {}

    async def losses(self, database: ProofDatabase) -> list[str]:
        """Return what of the rows is gone or changed since ``seed``, in words; only what was touched."""
        if self._seeded is None or (
            self._touched is not None and not self._touched & set(self._seeded.tables)
        ):
            return []
        async with database.connection() as connection:
            return [str(loss) for loss in await losses(connection, self._seeded, only=self._touched)]

    @asynccontextmanager
    async def out_of_the_way(self, database: ProofDatabase) -> AsyncIterator[Connection]:
        """Give out a session; the partitions that rows needed are gone while the block runs."""
        async with database.connection() as connection:
            if self._seeded is None or not self._seeded.partitions:
                yield connection
                return
            async with connection.transaction(force_rollback=True):
                await withdraw(connection, self._seeded)
                yield connection
