"""The SQL files of one folder, as text."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources.abc import Traversable

from holdfast.migrate.errors import MalformedMigration, malformed
from holdfast.migrate.header import Header, Part, read_header

_COMMENT = re.compile(r"\s*(?:--.*)?")


@dataclass(frozen=True)
class Source:
    r"""One SQL file: ``shown`` is its path in messages, ``content`` has line ends as ``\n`` and no mark.

    ``without_transaction``: a file beside it, in its tool's form, says that it cannot be one.
    """

    name: str
    shown: str
    content: str
    without_transaction: bool = field(default=False, kw_only=True)

    @cached_property
    def lines(self) -> list[str]:
        """Its lines, the last one without its end."""
        return self.content.split("\n")

    @cached_property
    def head(self) -> Part:
        """The comments and empty lines that it begins with."""
        count = 0
        while count < len(self.lines) and _COMMENT.fullmatch(self.lines[count]):
            count += 1
        return Part(self.lines[:count], 1)

    @property
    def whole(self) -> Part:
        """All of it."""
        return Part(self.lines, 1)

    def header(self) -> Header:
        """Read the header lines among the comments that it begins with, where no marker ends them."""
        return read_header(Part([line.lstrip() for line in self.head.lines], 1), self.shown)


def clean(content: str) -> str:
    r"""Return a file's text without its byte order mark and with line ends as ``\n``."""
    return content.removeprefix("\ufeff").replace("\r\n", "\n")


def checksum(*contents: str) -> str:
    """Return the SHA-256 (hex) of one file's text, or of two files' that make one migration."""
    return hashlib.sha256("\0".join(contents).encode()).hexdigest()


def read_sources(place: Traversable, shown: str) -> list[Source]:
    """Read the SQL files that lie in a folder itself, by name.

    Raises ``MalformedMigration`` for a file that is no UTF-8.
    """
    files = {file.name: file for file in place.iterdir() if file.is_file()}
    return [
        Source(
            name,
            f"{shown}/{name}",
            clean(_text(file, f"{shown}/{name}")),
            without_transaction=_says_no_transaction(files.get(f"{name}.conf"), f"{shown}/{name}.conf"),
        )
        for name, file in sorted(files.items())
        if name.endswith(".sql")
    ]


def _text(file: Traversable, shown: str) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedMigration(
            f"{shown} is not UTF-8: {error.reason} at byte {error.start}.", hint="Save it as UTF-8."
        ) from error


_NO_TRANSACTION = re.compile(r"^\s*executeInTransaction\s*=\s*false\s*$", re.IGNORECASE | re.MULTILINE)


def _says_no_transaction(file: Traversable | None, shown: str) -> bool:
    """Tell whether Flyway's settings beside a script say that it is no transaction."""
    return file is not None and _NO_TRANSACTION.search(_text(file, shown)) is not None


def number_of(digits: str, source: Source) -> int:
    """Return the number that a file's name begins with.

    Raises ``MalformedMigration`` for 0 and for one that the history cannot hold.
    """
    number = int(digits)
    if not 0 < number < 10**18:
        raise malformed(
            source.shown, 1, f"{digits} is no migration's number", "Number from 1 on, with up to 18 digits."
        )
    return number
