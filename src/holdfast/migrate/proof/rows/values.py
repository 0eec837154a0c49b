"""Values of PostgreSQL's types, to make rows of: plain ones, ones at the edge, any number of different ones.

Values are SQL expressions. The edge is where a conversion to a narrower type would show: long text,
large numbers, microseconds. Numbers leave room to be multiplied by a hundred.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from holdfast.migrate.proof.rows.catalogue import Column, Type, base_of

_LONG_TEXT = "Ünïcode “text” of 'some' \\ length, " * 8


# Keys that stand apart from those that files and sequences give out.
_APART = {"int2": 31_000, "int4": 1_000_000_000, "int8": 1_000_000_000, "numeric": 1_000_000_000}


@dataclass(frozen=True, slots=True)
class Values:
    """Makes values of one type: ``plain(number)`` differs for every number, ``edge(number)`` too."""

    written: str
    plain: Callable[[int], sql.Composable]
    edge: Callable[[int], sql.Composable]
    first_key: int = 0

    def key(self, number: int) -> sql.Composable:
        """Return a plain value for a key, which rows that a migration adds are not likely to have."""
        return self.plain(self.first_key + number)


def literal(text: str, written: str) -> sql.Composable:
    """Return a text as a value of a type."""
    return sql.SQL("{}::{}").format(sql.Literal(text), sql.SQL(written))


def cast(value: sql.Composable, written: str) -> sql.Composable:
    """Return a value as one of a type."""
    return sql.SQL("({})::{}").format(value, sql.SQL(written))


def values_of(types: Mapping[int, Type], oid: int, modifier: int = -1) -> Values | None:
    """Return what makes values of a type; None for a type that is not known how to write."""
    kind, modifier, _ = base_of(types, oid, modifier)
    if kind is None:
        return None
    found = _made(types, kind)
    if found is not None:
        return found
    texts = _texts(kind, modifier)
    if texts is None:
        return None
    plain, edge = texts
    written = kind.written
    first_key = 0 if kind.name == "numeric" and modifier >= 4 else _APART.get(kind.name, 0)
    return Values(
        written, lambda n: literal(plain(n), written), lambda n: literal(edge(n), written), first_key
    )


def values_for(types: Mapping[int, Type], column: Column) -> Values | None:
    """Return what makes values for a column: such as its later type takes too, where that is known."""
    own = values_of(types, column.type, column.modifier)
    if own is None or column.becomes is None:
        return own
    kind, modifier = column.becomes
    if kind.kind == "e":
        labels = kind.labels or [""]
        return replace(
            own,
            plain=lambda n: literal(labels[(n - 1) % len(labels)], own.written),
            edge=lambda n: literal(labels[-1 - n % len(labels)], own.written),
        )
    texts = _texts(kind, modifier)
    if texts is None or "A" in (kind.category, types[column.type].category):
        return own
    plain, edge = texts

    def of(text: str) -> sql.Composable:
        return cast(cast(literal(text, kind.written), "pg_catalog.text"), own.written)

    first_key = min(own.first_key, _APART.get(kind.name, 0))
    return Values(own.written, lambda n: of(plain(n)), lambda n: of(edge(n)), first_key)


def _made(types: Mapping[int, Type], kind: Type) -> Values | None:
    """Return what makes values of types that are made of others."""
    if kind.kind == "e":
        labels = kind.labels or [""]
        return Values(
            kind.written,
            lambda n: literal(labels[(n - 1) % len(labels)], kind.written),
            lambda n: literal(labels[-1 - n % len(labels)], kind.written),
        )
    if kind.category == "A" and kind.element:
        return _array(types, kind, kind.element)
    if kind.kind in "rm" and kind.subtype:
        return _range(types, kind, kind.subtype)
    if kind.kind == "c":
        return _composite(types, kind, kind.parts or ())
    return None


def _array(types: Mapping[int, Type], kind: Type, element: int) -> Values | None:
    below = values_of(types, element)
    if below is None:
        return None

    def of(values: Sequence[sql.Composable]) -> sql.Composable:
        return cast(sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(values)), kind.written)

    return Values(
        kind.written, lambda n: of([below.plain(n)]), lambda n: of([below.edge(n), below.plain(n + 1)])
    )


def _range(types: Mapping[int, Type], kind: Type, subtype: int) -> Values | None:
    below = values_of(types, subtype)
    if below is None:
        return None
    several = kind.kind == "m"

    def of(value: sql.Composable) -> sql.Composable:
        one = sql.SQL("{}({}, {}, '[]')").format(sql.SQL(kind.range or kind.written), value, value)
        return sql.SQL("{}({})").format(sql.SQL(kind.written), one) if several else one

    return Values(kind.written, lambda n: of(below.plain(n)), lambda n: of(below.plain(n + 1000)))


def _composite(types: Mapping[int, Type], kind: Type, parts: Sequence[int]) -> Values | None:
    found = [values_of(types, part) for part in parts]
    below = [values for values in found if values is not None]
    if len(below) < len(found):
        return None

    def of(values: Sequence[sql.Composable]) -> sql.Composable:
        return cast(sql.SQL("ROW({})").format(sql.SQL(", ").join(values)), kind.written)

    return Values(
        kind.written,
        lambda n: of([values.plain(n) for values in below]),
        lambda n: of([values.edge(n) for values in below]),
    )


Texts = tuple[Callable[[int], str], Callable[[int], str]]


def _texts(kind: Type, modifier: int) -> Texts | None:
    if kind.name in ("text", "varchar", "bpchar", "citext"):
        return _limited_text(modifier - 4 if modifier >= 4 else None)
    if kind.name == "numeric" and modifier >= 4:
        return _limited_numeric(modifier)
    if kind.name in ("bit", "varbit"):
        width = modifier if modifier > 0 else (1 if kind.name == "bit" else 64)
        return lambda n: f"{n % 2**width:0{width}b}", lambda n: f"{-n % 2**width:0{width}b}"
    if kind.name in ("vector", "halfvec"):
        size = max(modifier, 1)
        return lambda n: f"[{','.join([str(n)] * size)}]", lambda n: f"[{','.join([f'{n}.5'] * size)}]"
    return _BY_NAME.get(kind.name)


def _limited_text(limit: int | None) -> Texts:
    def plain(number: int) -> str:
        text = f"seed {number}"
        return text if limit is None or len(text) <= limit else _short(number, limit)

    def edge(number: int) -> str:
        text = f"{number} {_LONG_TEXT}"
        return text if limit is None else text[:limit].ljust(limit, "x")

    return plain, edge


def _short(number: int, limit: int) -> str:
    """Return a text that differs by number as far as its length lets it."""
    digits = "abcdefghijklmnopqrstuvwxyz0123456789"
    text = ""
    while len(text) < limit and (number or not text):
        number, digit = divmod(number, len(digits))
        text += digits[digit]
    return text


def _limited_numeric(modifier: int) -> Texts:
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
    scale -= 2048 if scale >= 1024 else 0
    whole = precision - scale

    def plain(number: int) -> str:
        return str(number % 10**whole) if 0 < whole < 18 else f"0e{-scale}" if whole <= 0 else str(number)

    def edge(number: int) -> str:
        digits = precision - 2 if precision > 4 else precision - 1
        return f"{10**digits - 1 - number % max(1, 10**digits // 2)}e{-scale}"

    return plain, edge


def _whole(bits: int) -> Texts:
    largest = 2 ** (bits - 1) - 1
    large = largest // 100
    return lambda n: str(n % largest), lambda n: str(large - n % (large // 2))


def _date(number: int) -> str:
    return f"2024-{1 + number // 28 % 12:02}-{1 + number % 28:02}"


def _uuid(number: int) -> str:
    return str(uuid.UUID(int=(0x5EED << 112) | (4 << 76) | (8 << 60) | number))


def _same(form: str, edge: str | None = None) -> Texts:
    return lambda n: form.format(n=n, m=n % 250), lambda n: (edge or form).format(n=n + 1, m=(n + 1) % 250)


_BY_NAME: dict[str, Texts] = {
    "int2": _whole(16),
    "int4": _whole(32),
    "int8": _whole(64),
    "oid": _whole(32),
    "xid8": _whole(32),
    "float4": (str, lambda n: f"{n}.125"),
    "float8": (str, lambda n: f"{n}.123456789012"),
    "numeric": (str, lambda n: f"{n}12345678901234567890.1234567891"),
    "money": (lambda n: f"{n}.00", lambda n: f"{n}234567.89"),
    "bool": (lambda n: "t" if n % 2 else "f", lambda n: "f" if n % 2 else "t"),
    "name": _same("seed {n}"),
    "char": (lambda n: chr(97 + n % 26), lambda n: chr(65 + n % 26)),
    "bytea": (lambda n: f"\\x{n:08x}", lambda n: f"\\x00ff{n:08x}" + "fe" * 40),
    "date": (_date, lambda n: f"19{n % 60 + 10}-12-31"),
    "time": (lambda n: f"{n // 60 % 24:02}:{n % 60:02}:00", lambda n: f"23:59:59.{999999 - n % 999999:06}"),
    "timetz": (
        lambda n: f"{n // 60 % 24:02}:{n % 60:02}:00+00",
        lambda n: f"23:59:59.{999999 - n % 999999:06}+02",
    ),
    "timestamp": (
        lambda n: f"{_date(n)} 12:00:00",
        lambda n: f"1999-12-31 23:59:59.{999999 - n % 999999:06}",
    ),
    "timestamptz": (
        lambda n: f"{_date(n)} 12:00:00+00",
        lambda n: f"1999-12-31 23:59:59.{999999 - n % 999999:06}+00",
    ),
    "interval": _same("{n} days", "1 mon {n} days 03:04:05.000006"),
    "uuid": (_uuid, lambda n: _uuid(n + 0xFFFF_0000)),
    "json": _same('{{"seed": {n}}}', '{{"seed": [{n}, null, {{"deep": "é \\" value"}}], "a": 1.50}}'),
    "jsonb": _same('{{"seed": {n}}}', '{{"seed": [{n}, null, {{"deep": "é \\" value"}}], "a": 1.50}}'),
    "jsonpath": _same("$.seed[{n}]"),
    "xml": _same("<seed>{n}</seed>"),
    "inet": (
        lambda n: f"10.{n // 65536 % 256}.{n // 256 % 256}.{n % 256}",
        lambda n: f"2001:db8::{n % 65536:x}/64",
    ),
    "cidr": (lambda n: f"10.{n // 256 % 256}.{n % 256}.0/24", lambda n: f"2001:db8:{n % 65536:x}::/48"),
    "macaddr": (lambda n: f"08:00:2b:{n // 65536 % 256:02x}:{n // 256 % 256:02x}:{n % 256:02x}",) * 2,
    "macaddr8": (lambda n: f"08:00:2b:01:02:{n // 65536 % 256:02x}:{n // 256 % 256:02x}:{n % 256:02x}",) * 2,
    "point": _same("({n},1)", "({n}.5,-2.25)"),
    "line": _same("{{1,-1,{n}}}"),
    "lseg": _same("[(0,0),({n},1)]"),
    "box": _same("({n},{n}),(0,0)"),
    "path": _same("[(0,0),({n},1)]"),
    "polygon": _same("((0,0),({n},1),(1,{n}))"),
    "circle": _same("<(0,0),{n}>"),
    "tsvector": _same("'seed':1 'n{n}':2"),
    "tsquery": _same("'seed' & 'n{n}'"),
    "pg_lsn": _same("0/{n}"),
    "tid": _same("({n},1)"),
    "hstore": _same('"seed"=>"{n}"'),
    "ltree": _same("seed.n{n}"),
    "lquery": _same("seed.n{n}.*"),
    "cube": _same("({n})"),
    "regclass": _same("pg_catalog.pg_class"),
    "regtype": _same("pg_catalog.text"),
    "regproc": _same("pg_catalog.now"),
    "regprocedure": _same("pg_catalog.now()"),
    "regrole": _same("pg_monitor"),
    "regnamespace": _same("pg_catalog"),
    "regconfig": _same("pg_catalog.simple"),
    "refcursor": _same("seed {n}"),
    "geometry": _same("POINT({n} 1)"),
    "geography": _same("POINT({m} 1)", "POINT(1 1)"),
    "isbn": _same("978-0-393-04002-9"),
    "txid_snapshot": _same("{n}:{n}:"),
    "pg_snapshot": _same("{n}:{n}:"),
}
