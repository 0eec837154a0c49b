"""Splits SQL text into its statements, as PostgreSQL's own scanner and psql see them.

It knows what may hide a semicolon: comments (nested ones too), quoted strings and identifiers,
``E''`` strings and their continuation on the next line, dollar quotes, parentheses (``CREATE RULE``)
and ``BEGIN ATOMIC ... END`` bodies. Source: the PostgreSQL documentation, "Lexical Structure"
(standard_conforming_strings on, its default and the only value that migrations may count on).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Letters, _ and all beyond ASCII, said by what they are not: the range up to U+10FFFF is slow to compile.
_FIRST = r"[^\x00-@\[-^`{-\x7f]"
_LATER = r"[^\x00-/:-@\[-^`{-\x7f]"
_LATER_OR_DOLLAR = r"[^\x00-#%-/:-@\[-^`{-\x7f]"
_TOKEN = re.compile(
    rf"""
    (?P<space>\s+|--[^\n]*)
  | (?P<comment>/\*)
  | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*+'
        (?:(?:[ \t\f\v]|--[^\n]*)*\n(?:\s|--[^\n]*\n)*'(?:[^'\\]|\\.|'')*+')*)
  | (?P<string>'(?:[^']|'')*+')
  | (?P<identifier>"(?:[^"]|"")*+")
  | (?P<unterminated>[eE]?'|")
  | (?P<dollar>\$(?:{_FIRST}{_LATER}*)?\$)
  | (?P<word>{_FIRST}{_LATER_OR_DOLLAR}*)
  | (?P<number>[0-9]+|\$[0-9]+)
  | (?P<open>[(\[])
  | (?P<close>[)\]])
  | (?P<end>;)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


class Unterminated(ValueError):
    """A quote or comment is opened in ``line`` and never closed."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(f"the {what} that begins here is never closed")
        self.what = what
        self.line = line


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """One statement: its text without the closing semicolon, the line it begins in (from 1), its words.

    ``words`` are its bare words in upper case and in order (keywords and unquoted names), without
    what stands in strings, quoted identifiers and dollar-quoted bodies.
    """

    text: str
    line: int
    words: tuple[str, ...]


def split(text: str, *, first_line: int = 1) -> list[SqlStatement]:
    """Return the statements of ``text``; those that are empty or only comments are left out.

    Raises ``Unterminated`` where a quote or a comment does not end.
    """
    return list(_statements(text, first_line))


def _statements(text: str, first_line: int) -> Iterator[SqlStatement]:
    start: int | None = None
    end = 0
    words: list[str] = []
    depth = 0
    atomic = 0
    for kind, begin, stop in _tokens(text, first_line):
        if kind == "space":
            continue
        if kind == "end" and depth == 0 and atomic == 0:
            if start is not None:
                yield _statement(text, start, end, words, first_line)
            start, words = None, []
            continue
        start = begin if start is None else start
        end = stop
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth = max(0, depth - 1)
        elif kind == "word":
            words.append(text[begin:stop].upper())
            if depth == 0:
                atomic = _atomic_depth(words, atomic)
    if start is not None:
        yield _statement(text, start, end, words, first_line)


def _statement(text: str, start: int, end: int, words: list[str], first_line: int) -> SqlStatement:
    return SqlStatement(text[start:end], first_line + text.count("\n", 0, start), tuple(words))


def _atomic_depth(words: list[str], depth: int) -> int:
    """Return how deep inside a routine's ``BEGIN ATOMIC`` body the last word leaves us."""
    if words[-1] == "ATOMIC" and words[-2:-1] == ["BEGIN"] and words[0] == "CREATE":
        return depth + 1
    if depth and words[-1] == "CASE":
        return depth + 1
    if depth and words[-1] == "END":
        return depth - 1
    return depth


def _tokens(text: str, first_line: int) -> Iterator[tuple[str, int, int]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:  # the last alternative takes any character
            raise AssertionError(f"no token at {position}")
        kind, stop = match.lastgroup, match.end()
        if kind == "comment":
            kind, stop = "space", _comment_end(text, position, first_line)
        elif kind == "dollar":
            stop = text.find(match[0], stop) + len(match[0])
            if stop < match.end():
                raise Unterminated(f"body {match[0]}", _line(text, position, first_line))
        elif kind == "unterminated":
            what = "quoted name" if match[0] == '"' else "string"
            raise Unterminated(what, _line(text, position, first_line))
        yield kind, position, stop
        position = stop


def _comment_end(text: str, start: int, first_line: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    raise Unterminated("comment", _line(text, start, first_line))


def _line(text: str, position: int, first_line: int) -> int:
    return first_line + text.count("\n", 0, position)
