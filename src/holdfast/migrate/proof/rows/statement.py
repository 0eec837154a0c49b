"""Writes the statement that adds rows to one table.

Columns that no rule joins to others get their values directly. The others come in groups: of all
combinations of the values that come into question (literals of the checks, rows of the tables that a
foreign key names) the server itself keeps those that pass the checks, and takes the first of them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from psycopg import sql

from holdfast.migrate.proof.rows.catalogue import Check, Column, ForeignKey, Table, Tables, Type, base_of
from holdfast.migrate.proof.rows.checks import Hints
from holdfast.migrate.proof.rows.values import cast, values_for

_MOST_COMBINATIONS = 20_000
_MOST_PARENTS = 20
_RANK, _LEAST, _PLACE, _COUNT, _AGAIN = (
    sql.Identifier(f"seed {word}") for word in ("rank", "least", "place", "count", "again")
)
Choice = Literal["varied", "plain", "sparse"]


@dataclass(slots=True)
class _Group:
    """Columns that have to be chosen together."""

    columns: set[str] = field(default_factory=set)
    checks: list[Check] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)


class Writer:
    """Writes the statements for one table; ``existing`` is how many rows it has, ``each`` how many to add.

    ``takes`` is the rule of the partition that the rows are meant for, with literals that satisfy it.
    Keys to the tables ``apart`` (oids) are not looked up there, but written as those tables' own are.
    """

    def __init__(
        self,
        known: Tables,
        table: Table,
        existing: int,
        each: int,
        takes: Check | None = None,
        apart: Collection[int] = (),
    ) -> None:
        self.known = known
        self.table = table
        self.number = existing + 1
        self.each = each
        self.by_name = {column.name: column for column in table.columns}
        generated = {column.name for column in table.columns if column.generated}
        rules = [*table.checks, *([takes] if takes is not None else [])]
        self.checks = [check for check in rules if not check.columns & generated and check.columns]
        self.unique = {name for names in table.unique for name in names}
        self.unique |= {name for key in table.foreign_keys if key.target in apart for name in key.columns}
        self.same_as = self._own_keys()
        self.foreign_keys = [
            key
            for key in table.foreign_keys
            if key.target in known.tables
            and key.target not in apart
            and not set(key.columns) & (set(self.same_as) | generated)
        ]
        self.groups = self._grouped()
        grouped = {name for group in self.groups for name in group.columns}
        needed = grouped | set(self.same_as.values())
        self.filled = [
            column
            for column in table.columns
            if not column.generated and (column.name in needed or self._is_filled(column))
        ]
        self.free = [
            column for column in self.filled if column.name not in grouped and column.name not in self.same_as
        ]

    def _is_filled(self, column: Column) -> bool:
        """Tell whether a column gets its value here: one that a sequence fills does where it is a key.

        So the sequence stays where it is, and gives no number that a row has already.
        """
        made = column.identity or "nextval(" in (column.default or "")
        values = values_for(self.known.types, column)
        return not made or (column.name in self.unique and values is not None and values.first_key > 0)

    def _own_keys(self) -> dict[str, str]:
        """Return the columns that must name a row of their own table: each row names itself."""
        found: dict[str, str] = {}
        for key in self.table.foreign_keys:
            if key.target == self.table.oid and all(self.by_name[name].required for name in key.columns):
                found.update(zip(key.columns, self.table.named(key.target_columns), strict=True))
        return {name: other for name, other in found.items() if name != other}

    def _grouped(self) -> list[_Group]:
        groups: list[_Group] = []
        parts = [_Group(set(check.columns), [check]) for check in self.checks]
        parts += [_Group(set(key.columns), foreign_keys=[key]) for key in self.foreign_keys]
        for part in parts:
            for group in [group for group in groups if group.columns & part.columns]:
                groups.remove(group)
                part.columns |= group.columns
                part.checks += group.checks
                part.foreign_keys += group.foreign_keys
            groups.append(part)
        return groups

    def statement(self, choice: Choice) -> sql.Composed:
        """Return the INSERT.

        ``plain`` takes defaults and the most ordinary values for every row, ``sparse`` NULL besides
        wherever nothing speaks against it.
        """
        identities = any(column.identity for column in self.filled)
        sources = [self._free_rows(choice)]
        for place, group in enumerate(self.groups):
            sources.append(self._group_rows(group, sql.Identifier(f"seed {place}"), choice))
        return sql.SQL(
            "INSERT INTO {table}{columns}{overriding} SELECT {values} FROM {sources}{conflict}"
        ).format(
            table=sql.Identifier(self.table.schema, self.table.name),
            columns=sql.SQL(" ({})").format(_names(column.name for column in self.filled))
            if self.filled
            else sql.SQL(""),
            overriding=sql.SQL(" OVERRIDING SYSTEM VALUE" if identities else ""),
            values=sql.SQL(", ").join(self._selected(column) for column in self.filled),
            sources=sql.SQL(" ").join(sources),
            conflict=sql.SQL("" if self.table.deferrable else " ON CONFLICT DO NOTHING"),
        )

    def _selected(self, column: Column) -> sql.Composable:
        other = self.same_as.get(column.name)
        return sql.Identifier(column.name if other is None else other)

    def _free_rows(self, choice: Choice) -> sql.Composable:
        rows = []
        for place in range(self.each):
            values = [self._free_value(column, place, choice) for column in self.free]
            rows.append(sql.SQL("({})").format(sql.SQL(", ").join([sql.Literal(place), *values])))
        names = sql.SQL(", ").join([_PLACE, *(sql.Identifier(column.name) for column in self.free)])
        return sql.SQL('(VALUES {}) AS "seed rows" ({})').format(sql.SQL(", ").join(rows), names)

    def _free_value(self, column: Column, place: int, choice: Choice) -> sql.Composable:
        kind, _, required = base_of(self.known.types, column.type, column.modifier)
        values = values_for(self.known.types, column)
        different = column.name in self.unique
        if column.default is not None and (place == 0 or choice != "varied") and not different:
            return _default(column, kind)
        empty = choice == "sparse" or (place == 2 and choice == "varied")
        if empty and not column.required and not required:
            return _null(column, kind)
        if values is None:
            return cast(sql.Literal("1"), column.written)
        if different:
            return values.key(self.number + place)
        # Columns of a row differ, so that it shows when one is taken for another.
        number = self.number + place + 7 * column.number
        return values.edge(number) if place == 1 and choice == "varied" else values.plain(number)

    def _group_rows(self, group: _Group, name: sql.Identifier, choice: Choice) -> sql.Composable:
        """Return a join with the combinations of a group's values that pass its checks."""
        sources, ranks, equal = self._sources(group)
        names = _names(sorted(group.columns))
        conditions = [
            sql.SQL("({}) IS NOT FALSE").format(sql.SQL(check.expression)) for check in group.checks
        ]
        together = sorted(
            {column for unique in self.table.unique if unique <= group.columns for column in unique}
        )
        again = (
            sql.SQL("row_number() OVER (PARTITION BY {} ORDER BY {})").format(_names(together), _RANK)
            if together
            else sql.SQL("1")
        )
        different = choice == "varied" or bool(group.columns & self.unique)
        mixed = len(ranks) > 1 and choice == "varied"
        order = (
            sql.SQL("{rank} > {least}, {rank} * 7919 % 1009").format(rank=_RANK, least=_LEAST)
            if mixed
            else sql.SQL("{}").format(_RANK)
        )
        return sql.SQL(
            "JOIN (SELECT {names}, {again_name}, row_number() OVER (ORDER BY {order}) - 1 AS {place},"
            " count(*) OVER () AS {count}"
            " FROM (SELECT {names}, {rank}, min({rank}) OVER () AS {least}, {again} AS {again_name}"
            " FROM (SELECT {chosen}, {ranks} AS {rank} FROM {sources}{equal}) AS chosen"
            "{conditions}) AS passing WHERE {again_name} = 1) AS {name}"
            " ON {name}.{place} = {row}"
        ).format(
            names=names,
            again_name=_AGAIN,
            order=order,
            place=_PLACE,
            count=_COUNT,
            rank=_RANK,
            least=_LEAST,
            again=again,
            chosen=sql.SQL(", ").join(self._chosen(group)),
            ranks=sql.SQL(" + ").join(
                sql.SQL("{} * {}").format(sql.Literal(weight if mixed else 1), rank)
                for weight, rank in zip(_weights(len(ranks)), ranks, strict=True)
            ),
            sources=sql.SQL(" CROSS JOIN ").join(sources),
            equal=_where(equal),
            conditions=_where(conditions),
            name=name,
            row=sql.SQL('"seed rows".{} % {}.{}').format(_PLACE, name, _COUNT)
            if different
            else sql.Literal(0),
        )

    def _chosen(self, group: _Group) -> list[sql.Composable]:
        """Return where each column of a group comes from: the first key that holds it, or its own values."""
        chosen: list[sql.Composable] = []
        for name in sorted(group.columns):
            source = f"of {name}"
            for place, key in enumerate(group.foreign_keys):
                if name in key.columns:
                    source = f"key {place}"
                    break
            chosen.append(sql.SQL("{}.{}").format(sql.Identifier(source), sql.Identifier(name)))
        return chosen

    def _sources(
        self, group: _Group
    ) -> tuple[list[sql.Composable], list[sql.Composable], list[sql.Composable]]:
        """Return the lists of values to combine, their ranks, and what keys must agree in."""
        sources: list[sql.Composable] = []
        ranks: list[sql.Composable] = []
        equal: list[sql.Composable] = []
        given: dict[str, sql.Composable] = {}
        for place, key in enumerate(group.foreign_keys):
            name = sql.Identifier(f"key {place}")
            sources.append(self._parents(key, name))
            ranks.append(sql.SQL("{}.{}").format(name, _RANK))
            for column in key.columns:
                here = sql.SQL("{}.{}").format(name, sql.Identifier(column))
                if column in given:
                    equal.append(sql.SQL("{} IS NOT DISTINCT FROM {}").format(given[column], here))
                given.setdefault(column, here)
        for column, values in self._candidates(group, set(given)).items():
            name = sql.Identifier(f"of {column}")
            rows = [sql.SQL("({}, {})").format(sql.Literal(rank), value) for rank, value in enumerate(values)]
            sources.append(
                sql.SQL("(VALUES {}) AS {} ({}, {})").format(
                    sql.SQL(", ").join(rows), name, _RANK, sql.Identifier(column)
                )
            )
            # What a table says by itself comes first: its triggers often take nothing else for a new row.
            weight = 1 if self.by_name[column].default is None else 1000
            ranks.append(sql.SQL("{} * {}.{}").format(sql.Literal(weight), name, _RANK))
        return sources, ranks, equal

    def _parents(self, key: ForeignKey, name: sql.Identifier) -> sql.Composable:
        """Return the rows that a foreign key may name, and none where it may be NULL."""
        parent = self.known.tables[key.target]
        targets = parent.named(key.target_columns)
        mine = [self.by_name[column] for column in key.columns]
        written = [_base_written(self.known.types, column) for column in mine]
        rows = sql.SQL(
            "(SELECT (row_number() OVER () - 1) * 2 AS {rank}, {columns} FROM {parent} LIMIT {most})"
        ).format(
            rank=_RANK,
            columns=sql.SQL(", ").join(
                sql.SQL("{} AS {}").format(cast(sql.Identifier(target), kind), sql.Identifier(column.name))
                for target, kind, column in zip(targets, written, mine, strict=True)
            ),
            parent=sql.Identifier(parent.schema, parent.name),
            most=sql.Literal(_MOST_PARENTS),
        )
        if not all(column.required for column in mine):
            nothing = [
                sql.SQL("NULL") if not column.required else cast(self._plain(column), kind)
                for column, kind in zip(mine, written, strict=True)
            ]
            rows = sql.SQL("{} UNION ALL SELECT 3, {}").format(rows, sql.SQL(", ").join(nothing))
        return sql.SQL("({}) AS {}").format(rows, name)

    def _plain(self, column: Column) -> sql.Composable:
        values = values_for(self.known.types, column)
        return sql.Literal("1") if values is None else values.plain(self.number)

    def _candidates(self, group: _Group, given: set[str]) -> dict[str, list[sql.Composable]]:
        found = {
            name: self._candidates_of(
                self.by_name[name], [check.expression for check in group.checks if name in check.columns]
            )
            for name in sorted(group.columns - given)
        }
        while math.prod(map(len, found.values())) > _MOST_COMBINATIONS:
            longest = max(found, key=lambda name: len(found[name]))
            # NULL, the last one, is what rules of the form "either of them" need
            found[longest] = [*found[longest][:-2], found[longest][-1]]
        return found

    def _candidates_of(self, column: Column, expressions: Sequence[str]) -> list[sql.Composable]:
        kind, modifier, required = base_of(self.known.types, column.type, column.modifier)
        found: list[sql.Composable] = []
        if column.default is not None and column.name not in self.unique:
            found.append(_default(column, kind))
        hints = Hints(expressions, self.number, self.each)
        if kind is not None:
            found.extend(hints.candidates(kind, _limit(kind, modifier)))
            labels = (column.becomes[0].labels if column.becomes else None) or kind.labels or ()
            found.extend(cast(sql.Literal(label), kind.written) for label in labels)
        values = values_for(self.known.types, column)
        if values is not None:
            if column.name in self.unique:
                found.extend(values.key(self.number + place) for place in range(self.each + 1))
            found.extend(values.plain(self.number + place) for place in range(self.each + 1))
            found.append(values.edge(self.number))
        if not column.required and not required:
            found.append(_null(column, kind))
        return list({value.as_string(None): value for value in found}.values()) or [_null(column, kind)]


def _weights(count: int) -> list[int]:
    return [1, 3, 7, 17, 31, 61, 127, 251, 509, 1021][:count] + [1] * max(0, count - 10)


def _names(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)


def _where(conditions: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(conditions)) if conditions else sql.SQL("")


def _base_written(types: Mapping[int, Type], column: Column) -> str:
    kind, _, _ = base_of(types, column.type, column.modifier)
    return column.written if kind is None else kind.written


def _default(column: Column, kind: Type | None) -> sql.Composable:
    return cast(sql.SQL(column.default or "NULL"), column.written if kind is None else kind.written)


def _null(column: Column, kind: Type | None) -> sql.Composable:
    return cast(sql.SQL("NULL"), column.written if kind is None else kind.written)


def _limit(kind: Type, modifier: int) -> int | None:
    if kind.name in ("varchar", "bpchar") and modifier >= 4:
        return modifier - 4
    return 63 if kind.name == "name" else 1 if kind.name == "char" else None
