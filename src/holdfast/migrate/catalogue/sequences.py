"""The SQL for sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.migrate.catalogue.model import Item


def sequence_parameters(definition: Mapping[str, Any]) -> str:
    """Return a sequence's parameters, as CREATE, ALTER and identity columns take them."""
    cycle = "CYCLE" if definition.get("cycle") else "NO CYCLE"
    return (
        f"INCREMENT BY {definition['increment']} MINVALUE {definition['minimum']} "
        f"MAXVALUE {definition['maximum']} START WITH {definition['start']} "
        f"CACHE {definition['cache']} {cycle}"
    )


def create_sequence(item: Item, *, owned: bool = True) -> list[str]:
    """Make a sequence."""
    unlogged = "UNLOGGED " if item.definition.get("unlogged") else ""
    parameters = sequence_parameters(item.definition)
    statements = [f"CREATE {unlogged}SEQUENCE {item.name} AS {item.definition['type']} {parameters};"]
    if owned and "owned_by" in item.definition:
        statements.append(f"ALTER SEQUENCE {item.name} OWNED BY {item.definition['owned_by']};")
    return statements


def alter_sequence(item: Item, attributes: set[str]) -> list[str]:
    """Return the statements that give a sequence its parameters; its current value stays."""
    statements = []
    if attributes - {"owned_by", "of_identity", "unlogged", "parent"}:
        parameters = sequence_parameters(item.definition)
        statements.append(f"ALTER SEQUENCE {item.name} AS {item.definition['type']} {parameters};")
    if "unlogged" in attributes:
        how = "UNLOGGED" if item.definition.get("unlogged") else "LOGGED"
        statements.append(f"ALTER SEQUENCE {item.name} SET {how};")
    if "of_identity" in attributes:
        statements.append(f"-- {item.name} belongs to an identity column on one side only: see the column.")
    elif "owned_by" in attributes:
        statements.append(f"ALTER SEQUENCE {item.name} OWNED BY {item.definition.get('owned_by', 'NONE')};")
    return statements
