"""Shows, applies and undoes the migrations of all systems."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.errors import NotFound, WrongUse
from holdfast.migrate import history, plan
from holdfast.migrate.errors import NotReversible
from holdfast.migrate.files import Migration
from holdfast.migrate.header import MigrationId
from holdfast.migrate.history import Applied, Direction, Mark
from holdfast.migrate.plan import Entry, Files
from holdfast.migrate.running import At, Run, run, statements_of
from holdfast.migrate.settings import LOCK_TIMEOUT, PATIENCE
from holdfast.migrate.turn import Tell, Turn
from holdfast.postgres.database import Database
from holdfast.system import Connection

logger = logging.getLogger("holdfast.migrate")


@dataclass(frozen=True, slots=True)
class Done:
    """A migration that this run has applied or undone."""

    system: str
    number: int
    name: str
    direction: Direction
    duration_ms: int

    @property
    def id(self) -> MigrationId:
        """Which migration it is."""
        return MigrationId(self.system, self.number)


def _to_log(message: str) -> None:
    logger.warning("%s", message)


async def status(
    database: Database, systems: Sequence[str] | None = None, *, files: Files | None = None
) -> list[Entry]:
    """Return how each migration stands, in order; ``systems`` limits it to the named ones.

    ``files`` are those of the installed systems where they are not given. Raises ``WrongUse`` for a
    system that nobody declares, ``MalformedMigration`` for a file that is not understood.
    """
    async with database.connection() as connection:
        rows = await history.read_history(connection)
    everything = plan.declared_files() if files is None else files
    entries = plan.compare(everything, rows)
    for name in systems or ():
        if name not in everything.systems:
            raise plan.unknown_system(name, everything.systems)
    return [entry for entry in entries if systems is None or entry.id.system in systems]


async def pending(connection: Connection, *, files: Files | None = None) -> list[Entry]:
    """Return what keeps the database from being current: what is not applied, or contradicts the files."""
    entries = plan.compare(
        plan.declared_files() if files is None else files, await history.read_history(connection)
    )
    return [entry for entry in entries if entry.state not in ("applied", "not installed")]


async def migrate_up(
    database: Database,
    systems: Sequence[str] | None = None,
    *,
    to: MigrationId | None = None,
    tell: Tell = _to_log,
    files: Files | None = None,
    at: At | None = None,
) -> list[Done]:
    """Apply everything that is not applied yet, in order, and return what was.

    Any number of processes may do so at once: one works, the others wait, and all return when the
    database is current. ``systems`` limits it to the named ones and what they depend on, ``to`` to
    one file, those before it in its system, and what they need. ``at``: see ``Run``. Raises
    ``MigrationsDisagree`` before anything is done, ``MigrationFailed`` with file and line (what was
    applied before it stays applied), ``StillLocked``, ``NotFound`` for a ``to`` that is no file.
    """
    wanted = (plan.declared_files() if files is None else files).only(systems)
    limit = None if to is None else wanted.up_to(to)
    done: list[Done] = []
    turn = Turn(database.settings.get(PATIENCE), tell)
    async with database.direct() as connection:
        await history.ensure_history(connection, patience=database.settings.get(PATIENCE))
        prepared = _run(database, connection, turn, at)
        while todo := _to_do(wanted, rows := await history.read_history(connection), limit):
            await _work(prepared, todo, Mark.of(rows), done)
    return done


def _to_do(
    files: Files, rows: Sequence[Applied], limit: frozenset[MigrationId] | None = None
) -> list[tuple[Migration, Direction]]:
    """Return what is to be run; an undoing that was cut off is ended before its file is applied again."""
    entries = plan.compare(files, rows)
    plan.check(entries)
    todo: list[tuple[Migration, Direction]] = []
    for entry in entries:
        if entry.migration is None or entry.state not in ("pending", "interrupted"):
            continue
        if limit is not None and entry.id not in limit:
            continue
        if entry.applied is not None and entry.applied.outcome == "undoing":
            todo.append((entry.migration, "down"))
        todo.append((entry.migration, "up"))
    return todo


def _run(database: Database, connection: Connection, turn: Turn, at: At | None) -> Run:
    settings = database.settings
    return Run(database, connection, turn, settings.get(LOCK_TIMEOUT), settings.get(PATIENCE), at)


async def _work(
    prepared: Run, todo: Sequence[tuple[Migration, Direction]], mark: Mark, done: list[Done]
) -> None:
    """Run migrations, each as soon as it is our turn, until another process has changed the history."""
    following = [migration.transactional for migration, _ in todo[1:]]
    for (migration, direction), more in zip(todo, [*following, False], strict=True):
        result = await run(prepared, migration, direction, mark, more=more)
        while result.outcome == "busy":
            await prepared.turn.wait(prepared.connection)
            result = await run(prepared, migration, direction, mark, more=more)
        if result.outcome == "overtaken":
            return
        mark = result.mark
        done.append(
            Done(migration.id.system, migration.id.number, migration.name, direction, result.duration_ms)
        )
        logger.info("%s %s took %d ms", migration.id, direction, result.duration_ms)


async def accept(database: Database, which: MigrationId, *, files: Files | None = None) -> None:
    """Take an applied migration's file as it stands now for the one that was applied.

    For an edit that does not alter what the file does, such as a comment. Raises ``NotFound`` where
    the file does not exist or is not applied.
    """
    everything = plan.declared_files() if files is None else files
    known = {migration.id: migration for migration in everything.ordered}
    async with database.connection() as connection:
        if (
            which in known
            and await history.history_exists(connection)
            and await history.accept(connection, known[which])
        ):
            return
    raise NotFound(f"No file of an applied migration is {which}.", hint="See: holdfast migrate status")


async def migrate_down(
    database: Database,
    system: str,
    steps: int = 1,
    *,
    tell: Tell = _to_log,
    files: Files | None = None,
    at: At | None = None,
) -> list[Done]:
    """Undo the newest ``steps`` migrations of a system, newest first, and return them.

    Raises ``NotReversible`` where one says that it is irreversible, its file is missing, or what was
    built on it later is still applied; then nothing is undone. ``WrongUse`` for a system that nobody
    declares. An edited file does not stop it: the way back is the file's as it stands.
    """
    if steps < 1:
        raise WrongUse(f"{steps} steps cannot be undone.", hint="Name a number from 1 on.")
    everything = plan.declared_files() if files is None else files
    if system not in everything.systems:
        raise plan.unknown_system(system, everything.systems)
    done: list[Done] = []
    turn = Turn(database.settings.get(PATIENCE), tell)
    async with database.direct() as connection:
        if not await history.history_exists(connection):
            return done
        prepared = _run(database, connection, turn, at)
        while len(done) < steps:
            rows = await history.read_history(connection)
            todo = _to_undo(everything, rows, system, steps - len(done))
            if not todo:
                break
            await _work(prepared, [(migration, "down") for migration in todo], Mark.of(rows), done)
    return done


def _to_undo(files: Files, rows: Sequence[Applied], system: str, steps: int) -> list[Migration]:
    known = {migration.id: migration for migration in files.ordered}
    own = sorted((row for row in rows if row.system == system), key=lambda row: -row.number)[:steps]
    going = {row.id for row in own}
    for row in own:
        if row.id not in known:
            raise NotReversible(
                f"{row.id} ({row.name}) is applied and its file is missing.",
                hint=f"Restore the file, or install the version that applied it ({row.version}).",
            )
        statements_of(known[row.id], "down")
        for later in rows:
            if later.id not in going and _is_built_on(files, known.get(later.id), later, row):
                raise NotReversible(
                    f"{row.id} cannot be undone: {later.id} ({later.name}) was built on it and is applied.",
                    hint=f"Undo that first: holdfast migrate down --system {later.system}",
                )
    return [known[row.id] for row in own]


def _is_built_on(files: Files, migration: Migration | None, later: Applied, row: Applied) -> bool:
    """Tell whether a migration of another system names this one, or depends on its system and came later."""
    if later.system == row.system:
        return False
    named = migration is not None and row.id in migration.depends
    system = files.systems.get(later.system)
    return named or (system is not None and row.system in system.depends and later.position > row.position)
