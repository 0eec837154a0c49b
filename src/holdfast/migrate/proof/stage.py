"""The stage of a proof: a throwaway database on which files are run up and down, and which can be looked at.

Its methods wait for what they do; between two of them no event loop runs, so that children may be
forked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from psycopg.conninfo import conninfo_to_dict

from holdfast.errors import HoldfastError, TryAgain
from holdfast.migrate.catalogue.comparing import Difference, compare
from holdfast.migrate.catalogue.model import Catalogue
from holdfast.migrate.catalogue.reading import fingerprint, read_catalogue
from holdfast.migrate.engine import Done, migrate_down, migrate_up
from holdfast.migrate.files import Migration
from holdfast.migrate.header import MigrationId
from holdfast.migrate.history import Direction, read_history
from holdfast.migrate.plan import Files
from holdfast.migrate.proof.kills import CHILD, Ending, Moment, run_and_die
from holdfast.migrate.proof.locks.measuring import At, LocksTaken, measure
from holdfast.migrate.proof.rows.catalogue import Tables
from holdfast.migrate.proof.rows.seeding import Loss, Seeded, losses, read_rules, seed, withdraw
from holdfast.migrate.proof.session import ProofDatabase
from holdfast.migrate.proof.touched import TouchedTables
from holdfast.migrate.proof.untouched import Mark, is_untouched, mark
from holdfast.migrate.settings import LOCK_TIMEOUT
from holdfast.postgres.statements import Statements
from holdfast.postgres.throwaway.databases import throwaway_database
from holdfast.system import Connection

T = TypeVar("T")
_STATEMENTS = Statements("holdfast.migrate.proof", "stage.sql")
_TAKES_NAMES = {"RENAME", "DROP"}
_CHILD_GONE_WITHIN = 15.0


@dataclass(frozen=True, slots=True)
class Killed:
    """How a child ended, and whether anything that it did was committed."""

    ending: Ending
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
        self._seeded: Seeded | None = None
        self._touched: set[int] | None = None
        self.given: Mapping[MigrationId, str] = {}  # rows of one's own, as SQL, by the file that they follow
        self._had: set[MigrationId] = set()
        self.later: Sequence[Tables] = ()  # what later files ask of rows

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
        copy._seeded = self._seeded
        try:
            self.run(copy._open(str(conninfo_to_dict(self.conninfo)["dbname"])))
            yield copy
        finally:
            self.run(copy._stack.aclose())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self._runner.run(work)

    def forward(self, migrations: Sequence[Migration]) -> list[Done]:
        """Apply files without looking. Raises as ``migrate_up``."""
        self._touched = None
        try:
            done = self.run(migrate_up(self.database, files=self._with(*migrations)))
        except HoldfastError:
            there = self.run(self._in_history())
            self.applied += [each for each in migrations if each.id in there]
            raise
        self.applied += migrations
        return done

    def up(self, migration: Migration) -> int:
        """Apply one file; return its milliseconds. Raises as ``migrate_up``."""
        watch = self._watch(migration)
        done = self.run(migrate_up(self.database, files=self._with(migration), at=watch.at))
        self.applied.append(migration)
        self._touched = watch.touched
        return done[-1].duration_ms if done else 0

    def down(self, migration: Migration) -> int:
        """Undo one file, the newest of its system; return its milliseconds. Raises as ``migrate_down``."""
        watch = self._watch(migration)
        system = migration.id.system
        done = self.run(migrate_down(self.database, system, files=self._with(), at=watch.at))
        self.applied.remove(migration)
        self._touched = watch.touched
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
        newest = self.run(self._next_transaction())
        ending = run_and_die(self.conninfo, files, migration, direction, moment)
        return Killed(ending, self.run(self._committed_since(newest)))

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
        self._touched = watch.touched
        return taken

    def seed(self) -> bool:
        """Make rows in every table that has none; what ``losses`` looks for is what there is now.

        Only what the last file touched is looked at again. Tells whether the catalogue has changed: rows
        of a partitioned table without partitions get one.
        """
        earlier = self._seeded.partitions if self._seeded else ()
        given = [self.given[each.id] for each in self.applied if each.id in self.given.keys() - self._had]
        self._seeded = self.run(self._seed(given))
        self._had |= {each.id for each in self.applied}
        self._touched = set()
        return len(self._seeded.partitions) > len(earlier)

    def withdraw(self) -> bool:
        """Drop the partitions that seeding has made; tell whether there were any. ``seed`` makes new ones."""
        if self._seeded is None or not self._seeded.partitions:
            return False
        self.run(self._withdraw(self._seeded))
        self._seeded, self._touched = None, None
        return True

    @property
    def not_seeded(self) -> dict[str, str]:
        """The tables that have no rows, and why."""
        return self._seeded.not_seeded if self._seeded else {}

    def losses(self) -> list[str]:
        """Return what of the rows is gone or changed since ``seed``, in words.

        Only tables that the last file could have written to, by its locks, are looked at.
        """
        if self._seeded is None or (
            self._touched is not None and not self._touched & set(self._seeded.tables)
        ):
            return []
        return [str(loss) for loss in self.run(self._losses(self._seeded))]

    def of_new(self, *, with_file: Migration | None, without: Migration) -> Catalogue:
        """Return the catalogue of a new database to which the same files were applied."""
        migrations = [each for each in self.applied if each.id != without.id]
        with Stage.open(self._runner, self._server, self.files) as other:
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

    def rules_of_all(self) -> list[Tables]:
        """Return what the tables ask of rows in the end, and before each file that takes names away.

        Files that cannot be applied end it.
        """
        found: list[Tables] = []
        with Stage.open(self._runner, self._server, self.files) as other:
            waiting: list[Migration] = []
            try:
                for migration in self.files.ordered:
                    if any(_TAKES_NAMES & set(statement.words) for statement in migration.up):
                        other.forward(waiting)
                        found.append(other.run(other._rules()))
                        waiting = []
                    waiting.append(migration)
                other.forward(waiting)
                found.append(other.run(other._rules()))
            except HoldfastError:
                pass
        return found

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

    async def _seed(self, given: Sequence[str]) -> Seeded:
        async with self.database.connection() as connection:
            return await seed(
                connection, given=given, before=self._seeded, only=self._touched, later=self.later
            )

    async def _withdraw(self, seeded: Seeded) -> None:
        async with self.database.connection() as connection:
            await withdraw(connection, seeded)

    async def _losses(self, seeded: Seeded) -> list[Loss]:
        async with self.database.connection() as connection:
            return await losses(connection, seeded, only=self._touched)

    async def _fingerprint(self) -> str:
        async with self._as_files_made_it() as connection:
            return await fingerprint(connection)

    async def _catalogue(self) -> Catalogue:
        async with self._as_files_made_it() as connection:
            return await read_catalogue(connection)

    @asynccontextmanager
    async def _as_files_made_it(self) -> AsyncIterator[Connection]:
        """Give out a session; the partitions that rows needed are out of the way while the block runs."""
        async with self.database.connection() as connection:
            if self._seeded is None or not self._seeded.partitions:
                yield connection
                return
            async with connection.transaction(force_rollback=True):
                await withdraw(connection, self._seeded)
                yield connection

    async def _next_transaction(self) -> int:
        async with self.database.connection() as connection:
            row = await (await connection.execute(_STATEMENTS["next_transaction"])).fetchone()
            assert row is not None  # noqa: S101  it has no condition
            return int(row["next"])

    async def _committed_since(self, newest: int) -> bool:
        """Wait until the killed child's sessions are gone; tell whether anything of it was committed.

        A lease that it held ends by itself after some seconds; it is ended now, because waiting for that
        would prove nothing more.
        """
        deadline = time.monotonic() + _CHILD_GONE_WITHIN
        async with self.database.connection() as connection:
            while await (await connection.execute(_STATEMENTS["child"], {"name": CHILD})).fetchone():
                if time.monotonic() > deadline:
                    raise TryAgain(
                        f"A killed migration's session did not end within {_CHILD_GONE_WITHIN:.0f} s.",
                        hint="Prove it again on a machine that does less at once.",
                    )
                await asyncio.sleep(0.001)
            committed = await (
                await connection.execute(_STATEMENTS["committed_since"], {"next": newest})
            ).fetchone()
            if committed is not None:
                await connection.execute(_STATEMENTS["end_lease"])
            return committed is not None
