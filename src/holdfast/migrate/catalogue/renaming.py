"""Finds what has only got another name: dropping it and making it anew would lose its rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from holdfast.migrate.catalogue.comparing import Difference, compare
from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.writing import last_part, own_name, parent_of, schema_part

_NOTE = "-- The same under another name, as it seems; where it is not, drop the one and make the other.\n"
_RELATIONS = ("table", "foreign table", "view", "materialized view", "sequence", "index", "type")
_KINDS = (
    "schema",
    "table",
    "index",
    "index",
    "constraint",
)  # a partition's index is alike after its parent's
_BODIES = frozenset({"body", "settings", "text"})
"""Texts that keep the old name when something is renamed."""
_SCHEMAS = frozenset({"schema", "schemas"})


def put_names_back(
    differences: Sequence[Difference], expected: Catalogue, found: Catalogue
) -> tuple[list[str], list[Difference], Catalogue]:
    """Return the statements that rename things back, what differs then, and what is found then.

    What is not among ``differences``, though it differs, stays left out. Something is taken for renamed
    where exactly one that is missing and one that nobody expects are alike in everything but their name.
    """
    chosen = {difference.key for difference in differences}
    left_out = {difference.key for difference in compare(expected, found)} - chosen
    statements: list[str] = []
    for kind in _KINDS:
        for item, other in renamed(kind, expected, found):
            if item.key not in left_out and not _is_taken(item, found):
                statements.append(rename(item, other, expected, found))
                found = _renamed_back(item, other, found)
    if not statements:
        return [], list(differences), found
    return statements, [each for each in compare(expected, found) if each.key not in left_out], found


def find_renames(
    differences: Sequence[Difference], expected: Catalogue, found: Catalogue
) -> tuple[list[str], list[Difference]]:
    """Return what can be renamed only when others are gone, columns as well, and the other differences."""
    keys = {difference.key for difference in differences}
    statements: list[str] = []
    done: set[str] = set()
    for kind in ("table", "column"):
        for item, other in renamed(kind, expected, found):
            if {item.key, other.key} <= keys:
                statements.append(rename(item, other, expected, found))
                done |= {item.key, other.key}
    return statements, [difference for difference in differences if difference.key not in done]


def renamed(kind: str, expected: Catalogue, found: Catalogue) -> list[tuple[Item, Item]]:
    """Return what of a kind is expected and seems to be there under another name, with that."""
    missing = [expected.items[key] for key in _only_in(kind, expected, found)]
    extra = [found.items[key] for key in _only_in(kind, found, expected)] if missing else []
    pairs = []
    for item in missing:
        candidates = _closest(item, [other for other in extra if _alike(item, expected, other, found)])
        if len(candidates) != 1:
            continue
        rivals = [other for other in missing if _alike(other, expected, candidates[0], found)]
        if _closest(candidates[0], rivals) == [item]:
            pairs.append((item, candidates[0]))
    return pairs


def _only_in(kind: str, here: Catalogue, there: Catalogue) -> list[str]:
    return sorted(key for key in here.items.keys() - there.items.keys() if here.items[key].kind == kind)


def _closest(item: Item, others: list[Item]) -> list[Item]:
    """Return those with the same rows, where some are: partitions of a table are all alike."""
    bound = item.definition.get("partition_bound")
    same = [other for other in others if other.definition.get("partition_bound") == bound]
    return same or others


def _is_taken(item: Item, found: Catalogue) -> bool:
    """Tell whether something of another kind has the name that an item is to have again."""
    return item.kind in _RELATIONS and any(f"{kind} {item.name}" in found.items for kind in _RELATIONS)


def _alike(item: Item, expected: Catalogue, other: Item, found: Catalogue) -> bool:
    if item.kind == "schema":
        return _mostly_alike(_inside(item, expected), _inside(other, found))
    if item.kind == "table":
        same = schema_part(item.name) == schema_part(other.name)
        return same and _columns(item, expected) == _columns(other, found)
    if item.parent != other.parent or item.parent is None:
        return False
    if item.kind == "index":
        return dict(item.definition) == {**other.definition, "definition": _index_named(item, other)}
    if item.kind == "constraint":
        return item.definition == other.definition
    return _position(item, expected) == _position(other, found) and _plain(item) == _plain(other)


def _index_named(item: Item, other: Item) -> str:
    """Return the definition of ``other`` with the name of ``item``."""
    old, new = (f" INDEX {last_part(each.name)} ON " for each in (other, item))
    return str(other.definition["definition"]).replace(old, new, 1)


def _inside(schema: Item, catalogue: Catalogue) -> set[str]:
    """Return what stands in a schema, by kind and name without the schema's."""
    start = f"{schema.name}."
    return {
        f"{item.kind} {item.name.replace(start, '')}"
        for item in catalogue
        if item.schema == schema.schema and item.parent is None and start in item.name
    }


def _mostly_alike(one: set[str], other: set[str]) -> bool:
    return 2 * len(one & other) > len(one | other)


def _columns(table: Item, catalogue: Catalogue) -> list[Any]:
    columns = [child for child in catalogue.children.get(table.key, ()) if child.kind == "column"]
    return sorted((own_name(column, catalogue), str(sorted(_plain(column).items()))) for column in columns)


def _position(column: Item, catalogue: Catalogue) -> int:
    names = catalogue.items[column.parent or ""].definition["columns"]
    return int(names.index(own_name(column, catalogue)))


def _plain(column: Item) -> dict[str, Any]:
    return {name: value for name, value in column.definition.items() if name != "not_null_constraint"}


def rename(item: Item, other: Item, expected: Catalogue, found: Catalogue) -> str:
    """Return the statement that gives ``other`` the name of ``item``."""
    if item.kind in ("schema", "table", "index"):
        return f"{_NOTE}ALTER {item.kind.upper()} {other.name} RENAME TO {last_part(item.name)};"
    old, new = own_name(other, found), own_name(item, expected)
    return f"{_NOTE}ALTER TABLE {parent_of(item, expected)} RENAME {item.kind.upper()} {old} TO {new};"


def _renamed_back(item: Item, other: Item, found: Catalogue) -> Catalogue:
    """Return what is found once ``other`` has the name of ``item``, and all that mentions it."""
    if item.kind in ("index", "constraint"):
        items = [item if each.key == other.key else each for each in found]
        return Catalogue.of(found.major, [_with_names_of(item, other, each) for each in items])
    name, end = re.escape(other.name), r"(?![\w$\"])"
    after = rf"(?=\.)|(?<=schema ){name}{end}" if item.kind == "schema" else end
    pattern = re.compile(rf"(?<![\w$.\"]){name}{after}")
    schemas = {other.schema: item.schema} if item.kind == "schema" else {}

    def replaced(value: Any, attribute: str = "") -> Any:
        if attribute in _BODIES:
            return value
        if isinstance(value, str):
            whole = value == other.name and attribute in _SCHEMAS
            return item.name if whole else pattern.sub(lambda _: item.name, value)
        if isinstance(value, list):
            return [replaced(each, attribute) for each in value]
        if isinstance(value, dict):
            return {key: replaced(part, key) for key, part in value.items()}
        return value

    def again_as(each: Item) -> Item:
        return Item(
            each.kind,
            item.name if each.key == other.key else replaced(each.name),
            replaced(dict(each.definition)),
            schemas.get(each.schema, each.schema),
            replaced(each.parent),
        )

    return Catalogue.of(found.major, map(again_as, found))


def _with_names_of(item: Item, other: Item, each: Item) -> Item:
    """Return a comment on what is renamed, or an index that is part of it, as it is found then."""
    if each.definition.get("partition_of") == other.name:
        definition = {**each.definition, "partition_of": item.name}
        return Item(each.kind, each.name, definition, each.schema, each.parent)
    if each.parent != other.key:
        return each
    name = each.name.removesuffix(other.name) + item.name
    return Item(each.kind, name, each.definition, each.schema, item.key)
