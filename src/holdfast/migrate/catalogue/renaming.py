"""Finds what has only got another name: dropping it and making it anew would lose its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.migrate.catalogue.comparing import Difference
from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.writing import last_part, own_name, parent_of, schema_part

_NOTE = "-- The same under another name, as it seems; where it is not, drop the one and make the other.\n"


def find_renames(
    differences: Sequence[Difference], expected: Catalogue, found: Catalogue
) -> tuple[list[str], list[Difference]]:
    """Return the statements that rename tables and columns back, and the other differences.

    A table or column is taken for renamed where exactly one that is missing and one that nobody
    expects are alike in everything but their name.
    """
    statements: list[str] = []
    done: set[str] = set()
    for kind in ("table", "column"):
        missing = [expected.items[d.key] for d in differences if d.what == "missing" and d.kind == kind]
        extra = [found.items[d.key] for d in differences if d.what == "unexpected" and d.kind == kind]
        for item in missing:
            candidates = [other for other in extra if _alike(item, expected, other, found)]
            rivals = [
                other for other in missing if candidates and _alike(other, expected, candidates[0], found)
            ]
            if len(candidates) == 1 and len(rivals) == 1:
                statements.append(_rename(item, candidates[0], expected, found))
                done |= {item.key, candidates[0].key}
    return statements, [difference for difference in differences if difference.key not in done]


def _alike(item: Item, expected: Catalogue, other: Item, found: Catalogue) -> bool:
    if item.kind == "table":
        same = schema_part(item.name) == schema_part(other.name)
        return same and _columns(item, expected) == _columns(other, found)
    same = item.parent == other.parent and _position(item, expected) == _position(other, found)
    return same and _plain(item) == _plain(other)


def _columns(table: Item, catalogue: Catalogue) -> list[Any]:
    columns = [child for child in catalogue.children.get(table.key, ()) if child.kind == "column"]
    return sorted((own_name(column, catalogue), str(sorted(_plain(column).items()))) for column in columns)


def _position(column: Item, catalogue: Catalogue) -> int:
    names = catalogue.items[column.parent or ""].definition["columns"]
    return int(names.index(own_name(column, catalogue)))


def _plain(column: Item) -> dict[str, Any]:
    return {name: value for name, value in column.definition.items() if name != "not_null_constraint"}


def _rename(item: Item, other: Item, expected: Catalogue, found: Catalogue) -> str:
    if item.kind == "table":
        return f"{_NOTE}ALTER TABLE {other.name} RENAME TO {last_part(item.name)};"
    old, new = own_name(other, found), own_name(item, expected)
    return f"{_NOTE}ALTER TABLE {parent_of(item, expected)} RENAME COLUMN {old} TO {new};"
