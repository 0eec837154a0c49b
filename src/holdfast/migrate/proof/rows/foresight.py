"""Lets rows meet what later files will ask of them, where the tables of today know nothing of it yet.

A text that becomes one of three words, a number that becomes a key to another table: rows made without
knowing it would be refused by the file that says so, though no real row would be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from holdfast.migrate.proof.rows.catalogue import Column, ForeignKey, Table, Tables, base_of


def foreseen(known: Tables, later: Tables) -> Tables:
    """Return the tables as they are, with the rules that tables and columns of the same names have later.

    That a column refuses NULL later is left out: a file that says so has to fill it first.
    """
    by_name = {table.shown: table for table in later.tables.values()}
    now = {table.shown: table for table in known.tables.values()}
    return replace(
        known,
        tables={
            oid: _foreseen(known, table, later, by_name[table.shown], now)
            if table.shown in by_name
            else table
            for oid, table in known.tables.items()
        },
    )


def _foreseen(known: Tables, table: Table, later: Tables, other: Table, now: Mapping[str, Table]) -> Table:
    """Return the very same table where nothing is to be added."""
    names = {column.name for column in table.columns}
    columns = [_column(known, column, later, other) for column in table.columns]
    expressions = {check.expression for check in table.checks}
    checks = [
        check for check in other.checks if check.columns <= names and check.expression not in expressions
    ]
    keys = [key for key in _keys(later, other, names, now) if key not in table.foreign_keys]
    unique = [group for group in other.unique if group and group <= names and group not in table.unique]
    if columns == table.columns and not (checks or keys or unique):
        return table
    return replace(
        table,
        columns=columns,
        checks=table.checks + checks,
        foreign_keys=table.foreign_keys + keys,
        unique=table.unique + unique,
    )


def _column(known: Tables, column: Column, later: Tables, other: Table) -> Column:
    """Return a column that knows the type that it will have, where that is of another kind.

    A narrower type of the same kind is left out: whether a file cuts values off is what is to be seen.
    """
    found = next((each for each in other.columns if each.name == column.name), None)
    if found is None or found.written == column.written:
        return column
    kind, modifier, _ = base_of(later.types, found.type, found.modifier)
    own, _, _ = base_of(known.types, column.type, column.modifier)
    if kind is None or own is None or kind.category == own.category:
        return column
    simple = kind.kind == "b" and kind.schema == "pg_catalog" and kind.category != "A"
    return replace(column, becomes=(kind, modifier)) if simple or kind.kind == "e" else column


def _keys(later: Tables, other: Table, names: set[str], now: Mapping[str, Table]) -> list[ForeignKey]:
    """Return the foreign keys to come, as keys between the tables of today."""
    found = []
    for key in other.foreign_keys:
        if key.target not in later.tables or not set(key.columns) <= names:
            continue
        parent = later.tables[key.target]
        here = now.get(parent.shown)
        if here is None:
            continue
        numbers = {column.name: column.number for column in here.columns}
        targets = parent.named(key.target_columns)
        if all(target in numbers for target in targets):
            found.append(ForeignKey(key.columns, here.oid, tuple(numbers[target] for target in targets)))
    return found
