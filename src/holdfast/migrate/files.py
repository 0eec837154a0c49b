"""Reads the migrations of a system, or of a folder in anybody's format."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

from holdfast.errors import WrongUse
from holdfast.migrate.errors import MalformedMigration
from holdfast.migrate.formats import holdfast
from holdfast.migrate.formats.detecting import format_of
from holdfast.migrate.formats.source import Source, clean, read_sources
from holdfast.migrate.migration import Migration, created_index
from holdfast.system import System

__all__ = ["Migration", "created_index", "migrations_of", "parse", "read_folder"]


def migrations_of(system: System) -> list[Migration]:
    """Return a declared system's migrations by number, read from its installed package.

    Raises ``MalformedMigration`` with file and line, ``WrongUse`` where the folder does not exist.
    """
    if not system.migrations:
        return []
    package, _, folder = system.migrations.rpartition(".")
    try:
        place = files(package).joinpath(folder)
        present = place.is_dir()
    except (ModuleNotFoundError, ValueError) as error:
        raise WrongUse(
            f"System {system.name} declares migrations in {system.migrations}: {error}.",
            hint="Reinstall the package that declares it, or correct its System value.",
        ) from error
    if not present:
        raise WrongUse(
            f"System {system.name} declares migrations in {system.migrations}, which is not a folder.",
            hint="Reinstall the package that declares it, or correct its System value.",
        )
    shown = system.migrations.replace(".", "/")
    return read_folder(place, system.name, shown=shown, format_name="holdfast")


def read_folder(
    place: Traversable, system: str, *, shown: str, format_name: str | None = None
) -> list[Migration]:
    """Return the migrations of one folder by number; ``shown`` is the folder's name in messages.

    ``format_name`` is one of ``formats.detecting.FORMATS``; without it the folder is looked at. Raises
    ``MalformedMigration`` for a file name or content that is not understood, or a number that two
    files carry.
    """
    sources = read_sources(place, shown)
    found: dict[int, Migration] = {}
    for migration in format_of(sources, format_name).read(sources, system):
        other = found.setdefault(migration.id.number, migration)
        if other is not migration:
            raise MalformedMigration(
                f"{shown}: {_base_name(other.file)} and {_base_name(migration.file)} carry the same number.",
                hint="Give the one that is applied nowhere the next free number.",
            )
    return [found[number] for number in sorted(found)]


def _base_name(file: str) -> str:
    return file.rpartition("/")[2]


def parse(content: str, *, system: str, file_name: str, shown: str) -> Migration:
    """Read the content of one file in our own form.

    Raises ``MalformedMigration`` naming ``shown`` and the line.
    """
    return holdfast.read_one(Source(file_name, shown, clean(content)), system)
