"""How names, options and texts of the catalogue are written in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.migrate.catalogue.model import Catalogue, Item


def literal(text: object) -> str:
    """Return a text as a literal of SQL, whatever standard_conforming_strings says."""
    quoted = str(text).replace("'", "''")
    if "\\" in quoted:
        return "E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"


def dollar_quoted(text: str) -> str:
    """Return a function's body between dollar signs that it does not hold."""
    tag = ""
    number = 0
    while f"${tag}$" in text or text.endswith(f"${tag}"):
        number += 1
        tag = f"body{number}"
    return f"${tag}${text}${tag}$"


def identifier(name: str) -> str:
    """Return an option's name, quoted where it must be."""
    plain = name.replace("_", "a").replace(".", "a")
    return (
        name
        if plain.isalnum() and name == name.lower() and not name[0].isdigit()
        else quoted_identifier(name)
    )


def quoted_identifier(name: str) -> str:
    """Return a name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def last_part(name: str) -> str:
    """Return the part of a qualified, quoted name after its last dot outside of quotes."""
    quoted = False
    for index in range(len(name) - 1, -1, -1):
        if name[index] == '"':
            quoted = not quoted
        elif name[index] == "." and not quoted:
            return name[index + 1 :]
    return name


def schema_part(name: str) -> str:
    """Return the part of a qualified, quoted name before its last dot outside of quotes."""
    return name[: -len(last_part(name)) - 1]


def split_first(text: str) -> tuple[str, str]:
    """Split ``name type`` after the name, which may be quoted."""
    end = text.index(" ")
    if text.startswith('"'):
        end = 1
        while text[end] != '"' or text[end : end + 2] == '""':
            end += 2 if text[end : end + 2] == '""' else 1
        end += 1
    return text[:end], text[end + 1 :]


def parent_of(item: Item, catalogue: Catalogue) -> str:
    """Return the name of the item that this one goes with."""
    parent = catalogue.items.get(item.parent or "")
    if parent is not None:
        return parent.name
    return (item.parent or "").partition(" ")[2]


def own_name(item: Item, catalogue: Catalogue) -> str:
    """Return the name within its parent: a column's, or that of what stands ``on`` a table."""
    if item.kind == "column":
        return item.name[len(parent_of(item, catalogue)) + 1 :]
    if " on " in item.name:
        return item.name[: -len(on_what(item, catalogue)) - len(" on ")]
    return item.name


def on_what(item: Item, catalogue: Catalogue) -> str:
    """Return the table, view or domain that a constraint, trigger, policy or rule is on."""
    parent = catalogue.items.get(item.parent or "")
    if parent is not None and item.name.endswith(f" on {parent.name}"):
        return parent.name
    return item.name.rpartition(" on ")[2]  # a partition's trigger goes with the trigger of its parent


def options_list(options: Mapping[str, Any]) -> str:
    """Return storage parameters as ``name = 'value', ...``."""
    return ", ".join(f"{identifier(name)} = {literal(value)}" for name, value in sorted(options.items()))


def with_options(options: Mapping[str, Any] | None) -> str:
    """Return `` WITH (...)``, or nothing where there are none."""
    return f" WITH ({options_list(options)})" if options else ""


def changed_options(
    prefix: str, expected: Mapping[str, Any] | None, found: Mapping[str, Any] | None
) -> list[str]:
    """Return the statements that set and reset storage parameters."""
    expected, found = expected or {}, found or {}
    gone = sorted(found.keys() - expected.keys())
    new = {name: value for name, value in expected.items() if found.get(name) != value}
    statements = []
    if gone:
        statements.append(f"{prefix} RESET ({', '.join(map(identifier, gone))});")
    if new:
        statements.append(f"{prefix} SET ({options_list(new)});")
    return statements


def foreign_options(options: Mapping[str, Any] | None) -> str:
    """Return `` OPTIONS (name 'value', ...)`` for what is foreign, or nothing where there are none."""
    if not options:
        return ""
    return f" OPTIONS ({', '.join(f'{identifier(n)} {literal(v)}' for n, v in sorted(options.items()))})"


def changed_foreign_options(
    prefix: str, expected: Mapping[str, Any] | None, found: Mapping[str, Any] | None
) -> list[str]:
    """Return the statement that adds, sets and drops options of what is foreign."""
    expected, found = expected or {}, found or {}
    parts = [f"DROP {identifier(name)}" for name in sorted(found.keys() - expected.keys())]
    for name, value in sorted(expected.items()):
        if name not in found:
            parts.append(f"ADD {identifier(name)} {literal(value)}")
        elif found[name] != value:
            parts.append(f"SET {identifier(name)} {literal(value)}")
    return [f"{prefix} OPTIONS ({', '.join(parts)});"] if parts else []
