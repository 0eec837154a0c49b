"""Integers too large for a JSON number: exact in Python, decimal strings in JSON."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_MOST_DIGITS = 78


def _exact(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be a whole number, written as a string of digits")
    text = str(value)
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
        raise ValueError(f"must be a whole number of at most {_MOST_DIGITS} digits")
    return int(text)


Exact: TypeAlias = Annotated[
    int,
    BeforeValidator(_exact),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^-?[0-9]{{1,{_MOST_DIGITS}}}$"}),
]
"""A whole number of up to 78 digits (a uint256), such as an amount in base units or an agent's id."""
