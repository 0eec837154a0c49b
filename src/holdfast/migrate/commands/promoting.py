"""``holdfast migrate promote``: bring one environment to where another one is."""

from __future__ import annotations

import asyncio

import click

from holdfast.migrate.commands.asked import Asked, allow_remote_option, migrate_options
from holdfast.migrate.promote import Promotion
from holdfast.migrate.promote import promote as bring
from holdfast.postgres.database import Database
from holdfast.postgres.endpoint import endpoint_named
from holdfast.terminal.output import confirm, emit, note


@click.command("promote")
@click.option("--from", "source", required=True, metavar="URL", help="The database that is ahead.")
@click.option("--to", "target", required=True, metavar="URL", help="The database to bring there.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@allow_remote_option
@migrate_options
def promote(asked: Asked, *, source: str, target: str, yes: bool, allow_remote: bool) -> None:
    """Apply to one database exactly what another one has, where both are what they say they are.

    Refused where certificate, history or live catalogue of either disagree.
    """

    def run(*, dry_run: bool) -> Promotion:
        return asyncio.run(_promote(asked, source, target, dry_run=dry_run, allow_remote=allow_remote))

    planned = run(dry_run=True)
    if asked.dry_run or not planned.missing:
        _say(asked, planned, "would be promoted")
        return
    _ask(asked, planned, yes=yes)
    _say(asked, run(dry_run=False), "promoted")


async def _promote(asked: Asked, source: str, target: str, *, dry_run: bool, allow_remote: bool) -> Promotion:
    settings = asked.options.settings
    ahead = endpoint_named(source, settings, origin="--from")
    behind = endpoint_named(target, settings, origin="--to")
    name = "holdfast migrate promote"
    async with (
        Database.open(ahead, settings, application_name=name, min_size=1) as leading,
        Database.open(behind, settings, application_name=name, min_size=1) as following,
    ):
        return await bring(
            leading,
            following,
            asked.files,
            folders=asked.by_system,
            tell=note,
            dry_run=dry_run,
            allow_remote=allow_remote,
        )


def _ask(asked: Asked, planned: Promotion, *, yes: bool) -> None:
    if not yes:
        for migration in planned.missing:
            note(f"{migration.id}  {migration.name}")
    count = len(planned.missing)
    confirm(asked.options, f"Apply {count} migration{'s' * (count != 1)} to the target?", yes=yes)


def _say(asked: Asked, promotion: Promotion, word: str) -> None:
    fields = [{"migration": str(each.id), "name": each.name} for each in promotion.missing]

    def render() -> None:
        if not promotion.missing:
            click.echo("The target has everything that the source has.")
        for each in promotion.missing:
            click.echo(f"{word}  {each.id}  {each.name}")

    emit(asked.options, fields, render)
