"""Shows, applies and undoes the migrations of all systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from holdfast.errors import NotFound
from holdfast.migrate import history, plan, undoing
from holdfast.migrate.driving import Approve, Choose, Done, Todo, look_ahead, to_log, work_through
from holdfast.migrate.errors import MigrationsDisagree
from holdfast.migrate.files import Migration
from holdfast.migrate.header import MigrationId
from holdfast.migrate.history import Applied, Direction
from holdfast.migrate.plan import Entry, Files
from holdfast.migrate.run import At
from holdfast.migrate.settings import REQUIRE_PROOF
from holdfast.migrate.turn import Tell
from holdfast.postgres.database import Database
from holdfast.system import Connection

__all__ = [
    "Done",
    "accept",
    "migrate_down",
    "migrate_up",
    "pending",
    "redo",
    "rollback",
    "status",
    "would_apply",
    "would_undo",
]


async def status(
    database: Database, systems: Sequence[str] | None = None, *, files: Files | None = None
) -> list[Entry]:
    """Return how each migration stands, in order; ``systems`` limits it to the named ones.

    ``files`` are those of the installed systems where they are not given. Raises ``WrongUse`` for a
    system that nobody declares, ``MalformedMigration`` for a file that is not understood.
    """
    async with database.connection() as connection:
        rows = await history.read_history(connection)
    everything = _files(files)
    entries = plan.compare(everything, rows)
    for name in systems or ():
        if name not in everything.systems:
            raise plan.unknown_system(name, everything.systems)
    return [entry for entry in entries if systems is None or entry.id.system in systems]


async def pending(connection: Connection, *, files: Files | None = None) -> list[Entry]:
    """Return what keeps the database from being current: what is not applied, or contradicts the files."""
    entries = plan.compare(_files(files), await history.read_history(connection))
    return [entry for entry in entries if entry.state not in ("applied", "not installed")]


async def migrate_up(
    database: Database,
    systems: Sequence[str] | None = None,
    *,
    to: MigrationId | None = None,
    tell: Tell = to_log,
    files: Files | None = None,
    at: At | None = None,
    require_proof: bool | None = None,
    folders: Mapping[str, Path] | None = None,
) -> list[Done]:
    """Apply everything that is not applied yet, in order, and return what was.

    Any number of processes may do so at once: one works, the others wait, and all return when the
    database is current. ``systems`` limits it to the named ones and what they depend on, ``to`` to
    one file, those before it in its system, and what they need. ``at``: see ``Run``. With
    ``require_proof`` (None: as HOLDFAST_MIGRATE_REQUIRE_PROOF says) only files that are proven for the
    server's version are applied; ``folders`` are those by system that are not installed. Raises
    ``MigrationsDisagree`` before anything is done, ``MigrationFailed`` with file and line (what was
    applied before it stays applied), ``StillLocked``, ``NotFound`` for a ``to`` that is no file,
    ``NotProven``.
    """
    everything = _files(files)
    wanted = everything.only(systems)
    proven = database.settings.get(REQUIRE_PROOF) if require_proof is None else require_proof
    approve = _approve(everything, folders) if proven else None
    choose = _to_apply(wanted, to)
    return await work_through(database, wanted, choose, tell=tell, at=at, approve=approve, make_history=True)


async def would_apply(
    database: Database,
    systems: Sequence[str] | None = None,
    *,
    to: MigrationId | None = None,
    files: Files | None = None,
) -> Todo:
    """Return what ``migrate_up`` would do, and do nothing. Raises as it does before it begins."""
    return await look_ahead(database, _to_apply(_files(files).only(systems), to))


def _files(files: Files | None) -> Files:
    return plan.declared_files() if files is None else files


def _to_apply(files: Files, to: MigrationId | None) -> Choose:
    limit = None if to is None else files.up_to(to)

    def choose(rows: Sequence[Applied], _done: Sequence[Done]) -> Todo:
        entries = plan.compare(files, rows)
        plan.check(entries)
        wanted = [entry for entry in entries if limit is None or entry.id in limit]
        plan.check_outside(files, wanted, rows)
        return [each for entry in wanted for each in _steps(entry)]

    return choose


def _steps(entry: Entry) -> list[tuple[Migration, Direction]]:
    """Return what is to be run; an undoing that was cut off is ended before its file is applied again."""
    migration = entry.migration
    if migration is None or entry.state not in ("pending", "interrupted"):
        return []
    if entry.state == "interrupted" and migration.transactional:
        raise MigrationsDisagree(
            f"{entry.id} ({migration.file}) was cut off while it ran statement by statement, and no longer "
            "says -- no-transaction.",
            hint="Restore that line above -- UP, so that it can resume.",
        )
    if entry.applied is not None and entry.applied.outcome == "undoing":
        return [(migration, "down"), (migration, "up")]
    return [(migration, "up")]


def _approve(files: Files, folders: Mapping[str, Path] | None) -> Approve:
    from holdfast.migrate.proof.standing import require  # noqa: PLC0415  only who requires a proof waits for it

    async def approve(connection: Connection, todo: Todo) -> None:
        wanted = [migration for migration, direction in todo if direction == "up"]
        require(files, wanted, connection.info.server_version // 10000, folders=folders)

    return approve


async def accept(database: Database, which: MigrationId, *, files: Files | None = None) -> None:
    """Take an applied migration's file as it stands now for the one that was applied.

    For an edit that does not alter what the file does, such as a comment. Raises ``NotFound`` where
    the file does not exist or is not applied.
    """
    known = {migration.id: migration for migration in _files(files).ordered}
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
    tell: Tell = to_log,
    files: Files | None = None,
    at: At | None = None,
    asked: Sequence[MigrationId] | None = None,
) -> list[Done]:
    """Undo the newest ``steps`` migrations of a system, newest first, and return them.

    ``asked`` are those that are meant, newest first, as ``would_undo`` told them: it raises ``Conflict``,
    and goes no further, where the newest are others by then.
    Raises ``NotReversible`` where one says that it is irreversible, its file is missing, or what was
    built on it later is still applied; then nothing is undone. ``WrongUse`` for a system that nobody
    declares. An edited file does not stop it: the way back is the file's as it stands.
    """
    everything = _files(files)
    choose = undoing.bound(undoing.newest(everything, system, steps), asked)
    return await work_through(database, everything, choose, tell=tell, at=at)


async def rollback(
    database: Database,
    last: MigrationId,
    *,
    tell: Tell = to_log,
    files: Files | None = None,
    asked: Sequence[MigrationId] | None = None,
) -> list[Done]:
    """Undo all migrations of a system after ``last``, newest first; number 0 stands for all of them.

    Raises as ``migrate_down`` does, and ``NotFound`` where ``last`` is not applied.
    """
    everything = _files(files)
    choose = undoing.bound(undoing.after(everything, last), asked)
    return await work_through(database, everything, choose, tell=tell)


async def redo(
    database: Database,
    system: str,
    steps: int = 1,
    *,
    tell: Tell = to_log,
    files: Files | None = None,
    asked: Sequence[MigrationId] | None = None,
) -> list[Done]:
    """Undo the newest ``steps`` migrations of a system and apply them again, as their files stand now."""
    undone = await migrate_down(database, system, steps, tell=tell, files=files, asked=asked)
    if not undone:
        return undone
    newest = max(each.id for each in undone)
    return undone + await migrate_up(database, [system], to=newest, tell=tell, files=files)


async def would_undo(
    database: Database,
    system: str,
    *,
    steps: int = 1,
    after: int | None = None,
    files: Files | None = None,
) -> Todo:
    """Return what ``migrate_down`` (or with ``after``, ``rollback``) would undo, and do nothing."""
    everything = _files(files)
    if after is None:
        return await look_ahead(database, undoing.newest(everything, system, steps))
    return await look_ahead(database, undoing.after(everything, MigrationId(system, after)))
