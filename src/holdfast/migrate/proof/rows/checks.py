"""What the checks of a table say about values that would pass: literals, lengths, patterns, keys of JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import orjson
from psycopg import sql

from holdfast.migrate.proof.rows.catalogue import Type
from holdfast.migrate.proof.rows.patterns import like, matching
from holdfast.migrate.proof.rows.values import cast, literal

_STRING = re.compile(
    r"(?P<before>!?~~?\*?\s*(?:\(?similar_to_escape\()?\s*|->>?\s*|\?\s*)?E?'(?P<text>(?:[^']|'')*)'"
)
_NUMBER = re.compile(r"(?<![\w.'\"])-?\d+(?:\.\d+)?(?![\w.\"])")
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_NUMERIC = {
    "int2": 2**15,
    "int4": 2**31,
    "int8": 2**63,
    "oid": 2**31,
    "numeric": None,
    "float4": None,
    "float8": None,
    "money": None,
}
_TEXTS = ("text", "varchar", "bpchar", "citext", "name", "char")
_TIMES = ("date", "timestamp", "timestamptz")
_LONGEST = 5000


class Hints:
    """What was found in some expressions."""

    def __init__(self, expressions: Iterable[str], number: int, each: int) -> None:
        self.texts: list[str] = []
        self.keys: list[str] = []
        self.numbers: list[float | int] = []
        self._number = number
        self._each = each
        for expression in expressions:
            self._read(expression)

    def _read(self, expression: str) -> None:
        for found in _STRING.finditer(expression):
            text = found["text"].replace("''", "'")
            before = (found["before"] or "").strip()
            if before.startswith(("->", "?")):
                self.keys.append(text)
            elif before.startswith(("~~", "!~~")):
                self.texts.extend(like(text, self._number + place) for place in range(self._each))
            elif "similar" in before:
                self._add_matching(text.replace("%", ".*").replace("_", "."))
            elif before.startswith("~"):
                self._add_matching(text)
            else:
                self.texts.append(text)
                # the texts of '{a,b}'::text[]
                if text.startswith("{") and text.endswith("}") and ":" not in text:
                    self.texts.extend(part.strip('"') for part in text[1:-1].split(",") if part)
        # Numbers may stand in quotes too: '-1'::integer.
        for found in _NUMBER.finditer(re.sub(r"'(-?\d+(?:\.\d+)?)'::", r" \1 ::", expression)):
            self.numbers.append(float(found[0]) if "." in found[0] else int(found[0]))

    def _add_matching(self, pattern: str) -> None:
        for place in range(self._each):
            self._add(matching(pattern, self._number + place))
        self._add(matching(pattern, self._number, 0))
        self._add(matching(pattern, self._number, 12))

    def _add(self, text: str | None) -> None:
        if text is not None:
            self.texts.append(text)

    def candidates(self, kind: Type, limit: int | None) -> Iterator[sql.Composable]:
        """Return values of a type that the expressions speak of; texts no longer than ``limit``."""
        if kind.name in _TEXTS:
            return (
                literal(text, kind.written)
                for text in (*self.texts, *self._of_lengths())
                if limit is None or len(text) <= limit
            )
        if kind.name in _NUMERIC:
            return self._numeric(kind)
        if kind.name in _TIMES:
            return self._times(kind)
        if kind.name in ("json", "jsonb"):
            return self._json(kind)
        if kind.category == "A":
            return self._arrays(kind)
        return self._others(kind)

    def _others(self, kind: Type) -> Iterator[sql.Composable]:
        if kind.name == "bytea":
            for length in self._lengths():
                yield literal("\\x" + f"{self._number % 256:02x}" * length, kind.written)
        elif kind.name == "interval":
            for text in self.texts:
                if re.match(r"-?\d", text):
                    yield literal(text, kind.written)

    def _lengths(self) -> list[int]:
        whole = {int(number) + step for number in self.numbers for step in (0, 1, -1)}
        return sorted(number for number in whole if 0 <= number <= _LONGEST)

    def _of_lengths(self) -> Iterator[str]:
        for length in self._lengths():
            for place in range(self._each if length else 1):
                yield f"{self._number + place}".rjust(length, "x")[-length:] if length else ""
        yield ""

    def _numeric(self, kind: Type) -> Iterator[sql.Composable]:
        bound = _NUMERIC[kind.name]
        for number in self.numbers:
            for step in (0, 1, -1):
                value = number + step
                if bound is None or (value == int(value) and -bound <= value < bound):
                    yield literal(str(int(value) if bound else value), kind.written)
            if bound is None and number:
                yield literal(str(number / 2), kind.written)

    def _times(self, kind: Type) -> Iterator[sql.Composable]:
        for text in self.texts:
            if re.match(r"\d{4,}-\d\d-\d\d", text):
                for step in ("0 days", "1 day", "-1 day"):
                    yield cast(
                        sql.SQL("{} + {}").format(literal(text, kind.written), literal(step, "interval")),
                        kind.written,
                    )
            elif re.fullmatch(r"-?\d+ .*|\d\d:\d\d:\d\d", text):
                # an interval: now() plus and less as much
                for sign in (sql.SQL("+"), sql.SQL("-")):
                    yield cast(sql.SQL("now() {} {}").format(sign, literal(text, "interval")), kind.written)

    def _json(self, kind: Type) -> Iterator[sql.Composable]:
        documents: list[object] = []
        values: list[object] = [*self.texts, *self.numbers, 1, "seed", True, [], {}]
        if self.keys:
            documents += [dict.fromkeys(self.keys, value) for value in values]
        documents += [{}, [], [1], "seed", 1, True]
        for document in documents:
            yield literal(orjson.dumps(document).decode(), kind.written)

    def _arrays(self, kind: Type) -> Iterator[sql.Composable]:
        element = kind.written.removesuffix("[]")
        if element in ("text", "character varying"):
            for text in self.texts:
                yield cast(sql.SQL("ARRAY[{}]").format(literal(text, element)), kind.written)
        for length in self._lengths():
            if 0 < length <= 100 and element in ("text", "character varying", "integer", "bigint", "numeric"):
                yield cast(
                    sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join([sql.Literal("1")] * length)), kind.written
                )
        yield literal("{}", kind.written)
