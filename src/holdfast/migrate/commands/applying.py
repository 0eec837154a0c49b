"""``holdfast migrate``: show migrations, apply them, accept an edit."""

from __future__ import annotations

from collections.abc import Sequence

import click

from holdfast.migrate import engine
from holdfast.migrate.commands.asked import Asked, migrate_options
from holdfast.migrate.commands.planned import read_id, show_done, show_planned
from holdfast.migrate.driving import Done, Todo
from holdfast.migrate.header import MigrationId
from holdfast.migrate.plan import Entry, problems
from holdfast.postgres.database import Database
from holdfast.terminal.output import emit, note, print_table


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
    state = "adopted" if (entry.state, row.outcome) == ("applied", "adopted") else entry.state
    return (entry.id, entry.name, state, row.applied_at, row.duration_ms, row.version, row.actor)


def _fields(entry: Entry) -> dict[str, object]:
    row = entry.applied
    return {
        "system": entry.id.system,
        "number": entry.id.number,
        "name": entry.name,
        "state": entry.state,
        "outcome": row.outcome if row else None,
        "file": entry.migration.file if entry.migration else None,
        "checksum": entry.migration.checksum if entry.migration else None,
        "applied_at": row.applied_at if row else None,
        "duration_ms": row.duration_ms if row else None,
        "version": row.version if row else None,
        "actor": row.actor if row else None,
    }


@click.command("up")
@click.option("--to", metavar="NNNN", help="No further than this one of the system, and what it needs.")
@click.option(
    "--require-proof",
    is_flag=True,
    help="Refuse files that are not proven for this server's version (see `prove`).",
)
@migrate_options
def up(asked: Asked, *, to: str | None, require_proof: bool) -> None:
    """Apply everything that is not applied yet; any number of processes may do so at once."""
    last = None if to is None else read_id(asked, to)
    systems = [last.system] if last is not None and not asked.folders else asked.systems or None
    files = asked.all_files
    nothing = "Everything is applied already."

    async def look(database: Database) -> Todo:
        return await engine.would_apply(database, systems, to=last, files=files)

    async def work(database: Database) -> list[Done]:
        return await engine.migrate_up(
            database,
            systems,
            to=last,
            tell=note,
            files=files,
            require_proof=require_proof or None,
            folders=asked.by_system,
        )

    if asked.dry_run:
        show_planned(asked, asked.run(look, purpose="up"), nothing=nothing)
    else:
        show_done(asked, asked.run(work, purpose="up"), nothing=nothing)


@click.command("accept")
@click.argument("migration", metavar="SYSTEM/NNNN")
@migrate_options
def accept(asked: Asked, *, migration: str) -> None:
    """Take the file of an applied migration as it stands now for the one that was applied.

    For an edit that does not alter what it does, such as a comment.
    """
    which = MigrationId.read(migration)
    if asked.dry_run:
        emit(asked.options, {"would_accept": str(which)}, lambda: click.echo(f"would be accepted  {which}"))
        return
    asked.run(lambda database: engine.accept(database, which, files=asked.all_files), purpose="accept")
    emit(asked.options, {"accepted": str(which)}, lambda: click.echo(f"accepted  {which}"))
