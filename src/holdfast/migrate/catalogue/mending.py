"""The SQL that takes a database from what was found to what is expected, in an order that works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.migrate.catalogue.altering import alter, drop, is_made_anew, recreate
from holdfast.migrate.catalogue.comparing import Difference
from holdfast.migrate.catalogue.creating import create_whole, is_foreign_key
from holdfast.migrate.catalogue.depending import dependents, mentioned_as, mentions, text_of
from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.renaming import find_renames, put_names_back, rename, renamed

_COMPUTED = "generated column"
_RENAMED = ("schema", "table", "column", "index", "constraint")
_ORDER = (
    "extension",
    "schema",
    "language",
    "foreign-data wrapper",
    "server",
    "collation",
    "conversion",
    "type",
    "domain constraint",
    "sequence",
    "function",
    "procedure",
    "aggregate",
    "cast",
    "operator",
    "operator class",
    "text search dictionary",
    "text search configuration",
    "table",
    "foreign table",
    "column",
    _COMPUTED,
    "constraint",
    "index",
    "statistics",
    "view",
    "materialized view",
    "rule",
    "trigger",
    "policy",
    "publication",
    "event trigger",
    "grants",
    "default privileges",
    "comment",
)
_RANKS = {kind: rank for rank, kind in enumerate(_ORDER)}
_RELEASING = frozenset(_ORDER[_ORDER.index("constraint") :])
"""Kinds that are dropped before anything else: what they stand on may have to change."""

_REWRITING = {"type", "collation", "generated", "generated_kind"}
_ROUTINES = ("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
_BODIES_LATER = "SET check_function_bodies = off;"


@dataclass(frozen=True, slots=True)
class _Step:
    """What mends one difference: its place among all, and the names by which others need it."""

    phase: int
    rank: int
    key: str
    name: str
    statements: tuple[str, ...]
    needs: str


def mend(difference: Difference, expected: Catalogue, found: Catalogue) -> list[str]:
    """Return the SQL that takes one difference away, as far as the others do not stand in its way.

    Where only a person can, it is a comment that says why and what to do.
    """
    return _renaming(difference, expected, found) or list(_step(difference, expected, found).statements)


def _renaming(difference: Difference, expected: Catalogue, found: Catalogue) -> list[str]:
    """Return what there is to do where something, or the schema that it stands in, has another name."""
    if difference.what == "different":
        return []
    for kind in dict.fromkeys(("schema", difference.kind)):
        if kind not in _RENAMED:
            continue
        for item, other in renamed(kind, expected, found):
            if item.key == difference.key:
                return [rename(item, other, expected, found)]
            if other.key == difference.key:
                return [f"-- It is {item.key} under another name, as it seems: see there."]
            if kind == "schema" and difference.schema in (item.schema, other.schema):
                return [f"-- It comes and goes with the name of {item.key}, as it seems: see there."]
    return []


def mend_all(differences: Sequence[Difference], expected: Catalogue, found: Catalogue) -> list[str]:
    """Return the SQL that takes all differences away: drops of what stands on others, changes, drops."""
    first, differences, found = put_names_back(differences, expected, found)
    renames, others = find_renames(differences, expected, found)
    steps: list[_Step] = []
    for difference in _without_recreated(others, expected, found):
        steps += _steps(difference, expected, found)
    steps += [_Step(0, -1, statement, statement, (statement,), "") for statement in renames]
    ordered = [
        *_in_order([step for step in steps if step.phase == 0], drops=True),
        *_in_order([step for step in steps if step.phase == 1], drops=False),
        *_in_order([step for step in steps if step.phase == 2], drops=True),
    ]
    statements = [*first, *(statement for step in ordered for statement in step.statements)]
    routines = any(statement.startswith(_ROUTINES) for statement in statements)
    return [_BODIES_LATER, *statements] if routines else statements


def _steps(difference: Difference, expected: Catalogue, found: Catalogue) -> list[_Step]:
    """Return what mends a difference among others: a table's foreign keys come later, and go first."""
    if difference.kind != "table" or difference.what == "different":
        return [_step(difference, expected, found)]
    if difference.what == "missing":
        table = expected.items[difference.key]
        whole = create_whole(table, expected, found, keys_later=True)
        keys = [child for child in expected.descendants(table) if is_foreign_key(child)]
        return [
            _make_step(1, table, whole),
            *(_make_step(1, key, create_whole(key, expected, found)) for key in keys),
        ]
    table = found.items[difference.key]
    keys = [child for child in found.descendants(table) if is_foreign_key(child)]
    return [_step(difference, expected, found), *(_make_step(0, key, drop(key, found)) for key in keys)]


def _step(difference: Difference, expected: Catalogue, found: Catalogue) -> _Step:
    wanted, actual = expected.items.get(difference.key), found.items.get(difference.key)
    if wanted is not None and actual is not None:
        attributes = {change.attribute for change in difference.changes}
        statements = alter(wanted, actual, attributes, expected, found)
        if statements is None:
            statements = recreate(wanted, actual, expected, found)
            statements = _around(statements, dependents(actual, expected, found), expected, found)
        elif (wanted.kind == "column" and attributes & _REWRITING) or is_made_anew(wanted, statements):
            statements = _around(statements, dependents(actual, expected, found), expected, found)
        return _make_step(1, wanted, statements)
    if wanted is not None:
        return _make_step(1, wanted, create_whole(wanted, expected, found))
    if actual is not None:
        releases = actual.kind in _RELEASING or _name_is_needed(actual, expected, found)
        return _make_step(0 if releases else 2, actual, drop(actual, found), text_of(actual))
    raise ValueError(f"neither side has {difference.key}")


def _make_step(phase: int, item: Item, statements: list[str], needs: str = "") -> _Step:
    computed = item.kind == "column" and "generated" in item.definition
    return _Step(
        phase,
        _RANKS.get(_COMPUTED if computed else item.kind, len(_ORDER)),
        item.key,
        mentioned_as(item),
        tuple(statements),
        needs or "\n".join(statements),
    )


def _name_is_needed(item: Item, expected: Catalogue, found: Catalogue) -> bool:
    """Tell whether something of another kind is to take an item's name."""
    if item.kind == "column":
        named = item.definition.get("not_null_constraint")
        return named is not None and any(
            other.parent == item.parent
            and other.key not in found.items
            and other.definition.get("not_null_constraint") == named
            for other in expected
            if other.kind == "column"
        )
    return any(
        f"{kind} {item.name}" in expected.items and f"{kind} {item.name}" not in found.items
        for kind in _ORDER
    )


def _around(
    statements: list[str], others: Sequence[Item], expected: Catalogue, found: Catalogue
) -> list[str]:
    """Return the statements with others that stand in their way dropped before and made again after."""
    before = [statement for other in reversed(others) for statement in drop(other, found)]
    after = [
        statement
        for other in others
        for statement in create_whole(expected.items[other.key], expected, found)
    ]
    return [*before, *statements, *after]


def _without_recreated(
    differences: Sequence[Difference], expected: Catalogue, found: Catalogue
) -> list[Difference]:
    """Leave out what is mended with the item that it goes with."""
    again = {difference.key for difference in differences if _is_recreated(difference, expected, found)}
    attached = {
        difference.key
        for difference in differences
        if {"inherits", "partition_bound"} & {change.attribute for change in difference.changes}
    }
    kept = []
    for difference in differences:
        item = expected.items.get(difference.key) or found.items[difference.key]
        table = f"table {item.name.rpartition(' on ')[2]}" if item.kind == "trigger" else item.parent
        if item.parent in again or (table in attached and _follows_attaching(difference, item)):
            continue
        kept.append(difference)
    return kept


def _is_recreated(difference: Difference, expected: Catalogue, found: Catalogue) -> bool:
    if difference.what != "different":
        return False
    attributes = {change.attribute for change in difference.changes}
    wanted, actual = expected.items[difference.key], found.items[difference.key]
    return alter(wanted, actual, attributes, expected, found) is None


def _follows_attaching(difference: Difference, item: Item) -> bool:
    """Tell whether a difference of a partition goes away when it is attached."""
    if difference.what == "missing":
        return bool(item.definition.get("inherited"))
    if difference.what == "unexpected":
        return difference.kind in ("constraint", "index", "trigger")
    return {change.attribute for change in difference.changes} <= {"inherited", "partition_of"}


def _in_order(steps: list[_Step], *, drops: bool) -> list[_Step]:
    """Put steps in order by kind, and each after those that make what it mentions (drops: the other way)."""
    remaining = sorted(steps, key=lambda step: (step.rank, step.key))
    if len(remaining) < 2:
        return remaining
    needs = {
        step.key: {
            other.key for other in remaining if other.key != step.key and mentions(step.needs, other.name)
        }
        for step in remaining
    }
    done: list[_Step] = []
    while remaining:
        waiting = {step.key for step in remaining}
        ready = next((step for step in remaining if not needs[step.key] & waiting), remaining[0])
        remaining.remove(ready)
        done.append(ready)
    return done[::-1] if drops else done
