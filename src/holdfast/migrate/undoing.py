"""Which migrations are to be undone, and whether they can be."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.errors import Conflict, NotFound, WrongUse
from holdfast.migrate import plan
from holdfast.migrate.driving import Choose, Done, Todo
from holdfast.migrate.errors import NotReversible
from holdfast.migrate.files import Migration
from holdfast.migrate.header import MigrationId
from holdfast.migrate.history import Applied
from holdfast.migrate.plan import Files
from holdfast.migrate.run import statements_of


def newest(files: Files, system: str, steps: int) -> Choose:
    """Choose the newest ``steps`` migrations of a system, newest first.

    Raises ``WrongUse`` for a system that nobody declares; the choice raises ``NotReversible``.
    """
    if steps < 1:
        raise WrongUse(f"{steps} steps cannot be undone.", hint="Name a number from 1 on.")
    _check_system(files, system)

    def choose(rows: Sequence[Applied], done: Sequence[Done]) -> Todo:
        return _undo(files, rows, _of(rows, system)[: steps - len(done)])

    return choose


def after(files: Files, last: MigrationId) -> Choose:
    """Choose all migrations of a system after one that stays (number 0: all of them), newest first.

    Raises ``WrongUse`` for a system that nobody declares; the choice raises ``NotFound`` where the one
    that stays is not applied, ``NotReversible``.
    """
    _check_system(files, last.system)

    def choose(rows: Sequence[Applied], _done: Sequence[Done]) -> Todo:
        own = _of(rows, last.system)
        if last.number and all(row.id != last for row in own):
            raise NotFound(f"{last} is not applied.", hint="See: holdfast migrate status")
        return _undo(files, rows, [row for row in own if row.number > last.number])

    return choose


def bound(choose: Choose, asked: Sequence[MigrationId] | None) -> Choose:
    """Let a choice be no other than what was asked for, newest first; where nothing was, it is free.

    The choice raises ``Conflict`` where others have applied or undone something by then.
    """
    if asked is None:
        return choose

    def as_asked(rows: Sequence[Applied], done: Sequence[Done]) -> Todo:
        todo = choose(rows, done)
        found = [each.id for each in done] + [migration.id for migration, _ in todo]
        if found != list(asked):
            rest = found[len(done) :]
            raise Conflict(
                f"Others have changed the history: to be undone was {_listed(asked[len(done) :])}, "
                f"and would be {_listed(rest)} now.",
                hint=f"Undone so far: {_listed([each.id for each in done])}. "
                "Look at holdfast migrate status, then ask again.",
            )
        return todo

    return as_asked


def _listed(ids: Sequence[MigrationId]) -> str:
    return ", ".join(map(str, ids)) or "nothing"


def _check_system(files: Files, system: str) -> None:
    if system not in files.systems:
        raise plan.unknown_system(system, files.systems)


def _of(rows: Sequence[Applied], system: str) -> list[Applied]:
    return sorted((row for row in rows if row.system == system), key=lambda row: -row.number)


def _undo(files: Files, rows: Sequence[Applied], going: Sequence[Applied]) -> Todo:
    known = {migration.id: migration for migration in files.ordered}
    ids = {row.id for row in going}
    for row in going:
        if row.outcome == "applying":
            raise plan.half_applied(row)
        if row.id not in known:
            raise NotReversible(
                f"{row.id} ({row.name}) is applied and its file is missing.",
                hint=f"Restore the file, or install the version that applied it ({row.version}).",
            )
        statements_of(known[row.id], "down")
        for later in rows:
            if later.id not in ids and _is_built_on(files, known.get(later.id), later, row):
                raise NotReversible(
                    f"{row.id} cannot be undone: {later.id} ({later.name}) was built on it and is applied.",
                    hint=f"Undo that first: holdfast migrate down --system {later.system}",
                )
    return [(known[row.id], "down") for row in going]


def _is_built_on(files: Files, migration: Migration | None, later: Applied, row: Applied) -> bool:
    """Tell whether a migration of another system names this one, or depends on its system and came later."""
    if later.system == row.system:
        return False
    # What the history says counts where its file is not at hand, or says otherwise by now.
    named = str(row.id) in later.depends or (migration is not None and row.id in migration.depends)
    system = files.systems.get(later.system)
    return named or (system is not None and row.system in system.depends and later.position > row.position)
