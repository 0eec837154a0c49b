"""Takes statements apart into changes: subcommands, columns, constraints, dropped objects, calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from holdfast.migrate.lint.grammar import (
    UNKNOWN,
    Node,
    Parsed,
    alter_type,
    constraint_type,
    names_of,
    nodes_of,
    object_type,
)

# Where a column or constraint stands: in CREATE TABLE, in ADD COLUMN, in ADD CONSTRAINT.
Place = Literal["", "create", "column", "constraint"]
_WITH_CALLS = frozenset(
    {"select_stmt", "insert_stmt", "update_stmt", "delete_stmt", "call_stmt", "merge_stmt"}
)
_MADE_UP = re.compile(rf"(?:public\.)?([\w.$]*{UNKNOWN}[\w.$]*)")
_OF_TABLE = frozenset({"OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE"})


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a statement does.

    ``kind``: the statement's (``create_stmt``), a subcommand's (``AT_AddColumn``), ``column``, a
    constraint's (``CONSTR_CHECK``), ``drop OBJECT_TABLE``, ``rename OBJECT_COLUMN`` or ``call``.
    ``target`` is the table or other relation, as ``schema.name`` (empty where there is none); ``name``
    what the change is about.
    """

    kind: str
    node: Node
    parsed: Parsed
    target: str = ""
    name: str = ""
    place: Place = ""
    column: Node = None


def changes_of(parsed: Parsed, schema: str) -> Iterator[Change]:
    """Yield what a statement does, the statement itself first; ``schema`` is that of unqualified names."""
    target = _target(parsed, schema)
    yield Change(parsed.kind, parsed.node, parsed, target)
    if parsed.kind in _TAKEN_APART:
        yield from _TAKEN_APART[parsed.kind](parsed, target, schema)
    elif parsed.kind in _WITH_CALLS and "(" in parsed.text:
        for call in nodes_of(parsed.node, "func_call"):
            yield Change("call", call, parsed, target, names_of(call.funcname)[-1])


def key_of(relation: Node, schema: str) -> str:
    """Return ``schema.name`` of a relation."""
    return f"{relation.schemaname or schema}.{relation.relname}"


def key_of_names(names: list[str], schema: str) -> str:
    """Return ``schema.name`` of a name in parts."""
    return f"{names[-2] if len(names) > 1 else schema}.{names[-1]}"


def shown(key: str) -> str:
    """Return a relation's key as people write it."""
    return told(key.removeprefix("public."))


def told(text: str) -> str:
    """Return a text about a statement as people are to read it: names that are made up are said to be."""
    return _MADE_UP.sub(_not_known, text) if UNKNOWN in text else text


def _not_known(match: re.Match[str]) -> str:
    known = match[1].replace(UNKNOWN, "*")
    return "a name known only at run time" + ("" if known.strip("*.") == "" else f" ({known})")


def _target(parsed: Parsed, schema: str) -> str:
    node = parsed.node
    if parsed.kind == "create_table_as_stmt":
        return key_of(node.into.rel, schema)
    if parsed.kind == "view_stmt":
        return key_of(node.view, schema)
    if parsed.kind in ("create_policy_stmt", "alter_policy_stmt"):
        return key_of(node.table, schema)
    relation: Node = getattr(node, "relation", None)
    if relation is not None and hasattr(relation, "relname") and relation.relname:
        return key_of(relation, schema)
    return ""


def _created(parsed: Parsed, target: str, _schema: str) -> Iterator[Change]:
    for element in parsed.node.table_elts:
        if element.WhichOneof("node") == "column_def":
            yield from _column(element.column_def, parsed, target, "create")
        elif element.WhichOneof("node") == "constraint":
            yield _constraint(element.constraint, parsed, target, "create")


def _column(column: Node, parsed: Parsed, target: str, place: Place) -> Iterator[Change]:
    yield Change("column", column, parsed, target, column.colname, place, column)
    for each in column.constraints:
        yield _constraint(each.constraint, parsed, target, place, column)


def _constraint(node: Node, parsed: Parsed, target: str, place: Place, column: Node = None) -> Change:
    return Change(constraint_type(node.contype), node, parsed, target, node.conname, place, column)


def _altered(parsed: Parsed, target: str, _schema: str) -> Iterator[Change]:
    for each in parsed.node.cmds:
        command = each.alter_table_cmd
        kind = alter_type(command.subtype)
        name = command.name
        if kind == "AT_AddColumn":
            name = getattr(command, "def").column_def.colname
        yield Change(kind, command, parsed, target, name)
        if kind == "AT_AddColumn":
            yield from _column(getattr(command, "def").column_def, parsed, target, "column")
        elif kind == "AT_AddConstraint":
            yield _constraint(getattr(command, "def").constraint, parsed, target, "constraint")


def _dropped(parsed: Parsed, _target: str, schema: str) -> Iterator[Change]:
    kind = object_type(parsed.node.remove_type)
    for each in parsed.node.objects:
        names = _names_of_object(each)
        if kind in _OF_TABLE:
            yield Change(f"drop {kind}", each, parsed, key_of_names(names[:-1], schema), names[-1])
        elif kind in ("OBJECT_SCHEMA", "OBJECT_EXTENSION"):
            yield Change(f"drop {kind}", each, parsed, "", names[-1])
        else:
            yield Change(f"drop {kind}", each, parsed, key_of_names(names, schema), names[-1])


def _names_of_object(node: Node) -> list[str]:
    kind = node.WhichOneof("node")
    if kind == "list":
        return [_last_name(each) for each in node.list.items]
    if kind == "type_name":
        return names_of(node.type_name.names)
    if kind == "object_with_args":
        return names_of(node.object_with_args.objname)
    return [node.string.sval]


def _last_name(node: Node) -> str:
    if node.WhichOneof("node") == "type_name":
        return names_of(node.type_name.names)[-1]
    return str(node.string.sval)


def _renamed(parsed: Parsed, target: str, _schema: str) -> Iterator[Change]:
    node = parsed.node
    name = node.subname or node.relation.relname
    yield Change(f"rename {object_type(node.rename_type)}", node, parsed, target, name)


_TAKEN_APART = {
    "create_stmt": _created,
    "alter_table_stmt": _altered,
    "drop_stmt": _dropped,
    "rename_stmt": _renamed,
}
