# ruff: noqa: ARG001  what stands in one table by kind is called alike
"""The SQL for tables: made with their columns, altered."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.migrate.catalogue.columns import column_clause, settings_of_column
from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.writing import (
    changed_foreign_options,
    changed_options,
    foreign_options,
    with_options,
)


def create_table(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a table with its columns."""
    definition = item.definition
    columns = _columns(item, catalogue)
    own = [column for column in columns if not column.definition.get("inherited")]
    parents = definition.get("inherits", [])
    body = "(\n    " + ",\n    ".join(column_clause(column, catalogue) for column in own) + "\n)"
    if "of_type" in definition:
        body = f"OF {definition['of_type']}"
    elif "partition_bound" in definition:
        body = f"PARTITION OF {parents[0]} {definition['partition_bound']}"
    elif not own:
        body = "()"
    kind = "FOREIGN TABLE" if item.kind == "foreign table" else "TABLE"
    parts = [f"CREATE {'UNLOGGED ' if definition.get('unlogged') else ''}{kind} {item.name} {body}"]
    if parents and "partition_bound" not in definition:
        parts.append(f"INHERITS ({', '.join(parents)})")
    if "partition_key" in definition:
        parts.append(f"PARTITION BY {definition['partition_key']}")
    if "server" in definition:
        parts.append(f"SERVER {definition['server']}{foreign_options(definition.get('foreign_options'))}")
    if "access_method" in definition:
        parts.append(f"USING {definition['access_method']}")
    parts.append(with_options(definition.get("options")).strip())
    if "tablespace" in definition:
        parts.append(f"TABLESPACE {definition['tablespace']}")
    statements = [" ".join(part for part in parts if part) + ";"]
    for column in columns:
        statements += settings_of_column(column, catalogue)
    return statements + _own_defaults(item, columns, catalogue)


def _columns(item: Item, catalogue: Catalogue) -> list[Item]:
    found = (catalogue.get("column", f"{item.name}.{name}") for name in item.definition.get("columns", ()))
    return [column for column in found if column is not None]


def _own_defaults(item: Item, columns: list[Item], catalogue: Catalogue) -> list[str]:
    """Set the defaults that a partition has and its parent has not."""
    if "partition_bound" not in item.definition:
        return []
    statements = []
    for column in columns:
        name = column.name[len(item.name) + 1 :]
        above = catalogue.get("column", f"{item.definition['inherits'][0]}.{name}")
        wanted = column.definition.get("default")
        if above is not None and above.definition.get("default") != wanted:
            how = f"SET DEFAULT {wanted}" if wanted else "DROP DEFAULT"
            statements.append(f"ALTER TABLE {item.name} ALTER COLUMN {name} {how};")
    return statements


def settings_of(item: Item) -> list[str]:
    """Set what CREATE TABLE does not say; after the table's indexes are there."""
    statements = []
    if "replica_identity" in item.definition:
        statements.append(_replica_identity(item))
    if item.definition.get("row_security"):
        statements.append(f"ALTER TABLE {item.name} ENABLE ROW LEVEL SECURITY;")
    if item.definition.get("force_row_security"):
        statements.append(f"ALTER TABLE {item.name} FORCE ROW LEVEL SECURITY;")
    return statements


def _replica_identity(item: Item) -> str:
    wanted = item.definition.get("replica_identity", "default")
    how = f"USING INDEX {wanted.removeprefix('index ')}" if wanted.startswith("index ") else wanted.upper()
    return f"ALTER TABLE {item.name} REPLICA IDENTITY {how};"


def alter_table(item: Item, was: Item, attributes: set[str], catalogue: Catalogue) -> list[str]:
    """Return the statements from a table as it was found (``was``) to ``item``."""
    statements: list[str] = []
    if attributes & {"inherits", "partition_bound"}:
        statements += _change_parents(item, was)
        attributes = attributes - {"inherits", "partition_bound"}
    for attribute in sorted(attributes):
        statements += _CHANGES[attribute](item, was)
    return statements


def _change_parents(item: Item, was: Item) -> list[str]:
    wanted, actual = item.definition.get("inherits", []), was.definition.get("inherits", [])
    statements = []
    if "partition_bound" in was.definition:
        statements.append(f"ALTER TABLE {actual[0]} DETACH PARTITION {item.name};")
    else:
        gone = [parent for parent in actual if parent not in wanted]
        statements += [f"ALTER TABLE {item.name} NO INHERIT {parent};" for parent in gone]
    if "partition_bound" in item.definition:
        bound = item.definition["partition_bound"]
        statements.append(f"ALTER TABLE {wanted[0]} ATTACH PARTITION {item.name} {bound};")
    else:
        new = [parent for parent in wanted if parent not in actual]
        statements += [f"ALTER TABLE {item.name} INHERIT {parent};" for parent in new]
    return statements


def _persistence(item: Item, was: Item) -> list[str]:
    return [f"ALTER TABLE {item.name} SET {'UNLOGGED' if item.definition.get('unlogged') else 'LOGGED'};"]


def _switch(attribute: str, on: str, off: str) -> Callable[[Item, Item], list[str]]:
    def change(item: Item, was: Item) -> list[str]:
        how = on if item.definition.get(attribute) else off
        return [f"ALTER TABLE {item.name} {how} ROW LEVEL SECURITY;"]

    return change


def _options(item: Item, was: Item) -> list[str]:
    wanted, actual = (each.definition.get("options") for each in (item, was))
    return changed_options(f"ALTER TABLE {item.name}", wanted, actual)


def _foreign(item: Item, was: Item) -> list[str]:
    wanted, actual = (each.definition.get("foreign_options") for each in (item, was))
    return changed_foreign_options(f"ALTER FOREIGN TABLE {item.name}", wanted, actual)


def _of_type(item: Item, was: Item) -> list[str]:
    if "of_type" in item.definition:
        return [f"ALTER TABLE {item.name} OF {item.definition['of_type']};"]
    return [f"ALTER TABLE {item.name} NOT OF;"]


def _for_a_person(what: str) -> Callable[[Item, Item], list[str]]:
    def change(item: Item, was: Item) -> list[str]:
        return [f"-- {item.name}: {what}"]

    return change


_ORDER_IS_FIXED = (
    "the order of its columns cannot be changed in place. Where it matters (SELECT *, INSERT without "
    "names), make the table anew and copy its rows."
)
_CHANGES: dict[str, Callable[[Item, Item], list[str]]] = {
    "unlogged": _persistence,
    "options": _options,
    "access_method": lambda item, _: [
        f"ALTER TABLE {item.name} SET ACCESS METHOD {item.definition.get('access_method', 'heap')};"
    ],
    "tablespace": lambda item, _: [
        f"ALTER TABLE {item.name} SET TABLESPACE {item.definition.get('tablespace', 'pg_default')};"
    ],
    "replica_identity": lambda item, _: [_replica_identity(item)],
    "row_security": _switch("row_security", "ENABLE", "DISABLE"),
    "force_row_security": _switch("force_row_security", "FORCE", "NO FORCE"),
    "foreign_options": _foreign,
    "of_type": _of_type,
    "columns": _for_a_person(_ORDER_IS_FIXED),
    "partition_key": _for_a_person(
        "how it is partitioned cannot be changed in place: make it anew and copy its rows."
    ),
    "server": _for_a_person("its foreign server cannot be changed: drop it and make it anew."),
}
