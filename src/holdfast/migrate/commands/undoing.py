"""``holdfast migrate``: undo migrations, do them again, and drop everything."""

from __future__ import annotations

from collections.abc import Sequence

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
    nothing = f"Nothing of {system} is applied."

    todo = _would_undo(asked, system, steps=steps)
    if asked.dry_run or not todo:
        show_planned(asked, todo, nothing=nothing)
        return
    going = _ids(todo)

    async def work(database: Database) -> list[Done]:
        files = asked.all_files
        return await engine.migrate_down(database, system, steps, tell=note, files=files, asked=going)

    confirm(asked.options, f"Undo {_listed(going)}, with what their tables hold?", yes=yes)
    show_done(asked, asked.run(work, purpose="down"), nothing=nothing)


def _ids(todo: Todo) -> list[MigrationId]:
    return [migration.id for migration, _ in todo]


def _listed(ids: Sequence[MigrationId]) -> str:
    return ", ".join(map(str, ids))


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
    nothing = f"Nothing of {stays.system} is applied after {stays}."

    todo = _would_undo(asked, stays.system, after=stays.number)
    if asked.dry_run or not todo:
        show_planned(asked, todo, nothing=nothing)
        return
    going = _ids(todo)

    async def work(database: Database) -> list[Done]:
        return await engine.rollback(database, stays, tell=note, files=asked.all_files, asked=going)

    confirm(asked.options, f"Undo {_listed(going)}, with what their tables hold?", yes=yes)
    show_done(asked, asked.run(work, purpose="rollback"), nothing=nothing)


@click.command("redo")
@steps_option
@yes_option
@migrate_options
def redo(asked: Asked, *, steps: int, yes: bool) -> None:
    """Undo a system's newest migration, or several, and apply them again as their files stand now."""
    system = asked.one_system
    nothing = f"Nothing of {system} is applied."

    undone = _would_undo(asked, system, steps=steps)
    if asked.dry_run or not undone:
        again: Todo = [(migration, "up") for migration, _ in reversed(undone)]
        show_planned(asked, [*undone, *again], nothing=nothing)
        return
    going = _ids(undone)

    async def work(database: Database) -> list[Done]:
        return await engine.redo(database, system, steps, tell=note, files=asked.all_files, asked=going)

    question = f"Undo {_listed(going)}, with what their tables hold, and apply again?"
    confirm(asked.options, question, yes=yes)
    show_done(asked, asked.run(work, purpose="redo"), nothing=nothing)


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
