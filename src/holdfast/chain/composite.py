"""Reads arrays and tuples out of ABI data, every offset and length checked before it is followed.

What is refused and what is accepted is the same as in eth-abi 6 (the oracle of the tests), with one
more bound: offsets may overlap, so that a few kilobytes could describe gigabytes; a value may hold
no more than ``ROOM_FOR_OVERLAP`` times as many words as its data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.chain.errors import Undecodable
from holdfast.chain.signatures import AbiType

ROOM_FOR_OVERLAP = 16

Reader = Callable[["Data", int], Any]
"""Reads the value that begins at a place (bytes from the start)."""


class Data:
    """The bytes of one log, and how many words may still be read out of them."""

    __slots__ = ("content", "left")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.left = ROOM_FOR_OVERLAP * (len(content) // 32 + 1)

    def word(self, at: int) -> bytes:
        """Return the 32 bytes at a place. Raises ``Undecodable`` beyond the end."""
        word = self.content[at : at + 32]
        if len(word) != 32:
            raise Undecodable("the data end early")
        self.spend(1)
        return word

    def number(self, at: int) -> int:
        """Return the unsigned number at a place."""
        return int.from_bytes(self.word(at), "big")

    def spend(self, words: int) -> None:
        """Count words that are read. Raises ``Undecodable`` when they are far more than there are."""
        self.left -= words
        if self.left < 0:
            raise Undecodable("overlapping offsets describe far more than the data hold")


def reader(kind: AbiType) -> Reader:
    """Return a function that reads a value of a type where its own encoding (not its offset) begins."""
    if kind.kind == "tuple":
        return _tuple_reader(kind.parts)
    if kind.kind == "array":
        return _array_reader(kind)
    if kind.kind in ("bytes", "string"):
        return _text_reader if kind.kind == "string" else _bytes_reader
    return _word_reader(kind)


def _tuple_reader(parts: tuple[AbiType, ...]) -> Reader:
    readers = [(part.dynamic, 32 * part.words, reader(part)) for part in parts]
    head = 32 * sum(_counted_words(part) for part in parts)

    def read(data: Data, at: int) -> tuple[Any, ...]:
        values = []
        place = at
        for dynamic, width, read_part in readers:
            values.append(read_part(data, _followed(data, at, place, head) if dynamic else place))
            place += width
        return tuple(values)

    return read


def _array_reader(kind: AbiType) -> Reader:
    element = kind.parts[0]
    read_element = reader(element)
    width = 32 * element.words

    def read(data: Data, at: int) -> tuple[Any, ...]:
        size = kind.size
        if size < 0:
            size = data.number(at)
            at += 32
        if size * width > len(data.content) - at:
            raise Undecodable("an array is longer than the data")
        places = range(at, at + size * width, width)
        if not element.dynamic:
            return tuple(read_element(data, place) for place in places)
        starts = [_followed(data, at, place, 32 * size) for place in places]
        return tuple(read_element(data, start) for start in starts)

    return read


def _followed(data: Data, frame: int, place: int, head: int) -> int:
    """Return where the offset at a place leads: behind the head of its frame and inside the data."""
    start = frame + data.number(place)
    if start < frame + head or start >= len(data.content):
        raise Undecodable("an offset leads out of the data")
    return start


def _counted_words(part: AbiType) -> int:
    # eth-abi takes a static tuple for one word here and a static array for its length, whatever its
    # elements; the oracle accepts a few odd encodings for it, and so do we.
    return part.size if part.kind == "array" and not part.dynamic else 1


def _bytes_reader(data: Data, at: int) -> bytes:
    length = data.number(at)
    padding = -length % 32
    end = at + 32 + length
    if end + padding > len(data.content):
        raise Undecodable("the data end early")
    data.spend((length + padding) // 32)
    if data.content[end : end + padding].strip(b"\0"):
        raise Undecodable("padding holds something")
    return data.content[at + 32 : end]


def _text_reader(data: Data, at: int) -> str:
    try:
        return _bytes_reader(data, at).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Undecodable("a string is not UTF-8") from error


def _word_reader(kind: AbiType) -> Reader:
    def read(data: Data, at: int) -> Any:
        return word_value(kind, data.word(at))

    return read


def word_value(kind: AbiType, word: bytes) -> int | bool | str | bytes:
    """Return the value that one 32-byte word holds. Raises ``Undecodable`` where its padding is wrong."""
    value = int.from_bytes(word, "big", signed=kind.kind == "int")
    if kind.kind == "int":
        if not -(1 << (kind.size - 1)) <= value < 1 << (kind.size - 1):
            raise Undecodable(f"a number is out of the range of {kind}")
        return value
    bits = {"uint": kind.size, "address": 160, "bool": 1}.get(kind.kind)
    if bits is None:
        if word[kind.size :].strip(b"\0"):
            raise Undecodable("padding holds something")
        return word[: kind.size]
    if value >> bits:
        raise Undecodable(f"a number is out of the range of {kind}")
    if kind.kind == "address":
        return "0x" + word[12:].hex()
    return bool(value) if kind.kind == "bool" else value
