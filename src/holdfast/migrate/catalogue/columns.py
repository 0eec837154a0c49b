# ruff: noqa: ARG001  what stands in one table by kind is called alike
"""The SQL for columns: as a clause of their table, added, altered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.sequences import sequence_parameters
from holdfast.migrate.catalogue.writing import (
    changed_foreign_options,
    changed_options,
    foreign_options,
    options_list,
    own_name,
    parent_of,
)

_STORED_IN_MAIN = ("numeric", "inet", "cidr")


def identity_clause(item: Item, catalogue: Catalogue) -> str:
    """Return ``GENERATED ... AS IDENTITY`` with its sequence's name and parameters."""
    parts = []
    for child in catalogue.children.get(item.key, ()):
        if child.kind == "sequence" and child.definition.get("of_identity"):
            parts = [f"SEQUENCE NAME {child.name} {sequence_parameters(child.definition)}"]
    options = f" ({parts[0]})" if parts else ""
    return f"GENERATED {item.definition['identity'].upper()} AS IDENTITY{options}"


def not_null_clause(definition: Mapping[str, Any]) -> str:
    """Return ``NOT NULL``, with the name of its constraint where it has one."""
    named = definition.get("not_null_constraint", "")
    if not named:
        return "NOT NULL"
    name = named.removesuffix(" NOT VALID").removesuffix(" NO INHERIT")
    return f"CONSTRAINT {name} NOT NULL{' NO INHERIT' if ' NO INHERIT' in named else ''}"


def column_clause(item: Item, catalogue: Catalogue) -> str:
    """Return a column as CREATE TABLE and ADD COLUMN take it."""
    definition = item.definition
    parts = [own_name(item, catalogue), definition["type"]]
    parts.append(foreign_options(definition.get("foreign_options")).strip())
    if "compression" in definition:
        parts.append(f"COMPRESSION {definition['compression']}")
    if "collation" in definition:
        parts.append(f"COLLATE {definition['collation']}")
    if "default" in definition:
        parts.append(f"DEFAULT {definition['default']}")
    if "generated" in definition:
        parts.append(
            f"GENERATED ALWAYS AS ({definition['generated']}) {definition['generated_kind'].upper()}"
        )
    if "identity" in definition:
        parts.append(identity_clause(item, catalogue))
    if definition.get("not_null"):
        parts.append(not_null_clause(definition))
    return " ".join(part for part in parts if part)


def settings_of_column(item: Item, catalogue: Catalogue) -> list[str]:
    """Set what a column's clause does not say."""
    head = _head(item, catalogue)
    definition = item.definition
    statements = []
    if "storage" in definition:
        statements.append(f"{head} SET STORAGE {definition['storage'].upper()};")
    if "statistics" in definition:
        statements.append(f"{head} SET STATISTICS {definition['statistics']};")
    if "options" in definition:
        statements.append(f"{head} SET ({options_list(definition['options'])});")
    return statements


def add_column(item: Item, catalogue: Catalogue) -> list[str]:
    """Add a column at the end of its table; rows that are there need a default where it is NOT NULL."""
    return [
        f"ALTER TABLE {parent_of(item, catalogue)} ADD COLUMN {column_clause(item, catalogue)};",
        *settings_of_column(item, catalogue),
    ]


def _head(item: Item, catalogue: Catalogue) -> str:
    return f"ALTER TABLE {parent_of(item, catalogue)} ALTER COLUMN {own_name(item, catalogue)}"


def alter_column(item: Item, was: Item, attributes: set[str], catalogue: Catalogue) -> list[str]:
    """Return the statements from a column as it was found (``was``) to ``item``."""
    if _must_be_made_again(item, was, attributes, catalogue):
        name, table = own_name(item, catalogue), parent_of(item, catalogue)
        return [f"ALTER TABLE {table} DROP COLUMN {name};", *add_column(item, catalogue)]
    statements: list[str] = []
    for needed, change in _CHANGES:
        if needed & attributes:
            statements += change(item, was, _head(item, catalogue), catalogue)
    return statements


def _must_be_made_again(item: Item, was: Item, attributes: set[str], catalogue: Catalogue) -> bool:
    """Tell whether only a new column can have such computed values."""
    if "generated_kind" in attributes and "generated" in item.definition:
        return True
    changed = "generated" in attributes and "generated" in item.definition
    return changed and ("generated" not in was.definition or catalogue.major < 17)


def _type(item: Item, was: Item, head: str, catalogue: Catalogue) -> list[str]:
    name, kind = own_name(item, catalogue), item.definition["type"]
    collation = f" COLLATE {item.definition['collation']}" if "collation" in item.definition else ""
    statements = [f"{head} DROP DEFAULT;"] if "default" in was.definition else []
    using = "" if "generated" in item.definition else f" USING {name}::{kind}"
    statements.append(f"{head} TYPE {kind}{collation}{using};")
    if "default" in was.definition and "default" in item.definition:
        statements.append(f"{head} SET DEFAULT {item.definition['default']};")
    return statements


def _not_null(item: Item, was: Item, head: str, catalogue: Catalogue) -> list[str]:
    table, name = parent_of(item, catalogue), own_name(item, catalogue)
    if not item.definition.get("not_null"):
        return [f"{head} DROP NOT NULL;"]
    wanted, actual = (each.definition.get("not_null_constraint", "") for each in (item, was))
    if not was.definition.get("not_null"):
        if not wanted:
            return [f"{head} SET NOT NULL;"]
        clause = not_null_clause(item.definition).replace("NOT NULL", f"NOT NULL {name}", 1)
        return [f"ALTER TABLE {table} ADD {clause};"]
    if not wanted or not actual:
        return []
    if wanted == actual.removesuffix(" NOT VALID"):
        return [f"ALTER TABLE {table} VALIDATE CONSTRAINT {wanted};"]
    plain = [each.removesuffix(" NOT VALID").removesuffix(" NO INHERIT") for each in (actual, wanted)]
    statements = []
    if plain[0] != plain[1]:
        statements.append(f"ALTER TABLE {table} RENAME CONSTRAINT {plain[0]} TO {plain[1]};")
    if (" NO INHERIT" in wanted) != (" NO INHERIT" in actual):
        how = "NO INHERIT" if " NO INHERIT" in wanted else "INHERIT"
        statements.append(f"ALTER TABLE {table} ALTER CONSTRAINT {plain[1]} {how};")
    return statements


def _default(item: Item, was: Item, head: str, catalogue: Catalogue) -> list[str]:
    if "default" in item.definition:
        return [f"{head} SET DEFAULT {item.definition['default']};"]
    return [f"{head} DROP DEFAULT;"]


def _generated(item: Item, was: Item, head: str, catalogue: Catalogue) -> list[str]:
    if "generated" in item.definition:
        return [f"{head} SET EXPRESSION AS ({item.definition['generated']});"]
    return [f"{head} DROP EXPRESSION;"]


def _identity(item: Item, was: Item, head: str, catalogue: Catalogue) -> list[str]:
    if "identity" not in item.definition:
        return [f"{head} DROP IDENTITY;"]
    if "identity" in was.definition:
        return [f"{head} SET GENERATED {item.definition['identity'].upper()};"]
    return [f"{head} ADD {identity_clause(item, catalogue)};"]


def _storage(item: Item, was: Item, head: str, catalogue: Catalogue) -> list[str]:
    usual = "DEFAULT"
    if catalogue.major < 16:
        usual = "MAIN" if item.definition["type"].startswith(_STORED_IN_MAIN) else "EXTENDED"
    return [f"{head} SET STORAGE {item.definition.get('storage', usual).upper()};"]


def _compression(item: Item, was: Item, head: str, catalogue: Catalogue) -> list[str]:
    return [f"{head} SET COMPRESSION {item.definition.get('compression', 'default')};"]


def _statistics(item: Item, was: Item, head: str, catalogue: Catalogue) -> list[str]:
    return [f"{head} SET STATISTICS {item.definition.get('statistics', -1)};"]


def _options(item: Item, was: Item, head: str, catalogue: Catalogue) -> list[str]:
    return changed_options(head, item.definition.get("options"), was.definition.get("options"))


def _foreign_options(item: Item, was: Item, head: str, catalogue: Catalogue) -> list[str]:
    wanted, actual = (each.definition.get("foreign_options") for each in (item, was))
    return changed_foreign_options(head, wanted, actual)


def _inherited(item: Item, was: Item, head: str, catalogue: Catalogue) -> list[str]:
    return [f"-- {item.name} comes from the parent on one side only: see the table's INHERIT or ATTACH."]


_Change = Callable[[Item, Item, str, Catalogue], list[str]]
_CHANGES: tuple[tuple[set[str], _Change], ...] = (
    ({"type", "collation"}, _type),
    ({"not_null", "not_null_constraint"}, _not_null),
    ({"default"}, _default),
    ({"generated", "generated_kind"}, _generated),
    ({"identity"}, _identity),
    ({"storage"}, _storage),
    ({"compression"}, _compression),
    ({"statistics"}, _statistics),
    ({"options"}, _options),
    ({"foreign_options"}, _foreign_options),
    ({"inherited"}, _inherited),
)
