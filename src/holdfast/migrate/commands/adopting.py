"""``holdfast migrate adopt``: take over a database whose history another tool keeps."""

from __future__ import annotations

from dataclasses import replace

import click

from holdfast.errors import WrongUse
from holdfast.migrate.adopting.adoption import Adoption, Takeover
from holdfast.migrate.adopting.adoption import adopt as take_over
from holdfast.migrate.adopting.histories import TOOLS
from holdfast.migrate.catalogue.comparing import as_fields
from holdfast.migrate.commands.asked import Asked, allow_remote_option, migrate_options
from holdfast.migrate.header import MigrationId
from holdfast.migrate.plan import Files
from holdfast.postgres.database import Database
from holdfast.terminal.output import emit, note


@click.command("adopt")
@click.option("--from", "tool", type=click.Choice(list(TOOLS)), help="The tool; found by looking otherwise.")
@click.option("--table", metavar="SCHEMA.NAME", help="The tool's table, where it has not its usual name.")
@click.option("--baseline", is_flag=True, help="Write what the database holds into a first file of --dir.")
@allow_remote_option
@migrate_options
def adopt(asked: Asked, *, tool: str | None, table: str | None, baseline: bool, allow_remote: bool) -> None:
    """Take over what Alembic, Flyway, dbmate, sqlx or golang-migrate has applied, and run nothing.

    Refused where the files do not give what the database holds. The tool's own table stays as it is.
    """
    takeover = replace(_takeover(asked, tool, table, baseline=baseline), allow_remote=allow_remote)

    async def work(database: Database) -> Adoption:
        return await take_over(database, takeover, _files(asked), tell=note, dry_run=asked.dry_run)

    adoption = asked.run(work, purpose="adopt")
    emit(asked.options, _fields(adoption), lambda: _print(adoption, dry_run=asked.dry_run))
    if adoption.drift.differences:
        note(
            "Nothing was adopted: these files do not give what the database holds.\n"
            "  Mend one or the other (the SQL above mends the database) and adopt again, or take what it\n"
            "  holds as it is: add --baseline."
        )
        raise click.exceptions.Exit(1)


def _takeover(asked: Asked, tool: str | None, table: str | None, *, baseline: bool) -> Takeover:
    if len(asked.folders) != 1 or len(asked.systems) != 1:
        raise WrongUse(
            "Name one folder and the system that its migrations are to be.",
            hint="holdfast migrate --dir db/migrations --system shop adopt",
        )
    MigrationId.read(f"{asked.systems[0]}/0001")
    return Takeover(asked.systems[0], asked.folders[0], tool, table, baseline)


def _files(asked: Asked) -> Files | None:
    """Return the folder's files; None where there are none, as beside Alembic's."""
    return asked.all_files if any(asked.folders[0].glob("*.sql")) else None


def _fields(adoption: Adoption) -> dict[str, object]:
    return {
        "origin": adoption.origin,
        "adopted": [] if adoption.drift.differences else [str(each.migration.id) for each in adoption.taken],
        "written": str(adoption.written) if adoption.written and not adoption.drift.differences else None,
        "differences": [
            {**as_fields(each), "mend": adoption.drift.mend(each)} for each in adoption.drift.differences
        ],
    }


def _print(adoption: Adoption, *, dry_run: bool) -> None:
    if adoption.drift.differences:
        for difference in adoption.drift.differences:
            click.echo(difference)
            for line in adoption.drift.mend(difference):
                click.echo(f"  {line}")
        return
    word = "would be adopted" if dry_run else "adopted"
    for each in adoption.taken:
        click.echo(f"{word}  {each.migration.id}  {each.migration.name}")
    if adoption.written is not None:
        click.echo(f"{'would be written' if dry_run else 'written'}  {adoption.written}")
    note(f"From {adoption.origin}, which stays as it is.")
