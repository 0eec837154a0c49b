"""The statements of a part of a file, and what none of them may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from holdfast.migrate.errors import malformed
from holdfast.migrate.header import Part
from holdfast.migrate.migration import created_index
from holdfast.migrate.splitting import SqlStatement, Unterminated, split

_BEGINNING = {"BEGIN", "START"}
_ENDING = {"COMMIT", "END"}
_FORBIDDEN = _BEGINNING | _ENDING | {"ROLLBACK", "ABORT"}


def split_part(part: Part, shown: str) -> list[SqlStatement]:
    """Split a part into statements.

    Raises ``MalformedMigration`` where a quote or comment never ends, and for a carriage return that is no
    line's end: PostgreSQL ends a comment there, and everybody who reads the file sees it go on.
    """
    for number, line in enumerate(part.lines, start=part.first_line):
        if "\r" in line:
            raise malformed(
                shown,
                number,
                "a carriage return stands in the line",
                "End lines with a line feed; in a string write E'\\r'.",
            )
    try:
        return split("\n".join(part.lines), first_line=part.first_line)
    except Unterminated as error:
        raise malformed(shown, error.line, str(error), f"Close the {error.what}.") from None


def check_statements(statements: Sequence[SqlStatement], shown: str, *, transactional: bool) -> None:
    """Raise ``MalformedMigration`` for the first statement that cannot be run as a migration's."""
    for statement in statements:
        for message, hint in _objections(statement, transactional=transactional):
            raise malformed(shown, statement.line, message, hint)


def read_statements(part: Part, shown: str, *, transactional: bool) -> tuple[SqlStatement, ...]:
    """Split a part into statements that can be run. Raises ``MalformedMigration`` with the line."""
    statements = split_part(part, shown)
    check_statements(statements, shown, transactional=transactional)
    return tuple(statements)


def first_word(statement: SqlStatement) -> str:
    """Return the word that a statement begins with, in upper case; empty where it begins otherwise."""
    words = statement.words
    return words[0] if words and statement.text[: len(words[0])].upper() == words[0] else ""


def unwrapped(statements: Sequence[SqlStatement]) -> tuple[Sequence[SqlStatement], bool]:
    """Take off the ``BEGIN`` and ``COMMIT`` that a whole file is written in; tell whether they were there."""
    if (
        len(statements) > 1
        and first_word(statements[0]) in _BEGINNING
        and first_word(statements[-1]) in _ENDING
        and not any(first_word(each) in _FORBIDDEN for each in statements[1:-1])
    ):
        return statements[1:-1], True
    return statements, False


def runs_alone(statement: SqlStatement) -> bool:
    """Tell whether PostgreSQL takes a statement only outside of a transaction, going by its words."""
    words = statement.words
    first, second = first_word(statement), words[1] if len(words) > 1 else ""
    if first in ("CREATE", "DROP") and second in ("DATABASE", "TABLESPACE", "SUBSCRIPTION"):
        return True
    if first == "ALTER" and second == "SYSTEM":
        return True
    return first == "VACUUM" or ("CONCURRENTLY" in words and first in ("CREATE", "DROP", "REINDEX", "ALTER"))


def _objections(statement: SqlStatement, *, transactional: bool) -> Iterator[tuple[str, str]]:
    if first_word(statement) == "SET":
        yield from _objections_to_set(statement, transactional=transactional)
    else:
        yield from _objections_to_others(statement, transactional=transactional)


def _objections_to_set(statement: SqlStatement, *, transactional: bool) -> Iterator[tuple[str, str]]:
    words = statement.words
    if not transactional:
        yield (
            "SET would end with its own statement: each statement of this file is a transaction",
            "Leave it out, and qualify names with their schema.",
        )
    elif "TRANSACTION_ISOLATION" in words[:3] or (
        words[1:2] == ("TRANSACTION",) and not {"ISOLATION", "SNAPSHOT"}.isdisjoint(words)
    ):
        yield (
            "a file's transaction has its isolation level already: READ COMMITTED",
            "Leave it out; what must not change meanwhile can be locked: LOCK TABLE ... IN SHARE MODE.",
        )
    elif "STANDARD_CONFORMING_STRINGS" in words[:3]:
        yield (
            "a file is read with standard_conforming_strings on",
            "Leave it out, and write E'' where a backslash is to escape.",
        )


def _objections_to_others(statement: SqlStatement, *, transactional: bool) -> Iterator[tuple[str, str]]:
    words = statement.words
    first = first_word(statement)
    if first in _FORBIDDEN or words[:2] == ("PREPARE", "TRANSACTION"):
        yield (
            f"{first} would end or begin the transaction that the history is kept in",
            "Leave it out: a file is one transaction, or with '-- no-transaction' one a statement.",
        )
    elif first == "COPY" and "STDIN" in words:
        yield "COPY FROM STDIN has no input here", "Write INSERT statements."
    elif first == "COPY" and "STDOUT" in words:
        yield "COPY TO STDOUT has no output here", "Leave it out, or write to a table."
    elif not first and statement.text.startswith("\\"):
        yield "a command of psql is not SQL", "Leave it out, or write what it does in SQL."
    elif (
        not transactional
        and words[:1] == ("CREATE",)
        and "INDEX" in words[1:3]
        and "CONCURRENTLY" in words[2:4]
        and created_index(statement) is None
    ):
        yield (
            "an index built CONCURRENTLY needs a name",
            "Name it, so that a build that was cut off is found and made again.",
        )
