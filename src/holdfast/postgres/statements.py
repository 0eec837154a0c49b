"""Named SQL statements, kept in ``.sql`` files beside the code that runs them.

A file holds blocks that each begin with ``-- name: words_with_underscores`` and a second comment
line that says the statement's purpose. Parameters are psycopg's ``%(name)s``. A block may carry
``-- cannot-prepare: reason`` where PostgreSQL's PREPARE does not take the statement (DDL, COPY,
LISTEN); a test prepares all others against the migrated database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from psycopg import sql

from holdfast.errors import WrongUse

_START = re.compile(r"^-- name: ([a-z][a-z0-9_]*)[ \t]*\n", re.MULTILINE)
_CANNOT_PREPARE = re.compile(r"^-- cannot-prepare: (.+)$", re.MULTILINE)


class Statement(sql.SQL):
    """A statement's literal text together with its name, its purpose and whether it can be prepared."""

    def __init__(self, text: str, name: str, purpose: str, cannot_prepare: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.name = name
        self.purpose = purpose
        self.cannot_prepare = cannot_prepare

    def format(self, *args: Any, **kwargs: Any) -> ComposedStatement:
        """Fill in the placeholders, as ``psycopg.sql.SQL.format``; the log still knows the name."""
        return ComposedStatement(super().format(*args, **kwargs), self.name)


class ComposedStatement(sql.Composed):
    """A statement with its placeholders filled in, and the name of what it was made of."""

    def __init__(self, composed: sql.Composed, name: str) -> None:
        super().__init__(list(composed))
        self.name = name


class Statements(Mapping[str, Statement]):
    """The statements of one ``.sql`` file, by name.

    ``Statements("holdfast.queue", "jobs.sql")["claim"]``; the full name, used in the log, is the
    package's path and the block's name, such as ``queue.claim``.
    """

    def __init__(self, package: str, file: str) -> None:
        self._statements = dict(
            _parse(package, file, files(package).joinpath(file).read_text(encoding="utf-8"))
        )

    def __getitem__(self, name: str) -> Statement:
        return self._statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


def _parse(package: str, file: str, content: str) -> Iterator[tuple[str, Statement]]:
    starts = list(_START.finditer(content))
    if not starts:
        raise WrongUse(f"{package}/{file} names no statement.", hint="Begin each with '-- name: words'.")
    prefix = package.removeprefix("holdfast.").removeprefix("systems.")
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        body = content[start.end() : following.start() if following else len(content)]
        purpose, _, text = body.partition("\n")
        if not purpose.startswith("-- "):
            raise WrongUse(
                f"{package}/{file}: {start[1]} does not say its purpose.",
                hint="Write it as a comment in its second line.",
            )
        reason = _CANNOT_PREPARE.search(text)
        statement = _CANNOT_PREPARE.sub("", text).strip().rstrip(";").strip()
        yield (
            start[1],
            Statement(statement, f"{prefix}.{start[1]}", purpose[3:].strip(), reason[1] if reason else ""),
        )
