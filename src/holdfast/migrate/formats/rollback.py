"""``NAME.sql`` and ``NAME_rollback.sql``: the way back in a file of its own.

The scripts that run such folders hand a file to psql, where each statement is its own transaction
unless the file says BEGIN. Here a file is one transaction; it runs statement by statement with a
header line ``-- no-transaction``, or where one of its statements can run in no other way.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from holdfast.migrate.errors import MalformedMigration
from holdfast.migrate.formats.foreign import Way, migration
from holdfast.migrate.formats.source import Source, number_of
from holdfast.migrate.header import MigrationId
from holdfast.migrate.migration import Migration

_FILE_NAME = re.compile(r"(\d+)[_-]?(.*)\.sql")
_ENDING = "_rollback.sql"


def way_back_of(name: str, names: Collection[str]) -> str | None:
    """Return the name of the file that undoes this one, where it is among ``names``."""
    wanted = name.removesuffix(".sql") + _ENDING
    return wanted if wanted in names else None


def read(sources: Sequence[Source], system: str) -> list[Migration]:
    """Read a folder's files. Raises ``MalformedMigration`` for a name or content that is not understood."""
    names = {source.name: source for source in sources}
    ways_back = {back for name in names if (back := way_back_of(name, names))}
    read_files = []
    for source in sources:
        if source.name in ways_back:
            continue
        if source.name.endswith(_ENDING):
            raise MalformedMigration(
                f"{source.shown} undoes what no file does.",
                hint=f"Add {source.name.removesuffix(_ENDING)}.sql, or remove it.",
            )
        name = _FILE_NAME.fullmatch(source.name)
        if name is None:
            raise MalformedMigration(
                f"{source.shown}: its name does not begin with a number.",
                hint="Such as 001_create_patients.sql and 001_create_patients_rollback.sql.",
            )
        back = way_back_of(source.name, names)
        read_files.append(
            migration(
                MigrationId(system, number_of(name[1], source)),
                name[2],
                Way(source.whole, source),
                Way(names[back].whole, names[back]) if back else None,
                source.header(),
            )
        )
    return read_files
