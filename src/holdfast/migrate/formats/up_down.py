"""The files of sqlx and golang-migrate: ``NUMBER_words.up.sql`` and ``NUMBER_words.down.sql``.

``NUMBER_words.sql`` without a direction (sqlx) has no way back. A first line ``-- no-transaction``
(sqlx) makes the file run statement by statement, and so does a statement that PostgreSQL takes only
outside of a transaction (golang-migrate begins none).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from holdfast.migrate.errors import MalformedMigration, malformed
from holdfast.migrate.formats.foreign import Way, migration
from holdfast.migrate.formats.source import Source, number_of
from holdfast.migrate.header import MigrationId
from holdfast.migrate.migration import Migration

WITH_DIRECTION = re.compile(r"(\d+)_(.*)\.(up|down)\.sql")
_PLAIN = re.compile(r"(\d+)_(.*)\.sql")
# What other tools mark the directions with inside of one file: -- +goose Up, -- migrate:down, --//@UNDO
_MARK_OF_OTHERS = re.compile(r"--\s*(?:[+@/]+\s*(?:\w+\s+)?|\w+:\s*)?(?:up|down|undo)\s*", re.IGNORECASE)


def read(sources: Sequence[Source], system: str) -> list[Migration]:
    """Read a folder's files. Raises ``MalformedMigration`` for a name or content that is not understood."""
    names = {source.name: source for source in sources}
    read_files = []
    for source in sources:
        directed = WITH_DIRECTION.fullmatch(source.name)
        if directed is not None and directed[3] == "down":
            if f"{directed[1]}_{directed[2]}.up.sql" not in names:
                raise MalformedMigration(
                    f"{source.shown} undoes what no file does.",
                    hint=f"Add {directed[1]}_{directed[2]}.up.sql, or remove it.",
                )
            continue
        name = directed or _PLAIN.fullmatch(source.name)
        if name is None:
            raise MalformedMigration(
                f"{source.shown}: a migration is named NUMBER_words.up.sql, or NUMBER_words.sql.",
                hint="Such as 20260301120000_add_parcels.up.sql.",
            )
        back = names.get(f"{name[1]}_{name[2]}.down.sql") if directed else None
        read_files.append(_read_one(source, back, MigrationId(system, number_of(name[1], source)), name[2]))
    return read_files


def _read_one(source: Source, back: Source | None, which: MigrationId, words: str) -> Migration:
    for number, line in enumerate(source.lines, start=1):
        if _MARK_OF_OTHERS.fullmatch(line):
            raise malformed(
                source.shown,
                number,
                f"'{line.strip()}' looks like another tool's mark, and all of this file would be run",
                "Name the format (--format), or take the line out.",
            )
    header = source.header()
    if any(each and each.content.startswith("-- no-transaction") for each in (source, back)):
        header.transactional = False
    up = Way(source.whole, source)
    return migration(which, words, up, None if back is None else Way(back.whole, back), header)
