"""Event signatures as Solidity writes them, and the types in them.

Source: the Solidity ABI specification, "Events" and "Types". ``fixed`` types, which no compiler
emits, and anonymous events, which have no topic to tell them by, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from holdfast.chain.errors import WrongSignature

Kind = Literal["uint", "int", "address", "bool", "fixed_bytes", "bytes", "string", "array", "tuple"]


@dataclass(frozen=True)
class AbiType:
    """A type of the ABI.

    ``size`` is the number of bits of an integer, of bytes of ``bytesN``, of elements of a sized
    array, and -1 for a dynamic array; ``parts`` are a tuple's members or an array's one element type.
    """

    kind: Kind
    size: int = 0
    parts: tuple[AbiType, ...] = ()

    @property
    def dynamic(self) -> bool:
        """Tell whether a value's place is an offset to where it is encoded."""
        if self.kind == "array" and self.size < 0:
            return True
        return self.kind in ("bytes", "string") or any(part.dynamic for part in self.parts)

    @property
    def words(self) -> int:
        """How many 32-byte words a value takes in place: 1 for an offset."""
        if self.dynamic:
            return 1
        if self.kind == "array":
            return self.size * self.parts[0].words
        return sum(part.words for part in self.parts) if self.kind == "tuple" else 1

    def __str__(self) -> str:
        if self.kind == "array":
            return f"{self.parts[0]}[{self.size if self.size >= 0 else ''}]"
        if self.kind == "tuple":
            return f"({','.join(map(str, self.parts))})"
        if self.kind == "fixed_bytes":
            return f"bytes{self.size}"
        return f"{self.kind}{self.size}" if self.size else self.kind


@dataclass(frozen=True)
class Parameter:
    """One parameter of an event."""

    name: str
    type: AbiType
    indexed: bool


@dataclass(frozen=True)
class EventSignature:
    """An event: its name and parameters, and what they hash to."""

    name: str
    parameters: tuple[Parameter, ...]

    def __str__(self) -> str:
        return f"{self.name}({','.join(str(parameter.type) for parameter in self.parameters)})"

    @property
    def topic(self) -> str:
        """The event's first topic: the keccak-256 of its canonical form, "0x" and 64 hex digits."""
        return keccak(str(self).encode())


def keccak(data: bytes) -> str:
    """Return the keccak-256 (not SHA3-256) of some bytes as "0x" and 64 hex digits."""
    from eth_hash.auto import keccak as digest  # noqa: PLC0415  its back end is loaded only where it is used

    return "0x" + digest(data).hex()


def parse_event(text: str) -> EventSignature:
    """Read ``Name(type [indexed] [name], ...)``, with or without ``event`` in front of it.

    Unnamed parameters are called ``argument0``, ``argument1``, ... by their place. Raises
    ``WrongSignature``.
    """
    match = re.fullmatch(r"\s*(?:event\s+)?([A-Za-z_$][\w$]*)\s*\((.*)\)\s*;?\s*", text, re.DOTALL)
    if match is None:
        raise _wrong(text, "it is not Name(type [indexed] [name], ...)")
    parameters = tuple(_parameter(text, place, part) for place, part in enumerate(_split(text, match[2])))
    names = [parameter.name for parameter in parameters]
    if len(set(names)) != len(names):
        raise _wrong(text, "two of its parameters have the same name")
    if sum(parameter.indexed for parameter in parameters) > 3:
        raise _wrong(text, "more than three of its parameters are indexed")
    return EventSignature(match[1], parameters)


def parse_type(text: str) -> AbiType:
    """Read one type, such as ``uint64`` or ``(address,string)[2]``. Raises ``WrongSignature``."""
    text = text.strip()
    array = re.fullmatch(r"(.*)\[(\d*)\]", text, re.DOTALL)
    if array:
        if array[2] and int(array[2]) == 0:
            raise _wrong(text, "an array of no elements is not a type")
        return AbiType("array", int(array[2]) if array[2] else -1, (parse_type(array[1]),))
    if text.startswith("(") and text.endswith(")"):
        parts = tuple(parse_type(part) for part in _split(text, text[1:-1]))
        if not parts:
            raise _wrong(text, "a tuple of no members is not a type")
        return AbiType("tuple", 0, parts)
    if text in ("address", "bool", "bytes", "string"):
        return AbiType(text)  # type: ignore[arg-type]  # the four are members of Kind
    number = re.fullmatch(r"(u?int|bytes)(\d*)", text)
    if number and number[1] == "bytes" and 1 <= int(number[2]) <= 32:
        return AbiType("fixed_bytes", int(number[2]))
    if number and number[1] != "bytes":
        bits = int(number[2] or 256)
        if bits % 8 == 0 and 8 <= bits <= 256:
            return AbiType("uint" if number[1] == "uint" else "int", bits)
    raise _wrong(text, "it is not a type of an event's parameter")


def _parameter(event: str, place: int, text: str) -> Parameter:
    match = re.fullmatch(
        r"\s*((?:\(.*\)|[A-Za-z]\w*)(?:\[\d*\])*)(\s+indexed)?(?:\s+([A-Za-z_$][\w$]*))?\s*", text, re.DOTALL
    )
    if match is None or match[3] == "indexed":
        raise _wrong(event, f"{text.strip()!r} is not a parameter")
    return Parameter(match[3] or f"argument{place}", parse_type(match[1]), match[2] is not None)


def _split(event: str, text: str) -> Sequence[str]:
    """Split at the commas that stand in no parentheses."""
    parts: list[str] = []
    depth = start = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            raise _wrong(event, "its parentheses do not match")
        if character == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    if depth:
        raise _wrong(event, "its parentheses do not match")
    return [*parts, text[start:]] if parts or text.strip() else []


def _wrong(text: str, why: str) -> WrongSignature:
    return WrongSignature(
        f"The signature {text.strip()!r} cannot be read: {why}.",
        hint="Write it as in Solidity, such as Transfer(address indexed from, uint256 id).",
    )
