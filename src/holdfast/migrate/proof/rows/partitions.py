"""Where the rows of a partitioned table can go: into a partition that exists, or into one made for them.

What is made takes in values that nothing else is likely to ask for, so that a migration that makes
partitions later is not in its way.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from holdfast.migrate.proof.rows.catalogue import Check, Column, Part, Table, Tables, base_of
from holdfast.migrate.proof.rows.values import literal, values_of

PREFIX = "holdfast_seed_"
_FAR: dict[str, tuple[str, str]] = {
    "date": ("2891-01-01", "2892-01-01"),
    "timestamp": ("2891-01-01 00:00:00", "2892-01-01 00:00:00"),
    "timestamptz": ("2891-01-01 00:00:00+00", "2892-01-01 00:00:00+00"),
    "int2": ("32000", "32100"),
    "int4": ("2140000000", "2140001000"),
    "int8": ("9100000000000000000", "9100000000000001000"),
    "numeric": ("9100000000000000000", "9100000000000001000"),
    "text": ("seed", "seee"),
    "varchar": ("seed", "seee"),
    "uuid": ("fffffff0-0000-4000-8000-000000000000", "ffffffff-0000-4000-8000-000000000000"),
}


def leaf_rule(table: Table) -> Check | None:
    """Return what a row must satisfy to go into one of a table's partitions; None where there is none.

    Partitions with values of their own come before default ones.
    """
    leaves = [part for part in table.parts if part.kind == "r"]
    leaves.sort(key=lambda part: (part.bound == "DEFAULT", part.oid))
    for leaf in leaves:
        if leaf.takes is not None:
            return Check(leaf.takes, frozenset(_key_columns(table)))
        if leaf.bound == "DEFAULT":
            return None
    return None


def has_leaf(table: Table) -> bool:
    """Tell whether rows of a partitioned table have anywhere to go."""
    return any(part.kind == "r" for part in table.parts)


def _key_columns(table: Table) -> Iterator[str]:
    for part in table.parts:
        yield from table.named([number for number in part.columns or () if number > 0])


def new_partition(known: Tables, table: Table) -> tuple[sql.Composed, str] | str:
    """Return the statement that makes a partition, and its name; or why there is no way."""
    node = _empty_node(table)
    columns = [column for number in node.columns or () for column in table.columns if column.number == number]
    if node.strategy == "h":
        return "it is partitioned by hash and has no partition"
    if len(columns) < len(node.columns or ()):
        return "it is partitioned by an expression and has no partition"
    bound = _range_bound(known, columns) if node.strategy == "r" else _list_bound(known, columns[0])
    if bound is None:
        return f"it has no partition, and no value of {columns[0].name} is known that one could be made for"
    name = f"{PREFIX}{node.oid}"
    statement = sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES {}").format(
        sql.Identifier(node.schema, name), sql.Identifier(node.schema, node.name), bound
    )
    return statement, name


def _empty_node(table: Table) -> Part:
    """Return the node of the tree that a partition can be made below."""
    taken = {part.parent for part in table.parts}
    return next(part for part in table.parts if part.kind == "p" and part.oid not in taken)


def _range_bound(known: Tables, columns: list[Column]) -> sql.Composable | None:
    kind, _, _ = base_of(known.types, columns[0].type, columns[0].modifier)
    if kind is None or kind.name not in _FAR:
        return None
    lower, upper = _FAR[kind.name]
    rest = sql.SQL(", MINVALUE" * (len(columns) - 1))
    return sql.SQL("FROM ({}{}) TO ({}{})").format(
        literal(lower, kind.written), rest, literal(upper, kind.written), rest
    )


def _list_bound(known: Tables, column: Column) -> sql.Composable | None:
    kind, _, _ = base_of(known.types, column.type, column.modifier)
    if kind is None:
        return None
    if kind.name in _FAR:
        return sql.SQL("IN ({})").format(literal(_FAR[kind.name][0], kind.written))
    values = values_of(known.types, column.type, column.modifier)
    return None if values is None else sql.SQL("IN ({})").format(values.edge(1))
