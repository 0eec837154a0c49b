# ruff: noqa: ARG001, ARG005, PERF401  what stands in one table by kind is called alike; lists grow step by step
"""The SQL that drops an item, or takes it from one definition to another."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from holdfast.migrate.catalogue.columns import alter_column
from holdfast.migrate.catalogue.creating import (
    alter_event_trigger,
    create,
    create_view,
    create_whole,
    publication_options,
    publication_targets,
    set_enabled,
    settings_of_index,
)
from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.rights import change_default_privileges, change_grants, comment_on
from holdfast.migrate.catalogue.routines import alter_type, create_function
from holdfast.migrate.catalogue.sequences import alter_sequence
from holdfast.migrate.catalogue.tables import alter_table
from holdfast.migrate.catalogue.writing import (
    changed_foreign_options,
    changed_options,
    last_part,
    literal,
    on_what,
    own_name,
    parent_of,
)

_LOSS = "-- What it holds is lost.\n"
_ON_A_TABLE = ("trigger", "policy", "rule")


def drop(item: Item, found: Catalogue) -> list[str]:
    """Return the statements that drop an item; what goes with it goes too, what is built on it does not."""
    if item.kind == "column":
        return [f"{_LOSS}ALTER TABLE {parent_of(item, found)} DROP COLUMN {own_name(item, found)};"]
    if item.kind in ("constraint", "domain constraint"):
        what = "TABLE" if item.kind == "constraint" else "DOMAIN"
        return [f"ALTER {what} {on_what(item, found)} DROP CONSTRAINT {own_name(item, found)};"]
    if item.kind in _ON_A_TABLE:
        return [f"DROP {item.kind.upper()} {own_name(item, found)} ON {on_what(item, found)};"]
    if item.kind == "grants":
        return change_grants(None, item)
    if item.kind == "default privileges":
        return change_default_privileges(None, item)
    if item.kind == "comment":
        return comment_on(item, None)
    if item.kind == "sequence" and item.definition.get("of_identity"):
        return [f"-- {item.name} goes with its identity column."]
    words = {
        "type": "DOMAIN" if item.definition.get("form") == "domain" else "TYPE",
        "foreign-data wrapper": "FOREIGN DATA WRAPPER",
    }
    name = item.name
    if item.kind == "aggregate":
        name = f"{name[: name.rindex('(')]}({item.definition['arguments'] or '*'})"
    loss = _LOSS if item.kind == "table" else ""
    return [f"{loss}DROP {words.get(item.kind, item.kind.upper())} {name};"]


def alter(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    """Return the statements from ``was`` to ``item`` in place; None where it must be made again."""
    change = _ALTER.get(item.kind)
    return change(item, was, attributes, expected, found) if change else None


def recreate(item: Item, was: Item, expected: Catalogue, found: Catalogue) -> list[str]:
    """Drop an item and make it again with all that goes with it."""
    return [*drop(was, found), *create_whole(item, expected, found)]


_Alter = Callable[[Item, Item, set[str], Catalogue, Catalogue], list[str] | None]


def _constraint(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    table, name = on_what(item, expected), own_name(item, expected)
    definition = item.definition
    is_foreign = definition["definition"].startswith("FOREIGN KEY")
    statements = []
    if attributes - {"not_valid", "deferrable", "not_enforced", "clustered", "options", "tablespace"}:
        return None
    if "not_enforced" in attributes:
        return None
    if "deferrable" in attributes:
        if not is_foreign:
            return None
        how = {"initially deferred": "DEFERRABLE INITIALLY DEFERRED", "initially immediate": "DEFERRABLE"}
        new = how.get(definition.get("deferrable", ""), "NOT DEFERRABLE")
        statements.append(f"ALTER TABLE {table} ALTER CONSTRAINT {name} {new};")
    if "not_valid" in attributes:
        if definition.get("not_valid"):
            return None
        statements.append(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name};")
    if "clustered" in attributes:
        how_clustered = f"CLUSTER ON {name}" if definition.get("clustered") else "SET WITHOUT CLUSTER"
        statements.append(f"ALTER TABLE {table} {how_clustered};")
    index = f"{table[: -len(last_part(table))]}{name}"
    if "options" in attributes:
        statements += changed_options(
            f"ALTER INDEX {index}", definition.get("options"), was.definition.get("options")
        )
    if "tablespace" in attributes:
        place = definition.get("tablespace", "pg_default")
        statements.append(f"ALTER INDEX {index} SET TABLESPACE {place};")
    return statements


def _domain_constraint(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    if attributes == {"not_valid"} and not item.definition.get("not_valid"):
        name = own_name(item, expected)
        return [f"ALTER DOMAIN {on_what(item, expected)} VALIDATE CONSTRAINT {name};"]
    return None


def _index(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    if attributes & {"definition", "invalid", "parent"}:
        return None
    statements = []
    if "partition_of" in attributes:
        if "partition_of" not in item.definition:
            return [f"-- {item.name} is part of {was.definition['partition_of']}; it goes with its table."]
        statements.append(f"ALTER INDEX {item.definition['partition_of']} ATTACH PARTITION {item.name};")
    if "clustered" in attributes and not item.definition.get("clustered"):
        statements.append(f"ALTER TABLE {parent_of(item, expected)} SET WITHOUT CLUSTER;")
    if "tablespace" in attributes and "tablespace" not in item.definition:
        statements.append(f"ALTER INDEX {item.name} SET TABLESPACE pg_default;")
    for number in was.definition.get("statistics", {}).keys() - item.definition.get("statistics", {}).keys():
        statements.append(f"ALTER INDEX {item.name} ALTER COLUMN {number} SET STATISTICS -1;")
    return statements + settings_of_index(item, expected)


def _view(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    wanted, actual = item.definition.get("columns", []), was.definition.get("columns", [])
    statements: list[str] = []
    if attributes & {"definition", "columns"}:
        if wanted[: len(actual)] != actual:
            return None
        statements += create_view(item, expected, replace=True)
    elif "options" in attributes:
        statements += changed_options(
            f"ALTER VIEW {item.name}", item.definition.get("options"), was.definition.get("options")
        )
    defaults = item.definition.get("defaults", {})
    for name in sorted({*defaults, *was.definition.get("defaults", {})}) if "defaults" in attributes else ():
        how = f"SET DEFAULT {defaults[name]}" if name in defaults else "DROP DEFAULT"
        statements.append(f"ALTER VIEW {item.name} ALTER COLUMN {name} {how};")
    return statements


def _materialized_view(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    head = f"ALTER MATERIALIZED VIEW {item.name}"
    if attributes - {"options", "tablespace", "access_method"}:
        return None
    statements = changed_options(head, item.definition.get("options"), was.definition.get("options"))
    if "tablespace" in attributes:
        statements.append(f"{head} SET TABLESPACE {item.definition.get('tablespace', 'pg_default')};")
    if "access_method" in attributes:
        statements.append(f"{head} SET ACCESS METHOD {item.definition.get('access_method', 'heap')};")
    return statements


def _function(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    if attributes & {"returns", "arguments", "window"}:
        return None
    return create_function(item, expected, replace=True)


def _enabled(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    if attributes == {"enabled"} or item.definition.get("inherited"):
        return set_enabled(item, expected)
    return None


def _event_trigger(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    return alter_event_trigger(item) if attributes == {"enabled"} else None


def _statistics(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    if attributes != {"target"}:
        return None
    return [f"ALTER STATISTICS {item.name} SET STATISTICS {item.definition.get('target', -1)};"]


def _extension(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    statements = []
    if "schema" in attributes:
        statements.append(f"ALTER EXTENSION {item.name} SET SCHEMA {item.definition['schema']};")
    if "version" in attributes:
        statements.append(f"ALTER EXTENSION {item.name} UPDATE TO {literal(item.definition['version'])};")
    return statements


def _publication(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    targets = publication_targets(item.definition)
    if "all_tables" in attributes:
        return None
    if attributes & {"tables", "schemas"} and not targets:
        return None
    statements = []
    if attributes & {"tables", "schemas"}:
        statements.append(f"ALTER PUBLICATION {item.name} SET {targets};")
    if attributes - {"tables", "schemas"}:
        statements.append(f"ALTER PUBLICATION {item.name} SET ({publication_options(item.definition)});")
    return statements


def _server(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    if attributes - {"options", "version"}:
        return None
    statements = []
    if "version" in attributes and "version" in item.definition:
        statements.append(f"ALTER SERVER {item.name} VERSION {literal(item.definition['version'])};")
    wanted, actual = (each.definition.get("options") for each in (item, was))
    return statements + changed_foreign_options(f"ALTER SERVER {item.name}", wanted, actual)


def _type(
    item: Item, was: Item, attributes: set[str], expected: Catalogue, found: Catalogue
) -> list[str] | None:
    statements = alter_type(item, was, attributes, found)
    if statements and is_made_anew(item, statements):
        last = statements.pop()
        statements += create_whole(item, expected, found)[1:]  # comments and rights are the new one's
        statements.append(last)
    return statements


def is_made_anew(item: Item, statements: list[str]) -> bool:
    """Tell whether the statements put another enum in the place of one."""
    return item.kind == "type" and any(
        statement.startswith(f"ALTER TYPE {item.name} RENAME TO ") for statement in statements
    )


_ALTER: Mapping[str, _Alter] = {
    "table": lambda item, was, attributes, _, found: alter_table(item, was, attributes, found),
    "foreign table": lambda item, was, attributes, _, found: alter_table(item, was, attributes, found),
    "column": lambda item, was, attributes, expected, _: alter_column(item, was, attributes, expected),
    "constraint": _constraint,
    "domain constraint": _domain_constraint,
    "index": _index,
    "sequence": lambda item, _, attributes, __, ___: alter_sequence(item, attributes),
    "view": _view,
    "materialized view": _materialized_view,
    "function": _function,
    "procedure": _function,
    "trigger": _enabled,
    "rule": _enabled,
    "event trigger": _event_trigger,
    "statistics": _statistics,
    "extension": _extension,
    "publication": _publication,
    "server": _server,
    "type": _type,
    "grants": lambda item, was, *_: change_grants(item, was),
    "default privileges": lambda item, was, *_: change_default_privileges(item, was),
    "comment": lambda item, was, attributes, expected, _: create(item, expected),
}
