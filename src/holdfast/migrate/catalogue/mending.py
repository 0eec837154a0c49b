"""The SQL that takes a database from what was found to what is expected, in an order that works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.migrate.catalogue.altering import alter, drop, recreate
from holdfast.migrate.catalogue.comparing import Difference
from holdfast.migrate.catalogue.creating import create_whole
from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.renaming import find_renames

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
    return list(_step(difference, expected, found).statements)


def mend_all(differences: Sequence[Difference], expected: Catalogue, found: Catalogue) -> list[str]:
    """Return the SQL that takes all differences away: drops of what stands on others, changes, drops."""
    renames, others = find_renames(differences, expected, found)
    steps = [_step(difference, expected, found) for difference in _without_recreated(others, expected, found)]
    steps += [_Step(0, -1, statement, statement, (statement,), "") for statement in renames]
    ordered = [
        *_in_order([step for step in steps if step.phase == 0], drops=True),
        *_in_order([step for step in steps if step.phase == 1], drops=False),
        *_in_order([step for step in steps if step.phase == 2], drops=True),
    ]
    statements = [statement for step in ordered for statement in step.statements]
    routines = any(statement.startswith(_ROUTINES) for statement in statements)
    return [_BODIES_LATER, *statements] if routines else statements


def _step(difference: Difference, expected: Catalogue, found: Catalogue) -> _Step:
    wanted, actual = expected.items.get(difference.key), found.items.get(difference.key)
    if wanted is not None and actual is not None:
        attributes = {change.attribute for change in difference.changes}
        statements = alter(wanted, actual, attributes, expected, found)
        if statements is None:
            statements = _with_dependents(wanted, actual, expected, found)
        return _make_step(1, wanted, statements)
    if wanted is not None:
        return _make_step(1, wanted, create_whole(wanted, expected, found))
    if actual is not None:
        releases = actual.kind in _RELEASING or _name_is_needed(actual, expected, found)
        return _make_step(0 if releases else 2, actual, drop(actual, found), _text_of(actual))
    raise ValueError(f"neither side has {difference.key}")


def _make_step(phase: int, item: Item, statements: list[str], needs: str = "") -> _Step:
    return _Step(
        phase,
        _RANKS.get(item.kind, len(_ORDER)),
        item.key,
        _mentioned_as(item),
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


def _with_dependents(wanted: Item, actual: Item, expected: Catalogue, found: Catalogue) -> list[str]:
    """Make an item again, and around it the views that are built on it."""
    views = _views_on(actual, found) if actual.kind in ("view", "materialized view", "function") else []
    statements = [statement for view in reversed(views) for statement in drop(view, found)]
    statements += recreate(wanted, actual, expected, found)
    for view in views:
        again = expected.items.get(view.key)
        statements += create_whole(again, expected, found) if again else []
    return statements


def _views_on(item: Item, found: Catalogue) -> list[Item]:
    """Return the views that mention an item, directly or through others, each after those it mentions."""
    done: list[Item] = []
    names = [_mentioned_as(item)]
    remaining = [view for view in found if view.kind in ("view", "materialized view") and view != item]
    while names:
        name = names.pop(0)
        for view in [view for view in remaining if _mentions(_text_of(view), name)]:
            remaining.remove(view)
            done.append(view)
            names.append(_mentioned_as(view))
    return done


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


def _text_of(item: Item) -> str:
    definition = item.definition
    if item.kind in ("function", "procedure"):
        return " ".join(str(definition.get(part, "")) for part in ("arguments", "returns", "sql_body"))
    return str(definition)


def _mentioned_as(item: Item) -> str:
    """Return the text by which others mention an item: a function's with its parenthesis."""
    if item.kind in ("function", "procedure", "aggregate", "operator"):
        return item.name.partition("(")[0] + "("
    return item.name


def _mentions(text: str, name: str) -> bool:
    """Tell whether a name stands in a text, not as the beginning of a longer one."""
    start = text.find(name)
    while start >= 0:
        after = text[start + len(name) : start + len(name) + 1]
        if name.endswith("(") or not (after.isalnum() or after in {"_", "$"}):
            return True
        start = text.find(name, start + 1)
    return False


def _in_order(steps: list[_Step], *, drops: bool) -> list[_Step]:
    """Put steps in order by kind, and each after those that make what it mentions (drops: the other way)."""
    remaining = sorted(steps, key=lambda step: (step.rank, step.key))
    if len(remaining) < 2:
        return remaining
    needs = {
        step.key: {
            other.key for other in remaining if other.key != step.key and _mentions(step.needs, other.name)
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
