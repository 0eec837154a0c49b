"""Compares two catalogues: what is missing, what nobody expects, what differs in which attribute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from holdfast.migrate.catalogue.expressions import alike
from holdfast.migrate.catalogue.model import Catalogue, Item

What = Literal["missing", "unexpected", "different"]

_OF_ONE_MAJOR = frozenset({"not_null_constraint"})
"""Attributes that only some major versions have."""


@dataclass(frozen=True, slots=True)
class Change:
    """An attribute that differs; None where a side has it at its default."""

    attribute: str
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """An item that one side lacks, or that differs.

    ``missing`` and ``unexpected`` stand for all that comes and goes with the item as well: a missing
    table is one difference, not one a column.
    """

    what: What
    kind: str
    name: str
    schema: str | None
    changes: tuple[Change, ...] = ()

    @property
    def key(self) -> str:
        """The item's key."""
        return f"{self.kind} {self.name}"

    @property
    def only_order(self) -> bool:
        """Whether nothing differs but the order of a table's columns, which no SQL changes in place."""
        return [change.attribute for change in self.changes] == ["columns"] and self.kind.endswith("table")

    def __str__(self) -> str:
        attributes = ", ".join(change.attribute for change in self.changes)
        return f"{self.what}: {self.key}" + (f" ({attributes})" if attributes else "")


def compare(expected: Catalogue, found: Catalogue, *, column_order: bool = True) -> list[Difference]:
    """Return how ``found`` differs from ``expected``, in the order of keys; nothing where they are alike.

    Without ``column_order`` the order of a table's columns does not matter. Between servers of different
    major versions, what only one of them has (names of not-null constraints) is not compared.
    """
    if expected.major == found.major and expected.fingerprint == found.fingerprint:
        return []
    differences = []
    for key in sorted({*expected.items, *found.items}):
        wanted, actual = expected.items.get(key), found.items.get(key)
        if wanted is None and actual is not None:
            if not _goes_with_parent(actual, found, expected):
                differences.append(Difference("unexpected", actual.kind, actual.name, actual.schema))
        elif actual is None and wanted is not None:
            if not _goes_with_parent(wanted, expected, found):
                differences.append(Difference("missing", wanted.kind, wanted.name, wanted.schema))
        elif wanted is not None and actual is not None and (wanted != actual):
            changes = _changes(wanted, actual, expected, found, column_order=column_order)
            if changes:
                differences.append(
                    Difference("different", wanted.kind, wanted.name, wanted.schema, tuple(changes))
                )
    return differences


def _goes_with_parent(item: Item, here: Catalogue, there: Catalogue) -> bool:
    """Tell whether an item is missing on the other side because what it comes and goes with is."""
    return any(key in here.items and key not in there.items for key in _goes_with(item))


def _goes_with(item: Item) -> list[str]:
    keys = [] if item.parent is None else [item.parent]
    if "partition_of" in item.definition:
        keys.append(f"index {item.definition['partition_of']}")
    if item.kind == "trigger" and item.definition.get("inherited"):
        keys.append(f"table {item.name.rpartition(' on ')[2]}")
    return keys


def _changes(
    wanted: Item, actual: Item, expected: Catalogue, found: Catalogue, *, column_order: bool
) -> list[Change]:
    changes = []
    for attribute in sorted({*wanted.definition, *actual.definition}):
        one, other = wanted.definition.get(attribute), actual.definition.get(attribute)
        if alike(one, other) or (attribute in _OF_ONE_MAJOR and expected.major != found.major):
            continue
        of_table = attribute == "columns" and wanted.kind.endswith("table")
        if of_table and not (column_order and _ordered_otherwise(one or [], other or [])):
            continue
        changes.append(Change(attribute, one, other))
    if wanted.parent != actual.parent and "owned_by" not in {change.attribute for change in changes}:
        changes.append(Change("parent", wanted.parent, actual.parent))
    return changes


def _ordered_otherwise(one: list[str], other: list[str]) -> bool:
    """Tell whether the columns that both sides have stand in another order."""
    both = set(one) & set(other)
    return [name for name in one if name in both] != [name for name in other if name in both]


def as_fields(difference: Difference) -> Mapping[str, Any]:
    """Return a difference as plain JSON values."""
    return {
        "what": difference.what,
        "kind": difference.kind,
        "name": difference.name,
        "schema": difference.schema,
        "attributes": [
            {"attribute": change.attribute, "expected": change.expected, "found": change.found}
            for change in difference.changes
        ],
    }
