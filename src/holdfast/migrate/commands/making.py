"""``holdfast migrate``: begin a file, and check all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files as files_of_package
from pathlib import Path

import click

from holdfast.errors import WrongUse
from holdfast.migrate import engine
from holdfast.migrate.commands.asked import Asked, migrate_options
from holdfast.migrate.driving import Todo
from holdfast.migrate.errors import MalformedMigration
from holdfast.migrate.formats.detecting import FORMATS
from holdfast.migrate.formats.making import new_files
from holdfast.migrate.formats.source import read_sources
from holdfast.migrate.migration import Migration
from holdfast.postgres.database import Database
from holdfast.terminal.output import emit


@click.command("create")
@click.argument("words")
@migrate_options
def create(asked: Asked, *, words: str) -> None:
    """Begin a system's next migration, such as "add lamps": a file with the next number, to be filled in."""
    folder = _folder(asked)
    sources = read_sources(folder, str(folder)) if folder.is_dir() else []
    form = FORMATS[asked.format_name] if asked.format_name else None
    contents = new_files(sources, words, now=datetime.now(UTC), form=form)
    paths = {folder / name: content for name, content in contents.items()}
    if not asked.dry_run:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in paths.items():
            _write(path, content)
    word = "would be created" if asked.dry_run else "created"
    emit(
        asked.options,
        {"files": [str(path) for path in paths], "dry_run": asked.dry_run},
        lambda: click.echo("\n".join(f"{word}  {path}" for path in paths)),
    )


def _write(path: Path, content: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        raise WrongUse(f"{path} exists already.", hint="Run the same again for the next number.") from None
    except OSError as error:
        hint = "Name a folder of your own: --dir DIR"
        raise WrongUse(f"{path} cannot be written: {error.strerror}.", hint=hint) from None


def _folder(asked: Asked) -> Path:
    """Return the folder of the one system that was asked for; of ``--dir`` it need not exist yet."""
    if asked.folders:
        if len(asked.folders) != 1:
            raise WrongUse("Name one folder.", hint='holdfast migrate --dir migrations create "add lamps"')
        return asked.folders[0]
    system = asked.all_files.systems[asked.one_system]
    package, _, folder = system.migrations.rpartition(".")
    place = files_of_package(package).joinpath(folder) if package else None
    if not isinstance(place, Path):
        raise WrongUse(f"{system.name} has no folder of migrations here.", hint="Name one: --dir migrations")
    return place


@click.command("validate")
@click.option("--files-only", is_flag=True, help="Do not compare the files with a database.")
@migrate_options
def validate(asked: Asked, *, files_only: bool) -> None:
    """Check that all files are understood and in order, and that the database's history agrees with them."""
    wanted = asked.files
    _check_grammar(wanted.ordered)
    waiting: Todo = ()

    async def look(database: Database) -> Todo:
        return await engine.would_apply(database, asked.systems or None, files=asked.all_files)

    if not files_only:
        waiting = asked.run(look, purpose="validate")  # raises where files and history disagree
    count, pending = len(wanted.ordered), len(waiting)
    against = "not compared with a database" if files_only else f"{pending} to be applied"
    emit(
        asked.options,
        {"files": count, "pending": None if files_only else pending},
        lambda: click.echo(f"{count} files are valid; {against}."),
    )


def _check_grammar(files: Sequence[Migration]) -> None:
    """Raise ``MalformedMigration``, naming each place, where PostgreSQL's grammar refuses a statement."""
    from holdfast.migrate.lint.grammar import refused  # noqa: PLC0415  # the parser takes 100 ms to import

    found = [
        f"{migration.file_of(statement)}:{line}: {what}"
        for migration in files
        for statement, line, what in refused([*migration.up, *migration.down])
    ]
    if found:
        raise MalformedMigration(
            "; ".join(found) + ".",
            hint="Correct it: PostgreSQL's grammar has no such statement. holdfast migrate lint says more.",
            places=found,
        )
