"""Reads PL/pgSQL bodies: which SQL statements they run, in which line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_DECLARATIONS = re.compile(r"\bDECLARE\b(.*?)\bBEGIN\b", re.IGNORECASE | re.DOTALL)
_NAME = r'(?:[A-Za-z_\u0080-\U0010ffff][\w$]*|"(?:[^"]|"")+")'
# The parser knows the types of pg_catalog only: any other is taken for a record.
_FOREIGN_TYPE = re.compile(
    rf"{_NAME}(?:\s*\.\s*{_NAME})+(?:\s*%\s*(?:ROWTYPE|TYPE))?(?:\s*\[\d*\])*"
    rf"|{_NAME}\s*%\s*(?:ROWTYPE|TYPE)(?:\s*\[\d*\])*",
    re.IGNORECASE,
)
_EXPRESSION = 2
_ASSIGNMENTS = frozenset({3, 4, 5})  # of a variable, a field, a field of a field
_ASSIGNED = re.compile(r":?=")


class UnreadableBlock(ValueError):
    """A body is not understood."""


@dataclass(frozen=True, slots=True)
class BlockStatement:
    """One SQL statement of a body: its text, its line within the body, whether EXECUTE makes its text."""

    text: str
    line: int
    dynamic: bool = False


def statements_of_block(body: str, parse: Callable[[str], Any]) -> Iterator[BlockStatement]:
    """Yield the statements of a PL/pgSQL body in order, those of each branch and handler too.

    ``parse`` turns a ``DO`` statement into the parser's JSON. Raises ``UnreadableBlock``, as it does,
    where the body is not PL/pgSQL.
    """
    try:
        parsed = parse(_as_block(body))
    except UnreadableBlock:
        parsed = parse(_as_block(_DECLARATIONS.sub(_simplified, body)))
    yield from _walk(parsed, 1)


def _as_block(body: str) -> str:
    quote = "$holdfast$"
    while quote in body:
        quote = f"{quote[:-1]}_$"
    return f"DO {quote}{body}{quote}"


def _simplified(match: re.Match[str]) -> str:
    return match[0].replace(match[1], _FOREIGN_TYPE.sub(_record, match[1]))


def _record(match: re.Match[str]) -> str:
    return "record" + "\n" * match[0].count("\n")


def _walk(node: Any, line: int) -> Iterator[BlockStatement]:
    """Yield the statements below one node of the parser's JSON, in the order of the text."""
    if isinstance(node, list):
        for each in node:
            yield from _walk(each, line)
        return
    if not isinstance(node, Mapping):
        return
    for name, value in node.items():
        if name == "PLpgSQL_expr":
            yield from _expression(value, line)
        elif name in ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"):
            place = value.get("lineno", line)
            query = value["query"]["PLpgSQL_expr"]["query"]
            yield BlockStatement(query, place, dynamic=True)
            yield from _walk(value.get("body"), place)
        elif isinstance(value, Mapping):
            yield from _walk(value, value.get("lineno", line))
        else:
            yield from _walk(value, line)


def _expression(value: Mapping[str, Any], line: int) -> Iterator[BlockStatement]:
    query = value["query"]
    mode = value.get("parseMode", 0)
    if mode in _ASSIGNMENTS:
        query = f"SELECT {_ASSIGNED.split(query, maxsplit=1)[-1]}"
    elif mode == _EXPRESSION:
        if "(" not in query:  # nothing is called or selected
            return
        query = f"SELECT {query}"
    yield BlockStatement(query, line)
