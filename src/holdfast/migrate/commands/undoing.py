"""``holdfast migrate``: undo migrations, do them again, and drop everything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import click

from holdfast.errors import WrongUse
from holdfast.migrate import engine, resetting
from holdfast.migrate.commands.asked import Asked, migrate_options
from holdfast.migrate.commands.planned import read_id, show_done, show_planned
from holdfast.migrate.driving import Done, Todo
from holdfast.migrate.header import MigrationId
from holdfast.postgres.database import Database
from holdfast.settings import is_production
from holdfast.terminal.output import confirm, emit, note

Undo: TypeAlias = Callable[[Database, Sequence[MigrationId]], Awaitable[list[Done]]]
steps_option = click.option(
    "--steps", type=click.IntRange(min=1), default=1, show_default=True, help="How many."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command("down")
@steps_option
@yes_option
@migrate_options
def down(asked: Asked, *, steps: int, yes: bool) -> None:
    """Undo a system's newest migration, or several. What their tables hold is lost."""
    system = asked.one_system

    async def undo(database: Database, going: Sequence[MigrationId]) -> list[Done]:
        files = asked.all_files
        return await engine.migrate_down(database, system, steps, tell=note, files=files, asked=going)

    todo = _would_undo(asked, system, steps=steps)
    _ask_and_undo(asked, todo, undo, purpose="down", nothing=f"Nothing of {system} is applied.", yes=yes)


def _ask_and_undo(
    asked: Asked, todo: Todo, undo: Undo, *, purpose: str, nothing: str, yes: bool, again: bool = False
) -> None:
    """Name what is to be undone, ask, and undo just that; with ``again``, what is applied again after it."""
    if asked.dry_run or not todo:
        back: Todo = [(migration, "up") for migration, _ in reversed(todo)] if again else []
        show_planned(asked, [*todo, *back], nothing=nothing)
        return
    going = [migration.id for migration, _ in todo]
    then = ", and apply again" if again else ""
    confirm(asked.options, f"Undo {', '.join(map(str, going))}, with what their tables hold{then}?", yes=yes)
    show_done(asked, asked.run(lambda database: undo(database, going), purpose=purpose), nothing=nothing)


def _would_undo(asked: Asked, system: str, *, steps: int = 1, after: int | None = None) -> Todo:
    async def look(database: Database) -> Todo:
        return await engine.would_undo(database, system, steps=steps, after=after, files=asked.all_files)

    return asked.run(look, purpose="dry run")


@click.command("rollback")
@click.argument("last", metavar="NNNN")
@yes_option
@migrate_options
def rollback(asked: Asked, *, last: str, yes: bool) -> None:
    """Undo all of a system's migrations after NNNN, which stays; 0 undoes all of them."""
    stays = read_id(asked, last)

    async def undo(database: Database, going: Sequence[MigrationId]) -> list[Done]:
        return await engine.rollback(database, stays, tell=note, files=asked.all_files, asked=going)

    todo = _would_undo(asked, stays.system, after=stays.number)
    nothing = f"Nothing of {stays.system} is applied after {stays}."
    _ask_and_undo(asked, todo, undo, purpose="rollback", nothing=nothing, yes=yes)


@click.command("redo")
@steps_option
@yes_option
@migrate_options
def redo(asked: Asked, *, steps: int, yes: bool) -> None:
    """Undo a system's newest migration, or several, and apply them again as their files stand now."""
    system = asked.one_system

    async def undo(database: Database, going: Sequence[MigrationId]) -> list[Done]:
        return await engine.redo(database, system, steps, tell=note, files=asked.all_files, asked=going)

    todo = _would_undo(asked, system, steps=steps)
    nothing = f"Nothing of {system} is applied."
    _ask_and_undo(asked, todo, undo, purpose="redo", nothing=nothing, yes=yes, again=True)


@click.command("reset")
@yes_option
@migrate_options
def reset(asked: Asked, *, yes: bool) -> None:
    """Drop everything that the database holds, the history too; never in production."""
    if asked.systems:
        raise WrongUse(
            "A reset is of the whole database, not of one system.",
            hint="Undo all of one: holdfast migrate rollback 0 --system NAME",
        )
    if is_production(asked.options.settings):
        raise resetting.in_production()

    async def work(database: Database) -> int:
        return await resetting.reset(database, tell=note)

    going = asked.run(resetting.would_drop, purpose="reset")
    if asked.dry_run:
        shown = "\n".join(f"would be dropped  {each}" for each in going) or "The database is empty."
        emit(asked.options, {"would_drop": going}, lambda: click.echo(shown))
        return
    confirm(asked.options, f"Drop all that the database holds ({len(going)} things), with its rows?", yes=yes)
    count = asked.run(work, purpose="reset")
    told = f"Dropped {count} things and what went with them."
    emit(asked.options, {"dropped": count}, lambda: click.echo(told))
