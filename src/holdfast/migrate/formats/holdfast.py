"""Our own form: ``NNNN_words.sql`` with an ``-- UP`` part and a ``-- DOWN`` part.

Header lines may stand before ``-- UP``: ``-- no-transaction`` (its statements run one by one, each
recorded), ``-- depends: system/NNNN`` (may be repeated), ``-- irreversible: reason`` (in place of
``-- DOWN``), ``-- data-loss: what`` (what undoing it loses), ``-- lock-budget: 2s`` (in place of
HOLDFAST_MIGRATE_LOCK_TIMEOUT). Any other comment may stand there too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from holdfast.migrate.errors import MalformedMigration, malformed
from holdfast.migrate.formats.source import Source, checksum
from holdfast.migrate.formats.statements import read_statements
from holdfast.migrate.header import MigrationId, Part, read_header
from holdfast.migrate.migration import Migration

_FILE_NAME = re.compile(r"(\d{3,18})_([a-z0-9]+(?:_[a-z0-9]+)*)\.sql")
PART = re.compile(r"--\s*(UP|DOWN)\s*")


def read(sources: Sequence[Source], system: str) -> list[Migration]:
    """Read a folder's files. Raises ``MalformedMigration`` for a name or content that is not understood."""
    return [read_one(source, system) for source in sources]


def read_one(source: Source, system: str) -> Migration:
    """Read one file. Raises ``MalformedMigration`` naming it and the line."""
    shown = source.shown
    name = _FILE_NAME.fullmatch(source.name)
    if name is None or int(name[1]) == 0:
        raise MalformedMigration(
            f"{shown}: a migration is named NNNN_words.sql.",
            hint="Four digits from 0001 on, then words of small letters and digits joined by _, "
            "such as 0007_add_endpoints.sql.",
        )
    header, up, down = _parts(source)
    options = read_header(header, shown)
    migration = Migration(
        id=MigrationId(system, int(name[1])),
        name=name[2].replace("_", " "),
        file=shown,
        checksum=checksum(source.content),
        up=read_statements(up, shown, transactional=options.transactional),
        down=read_statements(down, shown, transactional=options.transactional) if down else (),
        transactional=options.transactional,
        depends=tuple(options.depends),
        irreversible=options.irreversible,
        data_loss=options.data_loss,
        lock_budget=options.lock_budget,
        content=source.content,
    )
    _check_whole(migration, up, down)
    return migration


def _parts(source: Source) -> tuple[Part, Part, Part | None]:
    shown, lines = source.shown, source.lines
    marks: dict[str, int] = {}
    for index, line in enumerate(lines):
        mark = PART.fullmatch(line)
        if mark is None:
            continue
        if mark[1] in marks:
            raise malformed(
                shown, index + 1, f"a second -- {mark[1]}", f"The first is in line {marks[mark[1]] + 1}."
            )
        if mark[1] == "UP" and "DOWN" in marks:
            raise malformed(shown, index + 1, "-- UP after -- DOWN", "Write the -- UP part first.")
        marks[mark[1]] = index
    if "UP" not in marks:
        raise malformed(shown, 1, "there is no -- UP part", "Begin with a line '-- UP'.")
    up, down = marks["UP"], marks.get("DOWN")
    return (
        Part(lines[:up], 1),
        Part(lines[up + 1 : down], up + 2),
        None if down is None else Part(lines[down + 1 :], down + 2),
    )


def _check_whole(migration: Migration, up: Part, down: Part | None) -> None:
    shown = migration.file
    if not migration.up:
        raise malformed(shown, up.first_line - 1, "the -- UP part holds no statement", "Write one.")
    if migration.irreversible and migration.down:
        raise malformed(
            shown, migration.down[0].line, "a -- DOWN part though irreversible", "Keep one of the two."
        )
    if not migration.irreversible and not migration.down:
        raise malformed(
            shown,
            up.first_line - 1 if down is None else down.first_line - 1,
            "there is no statement that undoes it",
            "Write a '-- DOWN' part, or '-- irreversible: reason' above '-- UP'.",
        )
