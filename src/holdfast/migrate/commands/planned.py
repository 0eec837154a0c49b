"""How commands of ``holdfast migrate`` show what was done, or what would be."""

from __future__ import annotations

from collections.abc import Sequence

import click

from holdfast.errors import WrongUse
from holdfast.migrate.commands.asked import Asked
from holdfast.migrate.driving import Done, Todo
from holdfast.migrate.header import MigrationId
from holdfast.terminal.output import emit

_WORDS = {"up": "applied", "down": "undone"}


def show_done(asked: Asked, done: Sequence[Done], *, nothing: str) -> None:
    """Print what was applied and undone."""
    fields = [
        {
            "system": each.system,
            "number": each.number,
            "name": each.name,
            "direction": each.direction,
            "duration_ms": each.duration_ms,
        }
        for each in done
    ]
    lines = [f"{_WORDS[each.direction]}  {each.id}  {each.name}  ({each.duration_ms} ms)" for each in done]
    emit(asked.options, fields, lambda: click.echo("\n".join(lines) or nothing))


def show_planned(asked: Asked, todo: Todo, *, nothing: str) -> None:
    """Print what would be applied and undone."""
    fields = [
        {
            "system": migration.id.system,
            "number": migration.id.number,
            "name": migration.name,
            "direction": direction,
        }
        for migration, direction in todo
    ]
    lines = [
        f"would be {_WORDS[direction]}  {migration.id}  {migration.name}" for migration, direction in todo
    ]
    emit(asked.options, fields, lambda: click.echo("\n".join(lines) or nothing))


def read_id(asked: Asked, written: str) -> MigrationId:
    """Read ``NNNN`` of the one system that was asked for, or ``system/NNNN``. Raises ``WrongUse``."""
    if "/" in written:
        return MigrationId.read(written)
    if not written.isdecimal() or len(written) > 18:
        raise WrongUse(f"{written!r} is not a migration's number.", hint="Such as 0003, or triggers/0003.")
    return MigrationId(asked.one_system, int(written))
