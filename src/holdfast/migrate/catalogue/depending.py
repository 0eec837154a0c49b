"""What stands on what, by the names that definitions mention."""

from __future__ import annotations

from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.routines import is_of_type
from holdfast.migrate.catalogue.writing import own_name, parent_of

_VIEWS = ("view", "materialized view")
_CALLED = ("function", "procedure")
_WITH_TYPES = (*_CALLED, "constraint", "index", "rule", "trigger", "policy")
_ON_COLUMNS = ("constraint", "rule", "trigger", "policy")


def dependents(item: Item, expected: Catalogue, found: Catalogue) -> list[Item]:
    """Return what stands in the way of changing an item, each after those that it mentions.

    Those are the views on a view, function or table (of a column), and the triggers and policies that
    mention a column; only what both sides have.
    """
    if item.kind == "column":
        name, table = own_name(item, found), parent_of(item, found)
        others = [
            other
            for other in found.children.get(item.parent or "", ())
            if other.kind in ("trigger", "policy") and mentions(text_of(other), name)
        ]
        return [*others_of(others, expected), *others_of(_views_on(table, found), expected)]
    if item.kind == "type":
        return others_of(_on_type(item, found), expected)
    if item.kind in (*_VIEWS, "function"):
        return others_of([view for view in _views_on(mentioned_as(item), found) if view != item], expected)
    return []


def _on_type(item: Item, found: Catalogue) -> list[Item]:
    """Return what hinders columns of a type from getting another: what mentions the type or a column."""
    on_type = [each for each in found if each.kind in _WITH_TYPES and mentions(text_of(each), item.name)]
    names = [item.name, *(mentioned_as(each) for each in on_type if each.kind in _CALLED)]
    for column in (each for each in found if is_of_type(each, item)):
        names.append(parent_of(column, found))
        on_type += [each for each in found if _is_on_column(each, column, found)]
    on_type.sort(key=lambda each: (_WITH_TYPES.index(each.kind), each.key))
    views = [view for name in names for view in _views_on(name, found)]
    return list({each.key: each for each in [*on_type, *views]}.values())


def _is_on_column(item: Item, column: Item, found: Catalogue) -> bool:
    """Tell whether a policy, trigger, rule or foreign key mentions a column whose type is to change."""
    if item.kind not in _ON_COLUMNS or not mentions(text_of(item), own_name(column, found)):
        return False
    is_key = str(item.definition.get("definition")).startswith("FOREIGN KEY")
    if item.parent == column.parent:
        return is_key or item.kind != "constraint"
    return is_key and mentions(text_of(item), parent_of(column, found))


def others_of(items: list[Item], expected: Catalogue) -> list[Item]:
    """Return those that both sides have; the others are differences of their own."""
    return [item for item in items if item.key in expected.items]


def _views_on(name: str, found: Catalogue) -> list[Item]:
    """Return the views that mention a name, directly or through others, each after those it mentions."""
    reached: dict[str, Item] = {}
    names = [name]
    while names:
        current = names.pop()
        for view in found:
            if view.kind in _VIEWS and view.key not in reached and mentions(text_of(view), current):
                reached[view.key] = view
                names.append(view.name)
    done: list[Item] = []
    while reached:
        ready = next(
            (
                view
                for view in reached.values()
                if not any(mentions(text_of(view), other.name) for other in reached.values() if other != view)
            ),
            next(iter(reached.values())),
        )
        done.append(reached.pop(ready.key))
    return done


def text_of(item: Item) -> str:
    """Return the text in which an item mentions others; a body in a string is only read when it runs."""
    definition = item.definition
    if item.kind in ("function", "procedure"):
        return " ".join(str(definition.get(part, "")) for part in ("arguments", "returns", "sql_body"))
    return str(definition)


def mentioned_as(item: Item) -> str:
    """Return the text by which others mention an item: a function's with its parenthesis."""
    if item.kind in ("function", "procedure", "aggregate", "operator"):
        return item.name.partition("(")[0] + "("
    return item.name


def mentions(text: str, name: str) -> bool:
    """Tell whether a name stands in a text, not as the beginning of a longer one."""
    start = text.find(name)
    while start >= 0:
        after = text[start + len(name) : start + len(name) + 1]
        if name.endswith("(") or not (after.isalnum() or after in {"_", "$"}):
            return True
        start = text.find(name, start + 1)
    return False
