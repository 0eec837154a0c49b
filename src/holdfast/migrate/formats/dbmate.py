"""dbmate's files: ``NUMBER_words.sql`` with ``-- migrate:up`` and ``-- migrate:down`` parts.

``transaction:false`` behind either mark makes both directions run statement by statement.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from holdfast.migrate.errors import MalformedMigration, malformed
from holdfast.migrate.formats.foreign import Way, migration
from holdfast.migrate.formats.source import Source, number_of
from holdfast.migrate.header import MigrationId, Part, read_header
from holdfast.migrate.migration import Migration

_FILE_NAME = re.compile(r"(\d+)_?(.*)\.sql")
MARK = re.compile(r"--\s*migrate:(up|down)(?:\s+(.*?))?\s*")
_OPTION = re.compile(r"transaction:(true|false)")


def read(sources: Sequence[Source], system: str) -> list[Migration]:
    """Read a folder's files. Raises ``MalformedMigration`` for a name or content that is not understood."""
    return [_read_one(source, system) for source in sources]


def _read_one(source: Source, system: str) -> Migration:
    name = _FILE_NAME.fullmatch(source.name)
    if name is None:
        raise MalformedMigration(
            f"{source.shown}: dbmate's files are named NUMBER_words.sql.",
            hint="Such as 20260301120000_add_loans.sql.",
        )
    marks = _marks(source)
    lines = source.lines
    header = read_header(Part(lines[: marks["up"]], 1), source.shown, mark="-- migrate:up")
    for index in marks.values():
        if _says_no_transaction(source, index):
            header.transactional = False
    down = marks.get("down")
    return migration(
        MigrationId(system, number_of(name[1], source)),
        name[2],
        Way(Part(lines[marks["up"] + 1 : down], marks["up"] + 2), source),
        None if down is None else Way(Part(lines[down + 1 :], down + 2), source),
        header,
        marked=True,
    )


def _marks(source: Source) -> dict[str, int]:
    marks: dict[str, int] = {}
    for index, line in enumerate(source.lines):
        mark = MARK.fullmatch(line)
        if mark is None:
            continue
        if mark[1] in marks or (mark[1] == "up" and "down" in marks):
            raise malformed(
                source.shown,
                index + 1,
                f"-- migrate:{mark[1]} does not belong here",
                "Write one -- migrate:up part, then one -- migrate:down part.",
            )
        marks[mark[1]] = index
    if "up" not in marks:
        raise malformed(
            source.shown, 1, "there is no -- migrate:up part", "Begin with a line '-- migrate:up'."
        )
    return marks


def _says_no_transaction(source: Source, index: int) -> bool:
    mark = MARK.fullmatch(source.lines[index])
    words = (mark[2] or "").split() if mark else []
    options = [_OPTION.fullmatch(word) for word in words]
    if None in options:
        raise malformed(
            source.shown, index + 1, f"'{' '.join(words)}' is not understood", "Write 'transaction:false'."
        )
    return any(option is not None and option[1] == "false" for option in options)
