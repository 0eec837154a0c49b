"""Comments that allow a finding: ``-- holdfast-lint: allow rule-name: reason``.

Before a statement or inside of it they hold for that statement, above the mark of the first part
(``-- UP``) for the whole file. Several rules are named with commas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from holdfast.migrate.migration import Migration
from holdfast.migrate.splitting import SqlStatement

_COMMENT = re.compile(r"--\s*holdfast-lint\b:?\s*(.*)")
_ALLOW = re.compile(r"allow\s+([a-z0-9:,\s-]*?)\s*(?::\s+(.*\S)\s*)?")
_FIRST_MARK = re.compile(r"--\s*(?:UP|migrate:up\b.*|\+\w+\s+Up)\s*", re.IGNORECASE)


@dataclass(slots=True)
class Allowance:
    """One rule that one comment allows: for the statements of a file in lines ``first`` to ``last``."""

    rule: str
    reason: str
    file: str
    line: int
    first: int
    last: int
    used: bool = False

    def covers(self, rule: str, file: str, line: int) -> bool:
        """Whether it allows a rule's finding in a line."""
        return rule == self.rule and file == self.file and self.first <= line <= self.last


@dataclass(frozen=True, slots=True)
class Misspelt:
    """A comment that begins as an allowance and is none."""

    file: str
    line: int
    what: str


def allowances_of(migration: Migration) -> Iterator[Allowance | Misspelt]:
    """Yield what the comments of a migration's file or files allow."""
    if "holdfast-lint" in migration.content:
        both = migration.up if migration.down_content else (*migration.up, *migration.down)
        yield from _in_file(migration.file, migration.content, both)
    if "holdfast-lint" in migration.down_content:
        yield from _in_file(migration.down_file, migration.down_content, migration.down)


def _in_file(file: str, content: str, statements: Sequence[SqlStatement]) -> Iterator[Allowance | Misspelt]:
    lines = content.split("\n")
    mark = next((number for number, line in enumerate(lines, 1) if _FIRST_MARK.fullmatch(line)), 0)
    for number, line in enumerate(lines, 1):
        comment = _COMMENT.search(line)
        if comment is None:
            continue
        allowed = _ALLOW.fullmatch(comment[1])
        if allowed is None or not allowed[1].strip():
            yield Misspelt(file, number, f"'{comment[0].strip()}' is not understood")
            continue
        if not allowed[2]:
            yield Misspelt(file, number, f"'{comment[0].strip()}' gives no reason")
            continue
        first, last = (1, len(lines)) if number < mark else _statement_at(number, statements)
        for rule in filter(None, re.split(r"[,\s]+", allowed[1])):
            yield Allowance(rule, allowed[2], file, number, first, last)


def _statement_at(number: int, statements: Sequence[SqlStatement]) -> tuple[int, int]:
    """Return the lines of the statement that a line stands in or before; none that stands behind all."""
    for statement in statements:
        end = statement.line + statement.text.count("\n")
        if number <= end:
            return statement.line, end
    return 0, 0
