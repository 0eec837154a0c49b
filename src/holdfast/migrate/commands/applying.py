"""``holdfast migrate``: show, apply and undo migrations."""

from __future__ import annotations

from collections.abc import Sequence

import click

from holdfast.migrate import engine
from holdfast.migrate.commands.asked import Asked, migrate_options
from holdfast.migrate.engine import Done
from holdfast.migrate.header import MigrationId
from holdfast.migrate.plan import Entry, problems
from holdfast.postgres.database import Database
from holdfast.terminal.output import confirm, emit, note, print_table


@click.command("status")
@migrate_options
def status(asked: Asked) -> None:
    """Show each migration: whether it is applied, when, by whom, how long it took."""
    entries = asked.run(
        lambda database: engine.status(database, asked.systems or None, files=asked.all_files),
        purpose="status",
    )

    def render() -> None:
        print_table(
            ("migration", "name", "state", "applied", "ms", "version", "by"),
            [_cells(entry) for entry in entries],
            empty="No system has migrations.",
        )
        for what, hint in problems(entries):
            note(f"{what}.\n  {hint}")

    emit(asked.options, [_fields(entry) for entry in entries], render)


def _cells(entry: Entry) -> Sequence[object]:
    row = entry.applied
    if row is None:
        return (entry.id, entry.name, entry.state, None, None, None, None)
    return (entry.id, entry.name, entry.state, row.applied_at, row.duration_ms, row.version, row.actor)


def _fields(entry: Entry) -> dict[str, object]:
    row = entry.applied
    return {
        "system": entry.id.system,
        "number": entry.id.number,
        "name": entry.name,
        "state": entry.state,
        "file": entry.migration.file if entry.migration else None,
        "checksum": entry.migration.checksum if entry.migration else None,
        "applied_at": row.applied_at if row else None,
        "duration_ms": row.duration_ms if row else None,
        "version": row.version if row else None,
        "actor": row.actor if row else None,
    }


@click.command("up")
@migrate_options
def up(asked: Asked) -> None:
    """Apply everything that is not applied yet; any number of processes may do so at once."""

    async def work(database: Database) -> list[Done]:
        return await engine.migrate_up(database, asked.systems or None, tell=note, files=asked.all_files)

    done = asked.run(work, purpose="up")
    emit(asked.options, _done_fields(done), lambda: _print_done(done, "Everything is applied already."))


@click.command("down")
@click.option("--steps", type=click.IntRange(min=1), default=1, show_default=True, help="How many.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@migrate_options
def down(asked: Asked, *, steps: int, yes: bool) -> None:
    """Undo a system's newest migration, or several. What their tables hold is lost."""
    system = asked.one_system

    async def work(database: Database) -> list[Done]:
        return await engine.migrate_down(database, system, steps, tell=note, files=asked.all_files)

    what = "the newest migration" if steps == 1 else f"the newest {steps} migrations"
    confirm(asked.options, f"Undo {what} of {system}, with what their tables hold?", yes=yes)
    done = asked.run(work, purpose="down")
    emit(asked.options, _done_fields(done), lambda: _print_done(done, f"Nothing of {system} is applied."))


@click.command("accept")
@click.argument("migration", metavar="SYSTEM/NNNN")
@migrate_options
def accept(asked: Asked, *, migration: str) -> None:
    """Take the file of an applied migration as it stands now for the one that was applied.

    For an edit that does not alter what it does, such as a comment.
    """
    which = MigrationId.read(migration)
    asked.run(lambda database: engine.accept(database, which, files=asked.all_files), purpose="accept")
    emit(asked.options, {"accepted": str(which)}, lambda: click.echo(f"accepted  {which}"))


def _done_fields(done: Sequence[Done]) -> list[dict[str, object]]:
    return [
        {
            "system": each.system,
            "number": each.number,
            "name": each.name,
            "direction": each.direction,
            "duration_ms": each.duration_ms,
        }
        for each in done
    ]


def _print_done(done: Sequence[Done], nothing: str) -> None:
    if not done:
        click.echo(nothing)
    for each in done:
        word = "applied" if each.direction == "up" else "undone"
        click.echo(f"{word}  {each.id}  {each.name}  ({each.duration_ms} ms)")
