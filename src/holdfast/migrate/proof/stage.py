"""The stage of a proof: a throwaway database on which files are run up and down, and which can be looked at.

Its methods wait for what they do; between two of them no event loop runs, so that children may be
forked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from psycopg.conninfo import conninfo_to_dict

from holdfast.errors import HoldfastError
from holdfast.migrate.catalogue.comparing import Difference, compare
from holdfast.migrate.catalogue.model import Catalogue
from holdfast.migrate.catalogue.reading import fingerprint, read_catalogue
from holdfast.migrate.engine import Done, migrate_down, migrate_up
from holdfast.migrate.files import Migration
from holdfast.migrate.header import MigrationId
from holdfast.migrate.history import Direction, read_history
from holdfast.migrate.plan import Files
from holdfast.migrate.proof.held import HeldRows
from holdfast.migrate.proof.kills import Ended, Moment, run_and_die
from holdfast.migrate.proof.left_behind import committed_since, next_transaction
from holdfast.migrate.proof.locks.measuring import At, LocksTaken, measure
from holdfast.migrate.proof.rows.catalogue import Tables
from holdfast.migrate.proof.rows.seeding import read_rules
from holdfast.migrate.proof.session import ProofDatabase
from holdfast.migrate.proof.touched import TouchedTables
from holdfast.migrate.proof.untouched import Mark, is_untouched, mark
from holdfast.migrate.settings import LOCK_TIMEOUT
from holdfast.postgres.statements import Statements
from holdfast.postgres.throwaway.databases import throwaway_database

T = TypeVar("T")
_STATEMENTS = Statements("holdfast.migrate.proof", "stage.sql")


@dataclass(frozen=True, slots=True)
class Killed:
    """How a child ended, and whether anything that it did was committed."""

    ended: Ended
    committed: bool


class Stage:
    """A throwaway database, with the files that are applied to it in ``applied``.

    ``files`` are all that there are; each method that runs one expects those that it needs to be applied.
    """

    def __init__(self, runner: asyncio.Runner, server: str, files: Files) -> None:
        self.files = files
        self.applied: list[Migration] = []
        self._runner = runner
        self._server = server
        self._stack = AsyncExitStack()
        self.conninfo = ""
        self._database: ProofDatabase | None = None
        self.rows = HeldRows()

    @classmethod
    @contextmanager
    def open(cls, runner: asyncio.Runner, server: str, files: Files) -> Iterator[Stage]:
        """Make the database, and drop it at the end."""
        stage = cls(runner, server, files)
        try:
            runner.run(stage._open(None))
            yield stage
        finally:
            runner.run(stage._stack.aclose())

    @property
    def database(self) -> ProofDatabase:
        """The sessions on the database."""
        assert self._database is not None  # noqa: S101  it is opened
        return self._database

    async def _open(self, template: str | None) -> None:
        self.conninfo = await self._stack.enter_async_context(
            throwaway_database(self._server, template=template, name_hint="proof")
        )
        self._database = await self._stack.enter_async_context(
            ProofDatabase(self.conninfo, application_name="holdfast proof")
        )

    @contextmanager
    def clone(self) -> Iterator[Stage]:
        """Make a copy of the stage as it stands, and drop it at the end."""
        self.run(self.database.leave())
        copy = Stage(self._runner, self._server, self.files)
        copy.applied = list(self.applied)
        copy.rows = self.rows.copied()
        try:
            self.run(copy._open(str(conninfo_to_dict(self.conninfo)["dbname"])))
            yield copy
        finally:
            self.run(copy._stack.aclose())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self._runner.run(work)

    def forward(
        self, migrations: Sequence[Migration], *, touched: Collection[int] | None = None
    ) -> list[Done]:
        """Apply files as a user does, without looking. Raises as ``migrate_up``; ``touched``: see ``up``."""
        self.rows.touch(touched)
        try:
            done = self.run(migrate_up(self.database, files=self._with(*migrations)))
        except HoldfastError:
            there = self.run(self._in_history())
            self.applied += [each for each in migrations if each.id in there]
            raise
        self.applied += migrations
        return done

    def up(self, migration: Migration, *, touched: Collection[int] | None = None) -> int:
        """Apply one file exactly as a user does; return its milliseconds. Raises as ``migrate_up``.

        ``touched`` are the tables to which it is known to write; None where that is not known.
        """
        done = self.forward([migration], touched=touched)
        return done[-1].duration_ms if done else 0

    def down(self, migration: Migration) -> int:
        """Undo one file, the newest of its system; return its milliseconds. Raises as ``migrate_down``."""
        watch = self._watch(migration)
        system = migration.id.system
        done = self.run(migrate_down(self.database, system, files=self._with(), at=watch.at))
        self.applied.remove(migration)
        self.rows.touch(watch.touched)
        return done[-1].duration_ms if done else 0

    def resume(self, migration: Migration, direction: Direction) -> None:
        """Run again what was killed, as a user would."""
        if direction == "up":
            self.up(migration)
        else:
            self.down(migration)

    def kill(self, migration: Migration, direction: Direction, moment: Moment) -> Killed:
        """Run a file in a child that kills itself; return when the server has ended its session, too."""
        files = self._with(migration) if direction == "up" else self._with()
        newest = self.run(next_transaction(self.database))
        ended = run_and_die(self.conninfo, files, migration, direction, moment)
        return Killed(ended, self.run(committed_since(self.database, newest)))

    def up_under_load(self, migration: Migration) -> LocksTaken:
        """Apply one file under live readers and writers; return what it locked, and for how long."""
        watch = self._watch(migration)

        async def apply(look: At) -> None:
            async def at(place: str) -> None:
                await look(place)
                await watch.at(place)

            await migrate_up(self.database, files=self._with(migration), at=at)

        taken = self.run(self._measure(migration, apply))
        self.applied.append(migration)
        self.rows.touch(watch.touched)
        return taken

    def seed(self) -> bool:
        """Make rows in every table that has none; tell whether the catalogue has changed by that."""
        return self.run(self.rows.seed(self.database, self.applied))

    def withdraw(self) -> bool:
        """Drop the partitions that seeding has made; tell whether there were any."""
        return self.run(self.rows.withdraw(self.database))

    def losses(self) -> list[str]:
        """Return what of the rows is gone or changed since ``seed``, in words."""
        return self.run(self.rows.losses(self.database))

    def rules(self) -> Tables:
        """Return what the tables ask of rows."""
        return self.run(self._rules())

    @contextmanager
    def another(self) -> Iterator[Stage]:
        """Make a new, empty stage for the same files, and drop it at the end."""
        with Stage.open(self._runner, self._server, self.files) as other:
            yield other

    def of_new(self, *, with_file: Migration | None, without: Migration) -> Catalogue:
        """Return the catalogue of a new database to which the same files were applied."""
        migrations = [each for each in self.applied if each.id != without.id]
        with self.another() as other:
            other.forward([*migrations, *([with_file] if with_file else [])])
            return other.catalogue()

    def mark(self) -> Mark:
        """Return a mark, for ``is_untouched``."""
        return self.run(self._mark())

    def is_untouched(self, since: Mark) -> bool:
        """Tell whether the catalogue is row for row as at the mark; False does not say that it differs."""
        return self.run(self._is_untouched(since))

    def tidy(self) -> None:
        """Clear the catalogue of what killed and undone files left in it, which slows down looking at it."""
        self.run(self._tidy())

    def fingerprint(self) -> str:
        """Return what the catalogue comes to."""
        return self.run(self._fingerprint())

    def catalogue(self) -> Catalogue:
        """Return the whole catalogue, for when fingerprints differ."""
        return self.run(self._catalogue())

    def differences(self, expected: Catalogue) -> list[Difference]:
        """Return how the catalogue differs from an expected one."""
        return compare(expected, self.catalogue())

    def _with(self, *migrations: Migration) -> Files:
        return replace(self.files, ordered=(*self.applied, *migrations))

    def _watch(self, migration: Migration) -> TouchedTables:
        return TouchedTables(self.database, whole=migration.transactional)

    async def _measure(
        self, migration: Migration, apply: Callable[[At], Coroutine[Any, Any, None]]
    ) -> LocksTaken:
        async with self.database.direct():  # its session stands before it is asked for
            pass
        _, taken = await measure(
            self.conninfo,
            migration,
            apply,
            migrating=lambda: self.database.migrating,
            budget=LOCK_TIMEOUT.default,
        )
        return taken

    async def _rules(self) -> Tables:
        async with self.database.connection() as connection:
            return await read_rules(connection)

    async def _mark(self) -> Mark:
        async with self.database.connection() as connection:
            return await mark(connection)

    async def _is_untouched(self, since: Mark) -> bool:
        async with self.database.connection() as connection:
            return await is_untouched(connection, since)

    async def _tidy(self) -> None:
        async with self.database.connection() as connection:
            await connection.execute(_STATEMENTS["tidy"], prepare=False)

    async def _in_history(self) -> set[MigrationId]:
        async with self.database.connection() as connection:
            return {row.id for row in await read_history(connection)}

    async def _fingerprint(self) -> str:
        async with self.rows.out_of_the_way(self.database) as connection:
            return await fingerprint(connection)

    async def _catalogue(self) -> Catalogue:
        async with self.rows.out_of_the_way(self.database) as connection:
            return await read_catalogue(connection)
