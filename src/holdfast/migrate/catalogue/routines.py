# ruff: noqa: ARG001, PERF401  what stands in one table by kind is called alike; lists grow step by step
"""The SQL for functions, types, operators and what goes with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.writing import dollar_quoted, last_part, literal, schema_part, split_first

_LISTS = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)


def create_function(item: Item, catalogue: Catalogue, *, replace: bool = False) -> list[str]:
    """Make a function or procedure; ``replace`` one that is there."""
    definition = item.definition
    name = item.name[: item.name.index("(", _end_of_name(item.name))]
    head = f"CREATE {'OR REPLACE ' if replace else ''}{item.kind.upper()} {name}"
    parts = [f"{head}({definition.get('arguments', '')})"]
    if item.kind == "function":
        parts.append(f"RETURNS {definition['returns']}")
    parts.append(f"LANGUAGE {_identifier(definition['language'])}")
    parts += _properties(definition)
    if "sql_body" in definition:
        parts.append(definition["sql_body"])
    elif "library" in definition:
        parts.append(f"AS {literal(definition['library'])}, {literal(definition['body'])}")
    else:
        parts.append(f"AS {dollar_quoted(definition['body'])}")
    return ["\n".join(parts) + ";"]


def _end_of_name(name: str) -> int:
    quoted = False
    for index, character in enumerate(name):
        if character == '"':
            quoted = not quoted
        elif character == "(" and not quoted:
            return index
    return 0


def _identifier(name: str) -> str:
    return name if name.isidentifier() and name == name.lower() else f'"{name}"'


def _properties(definition: Mapping[str, Any]) -> list[str]:
    words = [word for word in ("window", "strict", "leakproof") if definition.get(word)]
    if definition.get("security_definer"):
        words.append("security definer")
    if "volatility" in definition:
        words.append(definition["volatility"])
    for name in ("parallel", "cost", "rows", "support"):
        if name in definition:
            words.append(f"{name} {definition[name]}")
    return [word.upper() if "support" not in word else word for word in words] + [
        _setting(entry) for entry in definition.get("settings", ())
    ]


def _setting(entry: str) -> str:
    name, _, value = entry.partition("=")
    if name not in _LISTS:
        return f"SET {name} TO {literal(value)}"
    values = [part.strip().strip('"').replace('""', '"') for part in value.split(",")]
    return f"SET {name} TO {', '.join(map(literal, values))}"


def create_aggregate(item: Item, catalogue: Catalogue) -> list[str]:
    """Make an aggregate function."""
    definition = item.definition
    name = item.name[: _end_of_name(item.name)]
    parts = [f"SFUNC = {definition['sfunc']}", f"STYPE = {definition['stype']}"]
    for word in ("sspace", "finalfunc", "combinefunc", "serialfunc", "deserialfunc"):
        if word in definition:
            parts.append(f"{word.upper()} = {definition[word]}")
    parts += _moving(definition)
    for word in ("initcond", "minitcond"):
        if word in definition:
            parts.append(f"{word.upper()} = {literal(definition[word])}")
    parts += [word.upper() for word in ("finalfunc_extra", "mfinalfunc_extra") if definition.get(word)]
    if "sortop" in definition:
        operator = definition["sortop"].partition("(")[0]
        parts.append(f"SORTOP = OPERATOR({operator if '.' in operator else 'pg_catalog.' + operator})")
    if "parallel" in definition:
        parts.append(f"PARALLEL = {definition['parallel'].upper()}")
    if definition.get("hypothetical"):
        parts.append("HYPOTHETICAL")
    return [f"CREATE AGGREGATE {name}({definition['arguments'] or '*'}) (\n    {', '.join(parts)}\n);"]


def _moving(definition: Mapping[str, Any]) -> list[str]:
    modes = {"r": "READ_ONLY", "s": "SHAREABLE", "w": "READ_WRITE"}
    usual = "w" if "direct_arguments" in definition else "r"
    parts = []
    if definition["finalfunc_modify"] != usual:
        parts.append(f"FINALFUNC_MODIFY = {modes[definition['finalfunc_modify']]}")
    for word in ("msfunc", "minvfunc", "mstype", "msspace", "mfinalfunc"):
        if word in definition:
            parts.append(f"{word.upper()} = {definition[word]}")
    if "mfinalfunc" in definition and definition["mfinalfunc_modify"] != usual:
        parts.append(f"MFINALFUNC_MODIFY = {modes[definition['mfinalfunc_modify']]}")
    return parts


def create_type(item: Item, catalogue: Catalogue) -> list[str]:
    """Make an enum, domain, composite or range type."""
    return _TYPES[item.definition["form"]](item)


def _enum(item: Item) -> list[str]:
    labels = ", ".join(literal(label) for label in item.definition.get("labels", ()))
    return [f"CREATE TYPE {item.name} AS ENUM ({labels});"]


def _domain(item: Item) -> list[str]:
    definition = item.definition
    parts = [f"CREATE DOMAIN {item.name} AS {definition['base']}"]
    if "collation" in definition:
        parts.append(f"COLLATE {definition['collation']}")
    if "default" in definition:
        parts.append(f"DEFAULT {definition['default']}")
    if definition.get("not_null"):
        parts.append("NOT NULL")
    return [" ".join(parts) + ";"]


def _composite(item: Item) -> list[str]:
    return [f"CREATE TYPE {item.name} AS ({', '.join(item.definition.get('attributes', ()))});"]


def _range(item: Item) -> list[str]:
    definition = item.definition
    words = {
        "subtype": "SUBTYPE",
        "subtype_operator_class": "SUBTYPE_OPCLASS",
        "range_collation": "COLLATION",
        "canonical": "CANONICAL",
        "subtype_diff": "SUBTYPE_DIFF",
        "multirange": "MULTIRANGE_TYPE_NAME",
    }
    parts = [f"{word} = {definition[name]}" for name, word in words.items() if name in definition]
    return [f"CREATE TYPE {item.name} AS RANGE ({', '.join(parts)});"]


def _base(item: Item) -> list[str]:
    return [f"-- {item.name} is a base type, which only a person can make: its functions are in C."]


_TYPES: Mapping[str, Callable[[Item], list[str]]] = {
    "enum": _enum,
    "domain": _domain,
    "composite": _composite,
    "range": _range,
    "base": _base,
}


def alter_type(item: Item, was: Item, attributes: set[str], found: Catalogue) -> list[str] | None:
    """Return the statements from a type as it was found to ``item``; None where it must be made again."""
    if item.definition["form"] == "enum" and attributes == {"labels"}:
        return _alter_enum(item, was, found)
    if item.definition["form"] == "domain" and attributes <= {"not_null", "default"}:
        return _alter_domain(item, attributes)
    if item.definition["form"] == "composite" and attributes == {"attributes"}:
        return _alter_composite(item, was)
    return None


def _alter_enum(item: Item, was: Item, found: Catalogue) -> list[str]:
    wanted, actual = item.definition.get("labels", []), was.definition.get("labels", [])
    if len(wanted) == len(actual):
        pairs = [(old, new) for old, new in zip(actual, wanted, strict=True) if old != new]
        if not any(old in wanted or new in actual for old, new in pairs):
            return [f"ALTER TYPE {item.name} RENAME VALUE {literal(o)} TO {literal(n)};" for o, n in pairs]
    if [label for label in wanted if label in actual] != actual:
        return _enum_anew(item, found)
    statements = []
    for index, label in enumerate(wanted):
        if label in actual:
            continue
        place = (
            f" AFTER {literal(wanted[index - 1])}"
            if index
            else f" BEFORE {literal(actual[0])}"
            if actual
            else ""
        )
        statements.append(f"ALTER TYPE {item.name} ADD VALUE {literal(label)}{place};")
    return statements


def is_of_type(column: Item, item: Item) -> bool:
    """Tell whether a column has a type, or is an array of it."""
    return column.kind == "column" and column.definition["type"] in (item.name, f"{item.name}[]")


def _enum_anew(item: Item, found: Catalogue) -> list[str]:
    """Put another type in the place of an enum: labels are neither removed nor moved in place."""
    schema, name = schema_part(item.name), last_part(item.name)
    old = f'"{name.strip(chr(34))} before"'
    statements = [
        f"-- A label of {item.name} that goes must not be in use: the conversion fails where it is.",
        f"ALTER TYPE {item.name} RENAME TO {old};",
        *_enum(item),
    ]
    for column in found:
        if not is_of_type(column, item) or column.definition.get("inherited"):
            continue
        kind, text = (
            column.definition["type"],
            "text[]" if column.definition["type"].endswith("[]") else "text",
        )
        table, own = schema_part(column.name), last_part(column.name)
        head = f"ALTER TABLE {table} ALTER COLUMN {own}"
        default = column.definition.get("default")
        statements += [f"{head} DROP DEFAULT;"] if default else []
        statements.append(f"{head} TYPE {kind} USING {own}::{text}::{kind};")
        statements += [f"{head} SET DEFAULT {default};"] if default else []
    return [*statements, f"DROP TYPE {schema}.{old};"]


def _alter_domain(item: Item, attributes: set[str]) -> list[str]:
    statements = []
    if "not_null" in attributes:
        how = "SET" if item.definition.get("not_null") else "DROP"
        statements.append(f"ALTER DOMAIN {item.name} {how} NOT NULL;")
    if "default" in attributes:
        default = item.definition.get("default")
        how = f"SET DEFAULT {default}" if default is not None else "DROP DEFAULT"
        statements.append(f"ALTER DOMAIN {item.name} {how};")
    return statements


def _alter_composite(item: Item, was: Item) -> list[str] | None:
    wanted = dict(map(split_first, item.definition.get("attributes", [])))
    actual = dict(map(split_first, was.definition.get("attributes", [])))
    kept = [name for name in actual if name in wanted]
    if [*kept, *(name for name in wanted if name not in actual)] != list(wanted):
        return None
    statements = [f"ALTER TYPE {item.name} DROP ATTRIBUTE {name};" for name in actual if name not in wanted]
    for name, kind in wanted.items():
        if name not in actual:
            statements.append(f"ALTER TYPE {item.name} ADD ATTRIBUTE {name} {kind};")
        elif actual[name] != kind:
            statements.append(f"ALTER TYPE {item.name} ALTER ATTRIBUTE {name} TYPE {kind};")
    return statements


def create_collation(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a collation."""
    definition = item.definition
    parts = [f"provider = {definition['provider']}"]
    for name in ("locale", "lc_collate", "lc_ctype", "rules"):
        if name in definition:
            parts.append(f"{name} = {literal(definition[name])}")
    if definition.get("nondeterministic"):
        parts.append("deterministic = false")
    return [f"CREATE COLLATION {item.name} ({', '.join(parts)});"]


def create_operator(item: Item, catalogue: Catalogue) -> list[str]:
    """Make an operator."""
    definition = item.definition
    parts = [f"FUNCTION = {definition['function']}"]
    words = {"left": "LEFTARG", "right": "RIGHTARG", "restrict": "RESTRICT", "join": "JOIN"}
    parts += [f"{word} = {definition[name]}" for name, word in words.items() if name in definition]
    for name in ("commutator", "negator"):
        if name in definition:
            parts.append(f"{name.upper()} = OPERATOR({definition[name]})")
    parts += [name.upper() for name in ("hashes", "merges") if definition.get(name)]
    return [f"CREATE OPERATOR {item.name.partition('(')[0]} ({', '.join(parts)});"]


def create_operator_class(item: Item, catalogue: Catalogue) -> list[str]:
    """Make an operator class; a family of its own name comes with it."""
    definition = item.definition
    name, _, method = item.name.partition(" USING ")
    default = " DEFAULT" if definition.get("default") else ""
    family = "" if definition["family"] == name else f" FAMILY {definition['family']}"
    parts = [f"OPERATOR {entry}" for entry in definition.get("operators", ())]
    parts += [f"FUNCTION {entry}" for entry in definition.get("functions", ())]
    if "storage" in definition:
        parts.append(f"STORAGE {definition['storage']}")
    return [
        f"CREATE OPERATOR CLASS {name}{default} FOR TYPE {definition['type']} USING {method}{family} AS\n    "
        + ",\n    ".join(parts)
        + ";"
    ]


def create_cast(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a cast."""
    definition = item.definition
    how = {
        "function": f"WITH FUNCTION {definition.get('function')}",
        "inout": "WITH INOUT",
        "binary": "WITHOUT FUNCTION",
    }[definition["method"]]
    context = f" AS {definition['context'].upper()}" if "context" in definition else ""
    return [f"CREATE CAST {item.name} {how}{context};"]


def create_text_search_configuration(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a text search configuration with its mappings."""
    what = f"TEXT SEARCH CONFIGURATION {item.name}"
    statements = [f"CREATE {what} (PARSER = {item.definition['parser']});"]
    for token, dictionaries in sorted(item.definition.get("mappings", {}).items()):
        statements.append(f"ALTER {what} ADD MAPPING FOR {token} WITH {', '.join(dictionaries)};")
    return statements


def create_text_search_dictionary(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a text search dictionary."""
    options = f", {item.definition['options']}" if "options" in item.definition else ""
    template = item.definition["template"]
    return [f"CREATE TEXT SEARCH DICTIONARY {item.name} (TEMPLATE = {template}{options});"]


def create_language(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a procedural language."""
    trusted = "TRUSTED " if item.definition.get("trusted") else ""
    handler = item.definition["handler"].partition("(")[0]
    return [f"CREATE {trusted}LANGUAGE {item.name} HANDLER {handler};"]


def create_conversion(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a conversion between encodings."""
    definition = item.definition
    default = "DEFAULT " if definition.get("default") else ""
    return [
        f"CREATE {default}CONVERSION {item.name} FOR {literal(definition['from'])} "
        f"TO {literal(definition['to'])} FROM {definition['function']};"
    ]
