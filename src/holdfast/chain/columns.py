r"""What the columns of a decoded log are made of, and how a value is written in COPY's text format.

Source of the format: PostgreSQL's documentation of COPY, "Text Format": columns end with a tab, rows
with a newline, NULL is ``\N``; backslash, tab, newline and carriage return inside a value are escaped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from holdfast.chain.errors import Undecodable

NULL = "\\N"


@dataclass(frozen=True)
class Constant:
    """The same in every row; ``None`` is NULL."""

    value: str | int | None


@dataclass(frozen=True)
class Argument:
    """An argument of the event, by its name.

    Written as: integers in decimal, addresses and bytes as "0x" and hex digits, booleans as t or f,
    strings as they are, arrays and tuples as JSON with their integers as strings. An indexed argument
    of a type that does not fit into a topic is its keccak-256.
    """

    name: str


@dataclass(frozen=True)
class Field:
    """Something of the log itself, whatever the event. ``block_time`` is a timestamp with time zone."""

    name: Literal[
        "address",
        "block_hash",
        "block_number",
        "block_seconds",
        "block_time",
        "data",
        "log_index",
        "topic0",
        "transaction_hash",
    ]


@dataclass(frozen=True)
class Joined:
    """Several of the others written one after the other, such as an identifier; none may be NULL."""

    parts: tuple[Constant | Argument | Field, ...]


@dataclass(frozen=True)
class Computed:
    """What a function returns for the values of arguments, as text (not escaped) or None for NULL.

    The function gets ``int``, ``str``, ``bool``, ``bytes`` and ``tuple`` values and is pure. It may
    raise ``Undecodable``.
    """

    function: Callable[..., str | None]
    arguments: tuple[str, ...]


Column = Constant | Argument | Field | Joined | Computed

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def escaped(value: str) -> str:
    """Write a string for COPY's text format.

    Raises ``Undecodable`` for the NUL character, which PostgreSQL's text cannot hold.
    """
    if value.isprintable() and "\\" not in value:
        return value
    if "\0" in value:
        raise Undecodable("a string holds the NUL character, which PostgreSQL's text cannot hold")
    return value.translate(_ESCAPES)


def escaped_or_null(value: str | None) -> str:
    """Write a string or NULL for COPY's text format."""
    return NULL if value is None else escaped(value)


def written(value: Any) -> str:
    """Write any decoded value as text, not escaped."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple):
        return json.dumps(_json(value), ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_json(part) for part in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return value if isinstance(value, bool | str) else str(value)


@lru_cache(maxsize=4096)
def time_text(seconds: int) -> str:
    """Write Unix seconds as a timestamp that PostgreSQL reads the same under every setting."""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat()
