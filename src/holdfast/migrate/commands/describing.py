"""``holdfast migrate docs``: what the database holds, written for people."""

from __future__ import annotations

from pathlib import Path

import click

from holdfast.errors import WrongUse
from holdfast.migrate.commands.asked import Asked, migrate_options
from holdfast.migrate.describing import Relation, as_markdown, describe
from holdfast.postgres.database import Database
from holdfast.system import in_order
from holdfast.terminal.output import emit


@click.command("docs")
@click.option("--schema", "schemas", multiple=True, help="Only this PostgreSQL schema (may be repeated).")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@click.option("--without-counts", is_flag=True, help="Leave out what changes with the rows.")
@migrate_options
def docs(asked: Asked, *, schemas: tuple[str, ...], output: Path | None, without_counts: bool) -> None:
    """Write Markdown of the database's tables and views: columns, comments, keys, indexes, rows."""
    wanted = _schemas(asked, schemas)

    async def work(database: Database) -> tuple[str, list[Relation]]:
        async with database.connection() as connection:
            return connection.info.dbname, await describe(connection, wanted)

    name, relations = asked.run(work, purpose="docs")
    markdown = as_markdown(relations, title=f"Schema of {name}", counts=not without_counts)
    if output is not None and not asked.dry_run:
        output.write_text(markdown, encoding="utf-8")

    def render() -> None:
        if output is None:
            click.echo(markdown, nl=False)
        else:
            word = "would be written" if asked.dry_run else "written"
            click.echo(f"{word}  {output}  ({len(relations)} tables and views)")

    emit(asked.options, [each.as_fields(counts=not without_counts) for each in relations], render)


def _schemas(asked: Asked, schemas: tuple[str, ...]) -> list[str] | None:
    """Return the schemas that were asked for, by name or by installed system; None means all."""
    named = list(schemas)
    if not asked.folders and asked.systems:
        known = {system.name: system.schema for system in in_order()}
        for system in asked.systems:
            if system not in known:
                raise WrongUse(f"There is no system named {system}.", hint="Name a schema with --schema.")
            named.append(known[system])
    return named or None
