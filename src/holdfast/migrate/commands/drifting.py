"""``holdfast migrate``: compare databases, snapshots and what files give."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from holdfast.errors import WrongUse
from holdfast.migrate.catalogue.comparing import Difference, as_fields, compare
from holdfast.migrate.catalogue.mending import mend, mend_all
from holdfast.migrate.catalogue.model import Catalogue
from holdfast.migrate.commands.asked import Asked, allow_remote_option, migrate_options
from holdfast.migrate.drift import Drift, catalogue_of, find_drift
from holdfast.migrate.scratch import built
from holdfast.postgres.database import Database
from holdfast.postgres.endpoint import endpoint_named
from holdfast.terminal.output import emit, note

_FILES = "files"
_sql_option = click.option("--sql", "only_sql", is_flag=True, help="Print nothing but the SQL, in order.")


@click.command("drift")
@click.option("--all", "everything", is_flag=True, help="Report what no file makes or touches as well.")
@click.option("--scratch", metavar="URL", default="", help="The server to build the files on.")
@_sql_option
@allow_remote_option
@migrate_options
def drift(asked: Asked, *, everything: bool, scratch: str, only_sql: bool, allow_remote: bool) -> None:
    """Compare the database with what its applied files give; exit 1 where they differ.

    The files are built on a throwaway database, which is dropped. Each difference is named with the SQL
    that mends it.
    """
    server = _named(asked, scratch, "--scratch").conninfo if scratch else ""

    async def work(database: Database) -> Drift:
        return await find_drift(database, asked.all_files, scratch=server, allow_remote=allow_remote)

    found = asked.run(work, purpose="drift")
    if found.not_at_hand:
        note(
            f"The files of {', '.join(found.not_at_hand)} are not here: "
            "what no file here makes, or makes a part of, is not judged."
        )
    shown = [*found.differences, *(found.not_managed if everything else ())]
    if only_sql:
        click.echo("\n".join(found.mending)) if found.mending else None
    else:
        emit(asked.options, _drift_fields(found), lambda: print_drift(found, everything=everything))
    if shown:
        raise click.exceptions.Exit(1)


def _drift_fields(found: Drift) -> dict[str, Any]:
    return {
        "differences": [
            {**as_fields(difference), "mend": found.mend(difference)} for difference in found.differences
        ],
        "not_managed": [
            {**as_fields(difference), "mend": found.mend(difference)} for difference in found.not_managed
        ],
        "not_at_hand": list(found.not_at_hand),
        "mend": found.mending,
    }


def print_drift(found: Drift, *, everything: bool) -> None:
    """Print what differs with its SQL; with ``everything`` what no file makes or touches as well."""
    shown = [*found.differences, *(found.not_managed if everything else ())]
    _print(shown, found.expected, found.found)
    if not shown:
        click.echo("The database holds what its files give.")
    if found.not_managed and not everything:
        note(f"{len(found.not_managed)} more that no file makes or touches: holdfast migrate drift --all")


@click.command("diff")
@click.argument("expected")
@click.argument("found")
@_sql_option
@allow_remote_option
@migrate_options
def diff(asked: Asked, *, expected: str, found: str, only_sql: bool, allow_remote: bool) -> None:
    """Compare two of: a database's URL, a snapshot's file, or the word files; exit 1 where they differ.

    The SQL that is given takes the second to the first. The word files means what the migration files
    give, pending ones as well.
    """
    wanted, actual = asyncio.run(_both(asked, expected, found, allow_remote=allow_remote))
    differences = compare(wanted, actual)
    mending = mend_all(differences, wanted, actual)
    fields = {
        "differences": [
            {**as_fields(difference), "mend": mend(difference, wanted, actual)} for difference in differences
        ],
        "mend": mending,
    }
    if wanted.major != actual.major:
        majors = f"PostgreSQL {wanted.major} and {actual.major}"
        note(f"{majors} write some things differently: not all may be real.")
    if only_sql:
        click.echo("\n".join(mending)) if mending else None
    else:
        emit(asked.options, fields, lambda: _print_diff(differences, wanted, actual))
    if differences:
        raise click.exceptions.Exit(1)


def _print_diff(differences: Sequence[Difference], wanted: Catalogue, actual: Catalogue) -> None:
    _print(differences, wanted, actual)
    if not differences:
        click.echo("They are alike.")


async def _both(
    asked: Asked, expected: str, found: str, *, allow_remote: bool
) -> tuple[Catalogue, Catalogue]:
    """Read both sides; files are built on the server of the other side, or on one of its version."""
    sides = {side: await _read(asked, side) for side in (expected, found) if side != _FILES}
    if _FILES in (expected, found):
        other = next(iter(sides), None)
        major = sides[other].major if other else None
        sides[_FILES] = await _build(asked, other, major, allow_remote=allow_remote)
    return sides[expected], sides[found]


def _is_url(text: str) -> bool:
    return not Path(text).is_file() and ("://" in text or "=" in text)


async def _read(asked: Asked, side: str) -> Catalogue:
    if not _is_url(side):
        return _snapshot(Path(side))
    async with Database.open(_named(asked, side, "URL"), asked.options.settings, min_size=1) as database:
        return await catalogue_of(database)


async def _build(asked: Asked, other: str | None, major: int | None, *, allow_remote: bool) -> Catalogue:
    settings = asked.options.settings
    if other is None or not _is_url(other):
        async with built(asked.files, settings, major=major, allow_remote=allow_remote) as made:
            return await catalogue_of(made)
    async with (
        Database.open(_named(asked, other, "URL"), settings, min_size=1) as live,
        built(asked.files, settings, live=live, allow_remote=allow_remote) as made,
    ):
        return await catalogue_of(made)


def _snapshot(path: Path) -> Catalogue:
    if not path.is_file():
        raise WrongUse(f"{path} is no file.", hint="Name a database's URL, a snapshot's file, or: files")
    return Catalogue.from_json(path.read_text(encoding="utf-8"))


def _named(asked: Asked, url: str, origin: str) -> Any:
    return endpoint_named(url, asked.options.settings, origin=origin)


@click.command("snapshot")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@migrate_options
def snapshot(asked: Asked, *, file: Path | None) -> None:
    """Write what the database holds as JSON, to a file or to the output: the same database, the same text."""
    catalogue = asked.run(catalogue_of, purpose="snapshot")
    if file is None or asked.dry_run:
        click.echo(catalogue.to_json(), nl=False)
        return
    file.write_text(catalogue.to_json(), encoding="utf-8")
    fields = {"file": str(file), "items": len(catalogue), "fingerprint": catalogue.fingerprint}
    emit(asked.options, fields, lambda: click.echo(f"{len(catalogue)} items written to {file}"))


def _print(differences: Sequence[Difference], expected: Catalogue, found: Catalogue) -> None:
    for difference in differences:
        click.echo(f"{click.style(difference.what, bold=True)}  {difference.key}")
        for change in difference.changes:
            click.echo(
                f"  {change.attribute}: expected {_value(change.expected)}, found {_value(change.found)}"
            )
        for statement in mend(difference, expected, found):
            click.echo("\n".join(f"    {line}" for line in statement.splitlines()))


def _value(value: object) -> str:
    return (
        "none"
        if value is None
        else value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False)
    )
