"""What has to be known of a database's tables to make rows in them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.rows import dict_row

from holdfast.postgres.statements import Statements
from holdfast.system import Connection

STATEMENTS = Statements("holdfast.migrate.proof.rows", "rows.sql")


@dataclass(frozen=True, slots=True)
class Type:
    """A type by its oid: ``kind`` and ``category`` as pg_type has them, ``written`` as SQL names it."""

    oid: int
    name: str
    schema: str
    kind: str
    category: str
    written: str
    element: int | None
    base: int
    modifier: int
    required: bool
    subtype: int | None
    range: str | None
    labels: Sequence[str] | None
    checks: Sequence[str] | None
    parts: Sequence[int] | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column; ``default`` is an expression, ``virtual`` means generated and not stored.

    ``becomes`` is the type, with its modifier, that it will have in a later file.
    """

    number: int
    name: str
    type: int
    modifier: int
    written: str
    required: bool
    identity: bool
    generated: bool
    virtual: bool
    default: str | None
    becomes: tuple[Type, int] | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """An expression that must not be false, and the names of the columns that it reads."""

    expression: str
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns (by name) that repeat those of a row of the table ``target`` (an oid)."""

    columns: tuple[str, ...]
    target: int
    target_columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A node of the tree below a partitioned table, the table itself included."""

    oid: int
    parent: int | None
    schema: str
    name: str
    kind: str
    bound: str | None
    takes: str | None
    strategy: str | None
    columns: Sequence[int] | None


@dataclass(slots=True, eq=False)
class Table:
    """A table and everything that its rows must satisfy."""

    oid: int
    schema: str
    name: str
    kind: str
    key: tuple[int, ...]
    changes_itself: bool
    columns: list[Column] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    unique: list[frozenset[str]] = field(default_factory=list)
    deferrable: bool = False
    parts: list[Part] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """The name for people."""
        return f"{self.schema}.{self.name}"

    def named(self, numbers: Sequence[int]) -> tuple[str, ...]:
        """Return the names of columns by their numbers."""
        names = {column.number: column.name for column in self.columns}
        return tuple(names[number] for number in numbers if number in names)


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables by oid, and the types of their columns; ``left_out`` are tables that were not read."""

    tables: Mapping[int, Table]
    types: Mapping[int, Type]
    left_out: frozenset[int] = frozenset()


async def read_tables(connection: Connection, *, unchanged: Collection[int] = ()) -> Tables:
    """Read every table that rows can be made in. The search_path must be empty, so that names are whole.

    Those that are ``unchanged`` are only read where a foreign key of another one names them.
    """
    every = {
        row["oid"]: Table(
            row["oid"], row["schema"], row["name"], row["kind"], tuple(row["key"]), row["changes_itself"]
        )
        for row in await rows_of(connection, "seedable_tables")
    }
    wanted = {oid for oid in every if oid not in unchanged}
    if len(wanted) < len(every):
        keys = await rows_of(connection, "constraints", {"tables": list(wanted)})
        wanted |= {row["target"] for row in keys if row["kind"] == "f"} & every.keys()
    tables = {oid: table for oid, table in every.items() if oid in wanted}
    which = {"tables": list(tables)}
    for row in await rows_of(connection, "columns", which):
        tables[row.pop("table")].columns.append(Column(**row))
    for row in await rows_of(connection, "constraints", which):
        _add_constraint(tables[row["table"]], row)
    for row in await rows_of(connection, "unique_indexes", which):
        table = tables[row["table"]]
        table.unique.append(frozenset(table.named(row["columns"])))
    if any(table.kind == "p" for table in tables.values()):
        for row in await rows_of(connection, "partitions", which):
            tables[row.pop("root")].parts.append(Part(**row))
    types = {row["oid"]: Type(**row) for row in await rows_of(connection, "types")}
    for table in tables.values():
        _add_domains(table, types)
    return Tables(tables, types, frozenset(every.keys() - wanted))


async def rows_of(
    connection: Connection, name: str, parameters: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Run a named statement of rows.sql and return its rows by column."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(STATEMENTS[name], parameters)
        return await cursor.fetchall()


def _add_constraint(table: Table, row: Mapping[str, Any]) -> None:
    names = table.named(row["columns"] or ())
    if row["kind"] == "c":
        table.checks.append(Check(row["expression"], frozenset(names)))
    elif row["kind"] == "f":
        table.foreign_keys.append(ForeignKey(names, row["target"], tuple(row["target_columns"])))
    else:
        table.deferrable = table.deferrable or row["deferrable"]
        if row["kind"] == "x":
            table.unique.append(frozenset(names))


_VALUE = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\bVALUE\b")


def _add_domains(table: Table, types: Mapping[int, Type]) -> None:
    """Take what a column's domain demands for checks of the table, which rows are tried against."""
    for column in table.columns:
        kind = types.get(column.type)
        while kind is not None and kind.kind == "d":
            for check in kind.checks or ():
                quoted = '"' + column.name.replace('"', '""') + '"'
                expression = _VALUE.sub(
                    lambda found, name=quoted: name if found[0] == "VALUE" else found[0],  # type: ignore[misc]  # a default binds it
                    check.removeprefix("CHECK ").removesuffix(" NOT VALID"),
                )
                table.checks.append(Check(expression, frozenset({column.name})))
            kind = types.get(kind.base)


def base_of(types: Mapping[int, Type], oid: int, modifier: int) -> tuple[Type | None, int, bool]:
    """Return the type below all domains, its modifier, and whether a domain on the way refuses NULL."""
    required = False
    kind = types.get(oid)
    while kind is not None and kind.kind == "d":
        required = required or kind.required
        modifier = kind.modifier if modifier == -1 else modifier
        kind = types.get(kind.base)
    return kind, modifier, required


def parents_first(tables: Mapping[int, Table]) -> list[Table]:
    """Return the tables so that each stands behind those that its foreign keys name, as far as that goes.

    In a cycle, a key that may be NULL is the one that is left out of account.
    """
    waits: dict[int, set[int]] = {}
    waited_for: dict[int, set[int]] = defaultdict(set)
    for table in tables.values():
        targets = {key.target for key in table.foreign_keys} & set(tables) - {table.oid}
        waits[table.oid] = targets
        for target in targets:
            waited_for[target].add(table.oid)
    ordered: list[Table] = []
    free = [oid for oid in tables if not waits[oid]]
    left = dict.fromkeys(tables)
    while left:
        oid = free.pop(0) if free else _easiest(left, tables, waits)
        if oid not in left:
            continue
        del left[oid]
        ordered.append(tables[oid])
        for other in sorted(waited_for[oid]):
            waits[other].discard(oid)
            if not waits[other] and other in left:
                free.append(other)
    return ordered


def _easiest(left: Mapping[int, None], tables: Mapping[int, Table], waits: Mapping[int, set[int]]) -> int:
    """Return the table of a cycle that can be begun with: the one with the fewest keys that must be set."""

    def must(oid: int) -> tuple[int, int]:
        required = {column.name for column in tables[oid].columns if column.required}
        keys = [key for key in tables[oid].foreign_keys if key.target in waits[oid]]
        return sum(set(key.columns) <= required for key in keys), len(keys)

    return min(left, key=lambda oid: (*must(oid), oid))
