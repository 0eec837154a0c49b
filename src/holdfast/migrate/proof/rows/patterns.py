"""Texts that match a regular expression or a LIKE pattern, as checks hold them.

Not every expression is understood; what is made is always tried against the check itself.
"""

from __future__ import annotations

import string
from collections.abc import Callable

_CLASSES = {
    "alpha": string.ascii_lowercase,
    "digit": string.digits,
    "alnum": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase,
    "space": " ",
    "blank": " ",
    "punct": "-_.",
    "xdigit": string.digits + "abcdef",
    "word": string.ascii_lowercase + string.digits,
    "print": string.ascii_lowercase,
    "graph": string.ascii_lowercase,
    "cntrl": "\t",
}
_ESCAPES = {
    "d": string.digits,
    "w": string.ascii_lowercase + string.digits,
    "s": " ",
    "D": "x",
    "W": "-",
    "S": "x",
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
_ANY = string.ascii_lowercase + string.digits
_EVERY = string.ascii_lowercase + string.digits + string.ascii_uppercase + "-_.@/: "


class _NotUnderstood(Exception):
    pass


class _Sampler:
    """Walks over a pattern once, writing what matches it; ``number`` chooses among characters."""

    def __init__(self, pattern: str, number: int, length: int) -> None:
        self.pattern = pattern
        self.place = 0
        self.number = number
        self.length = length
        self.made = 0

    def more(self) -> bool:
        return self.place < len(self.pattern)

    def next(self) -> str:
        if not self.more():
            raise _NotUnderstood
        self.place += 1
        return self.pattern[self.place - 1]

    def alternatives(self) -> Callable[[], str]:
        choices = [self.sequence()]
        while self.more() and self.pattern[self.place] == "|":
            self.place += 1
            choices.append(self.sequence())
        return choices[self.number % len(choices)]

    def sequence(self) -> Callable[[], str]:
        parts: list[Callable[[], str]] = []
        while self.more() and self.pattern[self.place] not in "|)":
            part = self.atom()
            parts.append(self.repeated(part))
        return lambda: "".join(part() for part in parts)

    def atom(self) -> Callable[[], str]:
        sign = self.next()
        if sign == "(":
            return self.group()
        if sign == "[":
            return self.one_of(self.bracket())
        if sign == "\\":
            return self.escape()
        if sign == ".":
            return self.one_of(_ANY)
        if sign in "^$":
            return str
        return lambda: sign

    def group(self) -> Callable[[], str]:
        silent = False
        if self.pattern.startswith("?", self.place):
            silent = self.pattern[self.place + 1 : self.place + 2] != ":"
            self.place += 3 if self.pattern.startswith("?<", self.place) else 2
        inside = self.alternatives()
        if self.next() != ")":
            raise _NotUnderstood
        return str if silent else inside

    def escape(self) -> Callable[[], str]:
        sign = self.next()
        if sign in _ESCAPES:
            return self.one_of(_ESCAPES[sign])
        if sign in "AZmMyYbB<>":
            return str
        return lambda: _CONTROLS.get(sign, sign)

    def one_of(self, characters: str) -> Callable[[], str]:
        def choose() -> str:
            self.made += 1
            return characters[(self.number // max(1, len(characters)) ** (self.made - 1)) % len(characters)]

        return choose

    def bracket(self) -> str:
        refused = self.pattern.startswith("^", self.place)
        self.place += refused
        characters = ""
        first = True
        while first or not self.pattern.startswith("]", self.place):
            characters += self.member()
            first = False
        self.place += 1
        if refused:
            characters = "".join(sign for sign in _EVERY if sign not in characters)
        if not characters:
            raise _NotUnderstood
        return characters

    def member(self) -> str:
        if self.pattern.startswith("[:", self.place):
            end = self.pattern.find(":]", self.place)
            name = self.pattern[self.place + 2 : end]
            self.place = end + 2
            if end < 0 or name not in _CLASSES:
                raise _NotUnderstood
            return _CLASSES[name]
        sign = self.next()
        if sign == "\\":
            sign = self.next()
            return _ESCAPES.get(sign, _CONTROLS.get(sign, sign))
        if self.pattern.startswith("-", self.place) and not self.pattern.startswith("-]", self.place):
            self.place += 1
            last = self.next()
            return "".join(map(chr, range(ord(sign), min(ord(last), ord(sign) + 200) + 1)))
        return sign

    def repeated(self, part: Callable[[], str]) -> Callable[[], str]:
        least, most = 1, 1
        sign = self.pattern[self.place : self.place + 1]
        if sign and sign in "*+?":
            self.place += 1
            least, most = {"*": (0, 1000), "+": (1, 1000), "?": (0, 1)}[sign]
        elif sign == "{" and self.pattern[self.place + 1 : self.place + 2].isdigit():
            end = self.pattern.index("}", self.place)
            lower, comma, upper = self.pattern[self.place + 1 : end].partition(",")
            self.place = end + 1
            least = int(lower)
            most = int(upper) if upper else (1000 if comma else least)
        else:
            return part
        if self.pattern.startswith("?", self.place):
            self.place += 1
        times = min(most, max(least, self.length))
        return lambda: "".join(part() for _ in range(times))


def matching(pattern: str, number: int, length: int = 4) -> str | None:
    """Return a text that matches a regular expression, another one for another number where there is one.

    ``length`` is how often what may be repeated is repeated. None for what is not understood.
    """
    sampler = _Sampler(pattern.removeprefix("(?i)"), number, length)
    try:
        text = sampler.alternatives()()
    except (_NotUnderstood, ValueError):
        return None
    return text if len(text) <= 10_000 and not sampler.more() else None


def like(pattern: str, number: int) -> str:
    """Return a text that matches a LIKE pattern."""
    return pattern.replace("\\%", "\0").replace("%", f"x{number}").replace("_", "x").replace("\0", "%")
