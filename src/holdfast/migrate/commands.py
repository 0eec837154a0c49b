"""``holdfast migrate``: show, apply and undo migrations."""

from __future__ import annotations

from collections.abc import Sequence

import click

from holdfast.migrate import engine
from holdfast.migrate.command import run_with_database
from holdfast.migrate.engine import Done
from holdfast.migrate.header import MigrationId
from holdfast.migrate.plan import Entry, problems
from holdfast.postgres.database import Database
from holdfast.terminal.options import CommandOptions, common_options
from holdfast.terminal.output import confirm, emit, note, print_table

_system = click.option("--system", "systems", multiple=True, help="Only this system (may be repeated).")


@click.group()
def migrate() -> None:
    """Show, apply and undo migrations of all systems."""


@migrate.command("status")
@_system
@common_options
def status(options: CommandOptions, *, systems: tuple[str, ...]) -> None:
    """Show each migration: whether it is applied, when, by whom, how long it took."""
    entries = run_with_database(
        options,
        lambda database: engine.status(database, systems or None),
        purpose="migrate status",
        migrated=False,
    )

    def render() -> None:
        print_table(
            ("migration", "name", "state", "applied", "ms", "version", "by"),
            [_cells(entry) for entry in entries],
            empty="No system has migrations.",
        )
        for what, hint in problems(entries):
            note(f"{what}.\n  {hint}")

    emit(options, [_fields(entry) for entry in entries], render)


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


@migrate.command("up")
@_system
@common_options
def up(options: CommandOptions, *, systems: tuple[str, ...]) -> None:
    """Apply everything that is not applied yet; any number of processes may do so at once."""

    async def work(database: Database) -> list[Done]:
        return await engine.migrate_up(database, systems or None, tell=note)

    done = run_with_database(options, work, purpose="migrate up", migrated=False)
    emit(options, _done_fields(done), lambda: _print_done(done, "Everything is applied already."))


@migrate.command("down")
@click.option("--system", required=True, help="Whose newest migrations to undo.")
@click.option("--steps", type=click.IntRange(min=1), default=1, show_default=True, help="How many.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common_options
def down(options: CommandOptions, *, system: str, steps: int, yes: bool) -> None:
    """Undo a system's newest migration, or several. What their tables hold is lost."""

    async def work(database: Database) -> list[Done]:
        return await engine.migrate_down(database, system, steps, tell=note)

    what = "the newest migration" if steps == 1 else f"the newest {steps} migrations"
    confirm(options, f"Undo {what} of {system}, with what their tables hold?", yes=yes)
    done = run_with_database(options, work, purpose="migrate down", migrated=False)
    emit(options, _done_fields(done), lambda: _print_done(done, f"Nothing of {system} is applied."))


@migrate.command("accept")
@click.argument("migration", metavar="SYSTEM/NNNN")
@common_options
def accept(options: CommandOptions, *, migration: str) -> None:
    """Take the file of an applied migration as it stands now for the one that was applied.

    For an edit that does not alter what it does, such as a comment.
    """
    which = MigrationId.read(migration)
    run_with_database(
        options,
        lambda database: engine.accept(database, which),
        purpose="migrate accept",
        migrated=False,
    )
    emit(options, {"accepted": str(which)}, lambda: click.echo(f"accepted  {which}"))


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
