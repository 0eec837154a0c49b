"""A migration as it was read: what is run, in which direction, and what its header says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.migrate.header import MigrationId
from holdfast.migrate.splitting import SqlStatement


@dataclass(frozen=True, slots=True)
class Migration:
    r"""One migration, read and checked: one file, or two where the way back stands in its own.

    ``file`` is its path as shown to people, ``down_file`` that of the way back where it is another;
    ``lock_budget`` seconds, or None for the setting; ``checksum`` the SHA-256 (hex) of its content
    with line ends as ``\n``; ``content`` and ``down_content`` that content, which the statements'
    lines count in.
    """

    id: MigrationId
    name: str
    file: str
    checksum: str
    up: tuple[SqlStatement, ...]
    down: tuple[SqlStatement, ...] = ()
    transactional: bool = True
    depends: tuple[MigrationId, ...] = ()
    irreversible: str = ""
    data_loss: str = ""
    lock_budget: float | None = None
    down_file: str = ""
    content: str = field(default="", repr=False)
    down_content: str = field(default="", repr=False)

    def file_of(self, statement: SqlStatement) -> str:
        """Return the file, as shown to people, in which one of its statements stands."""
        if self.down_file and any(each is statement for each in self.down):
            return self.down_file
        return self.file


# A letter, _ or anything beyond ASCII, said by what it is not: the range up to U+10FFFF is slow to compile.
_NAME = r'(?:[^\x00-@\[-^`{-\x7f][\w$]*|"(?:[^"]|"")+")'
_CREATE_INDEX = re.compile(
    rf"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{_NAME})\s+"
    rf"ON\s+(?:ONLY\s+)?(?P<table>{_NAME}(?:\s*\.\s*{_NAME})?)",
    re.IGNORECASE,
)


class CreatedIndex(NamedTuple):
    """An index that a statement builds CONCURRENTLY: its name, its table, and the rest, as written."""

    name: str
    table: str
    unique: bool
    rest: str


def created_index(statement: SqlStatement) -> CreatedIndex | None:
    """Return the index that a statement builds CONCURRENTLY, if it does and names it."""
    match = _CREATE_INDEX.match(statement.text)
    if match is None or match["name"].upper() == "ON":
        return None
    unique = "UNIQUE" in match[0][: match.start("name") - match.start()].upper()
    return CreatedIndex(match["name"], match["table"], unique, statement.text[match.end() :])
