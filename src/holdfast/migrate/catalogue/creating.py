# ruff: noqa: ARG001  what stands in one table by kind is called alike
"""The SQL that makes an item, by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from holdfast.migrate.catalogue import columns, rights, routines, tables
from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.sequences import create_sequence
from holdfast.migrate.catalogue.writing import (
    foreign_options,
    last_part,
    literal,
    on_what,
    own_name,
    parent_of,
    with_options,
)

Definition = Mapping[str, Any]
_ENABLED = {"disabled": "DISABLE", "replica": "ENABLE REPLICA", "always": "ENABLE ALWAYS", None: "ENABLE"}


def create(item: Item, catalogue: Catalogue) -> list[str]:
    """Return the statements that make one item alone (a table with its columns)."""
    return _CREATE[item.kind](item, catalogue)


def create_whole(
    item: Item, catalogue: Catalogue, found: Catalogue, *, keys_later: bool = False
) -> list[str]:
    """Return the statements that make an item and all that goes with it, in a workable order.

    ``found`` has the default privileges that what is made gets first. With ``keys_later`` a table's
    foreign keys are left out.
    """
    later = {child.key for child in catalogue.descendants(item) if keys_later and is_foreign_key(child)}
    before: list[str] = []
    after = rights.set_grants(item, catalogue, found)
    for child in catalogue.descendants(item):
        if child.key in later or child.parent in later:
            continue
        if child.kind == "sequence" and not child.definition.get("of_identity"):
            before += create_sequence(child, owned=False)
            after += [f"ALTER SEQUENCE {child.name} OWNED BY {child.definition['owned_by']};"]
            after += rights.set_grants(child, catalogue, found)
        elif child.kind == "sequence":
            after += rights.set_grants(child, catalogue, found)
        else:
            after += _create_child(item, child, catalogue)
    late = tables.settings_of(item) if item.kind.endswith("table") else []
    return [*before, *create(item, catalogue), *sorted(after, key=_rank_of_text), *late]


def _create_child(item: Item, child: Item, catalogue: Catalogue) -> list[str]:
    if child.kind == "column" or (child.kind == "grants" and not child.name.startswith("column ")):
        return []
    if child.kind == "index" and item.kind == "table":
        return [] if _comes_by_itself(item, child) else create_index_alone(child, catalogue)
    if child.kind == "trigger" and child.definition.get("inherited"):
        return set_enabled(child, catalogue) if "enabled" in child.definition else []
    return create(child, catalogue)


def is_foreign_key(item: Item) -> bool:
    """Tell whether an item is a foreign key."""
    return item.kind == "constraint" and item.definition["definition"].startswith("FOREIGN KEY")


def _comes_by_itself(item: Item, child: Item) -> bool:
    """Tell whether a new partition gets this from its parent."""
    return (
        child.kind == "index" and "partition_of" in child.definition and "partition_bound" in item.definition
    )


_ORDER = ("ADD CONSTRAINT", "CREATE UNIQUE INDEX", "CREATE INDEX", "ALTER INDEX")


def _rank_of_text(statement: str) -> int:
    """Put keys before what refers to them, foreign keys after all keys, comments and grants last."""
    if " FOREIGN KEY " in statement:
        return 6
    for rank, start in enumerate(_ORDER):
        if start in statement[:200]:
            return rank
    return 8 if statement.startswith(("COMMENT", "GRANT", "REVOKE")) else 7


def create_schema(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a schema."""
    return [f"CREATE SCHEMA {item.name};"]


def constraint_text(definition: Definition) -> str:
    """Return a constraint's definition with its deferral and validity."""
    deferrable = {
        "initially deferred": " DEFERRABLE INITIALLY DEFERRED",
        "initially immediate": " DEFERRABLE",
    }.get(definition.get("deferrable", ""), "")
    enforced = " NOT ENFORCED" if definition.get("not_enforced") else ""
    valid = " NOT VALID" if definition.get("not_valid") and not enforced else ""
    return f"{definition['definition']}{deferrable}{enforced}{valid}"


def create_constraint(item: Item, catalogue: Catalogue) -> list[str]:
    """Add a constraint to its table."""
    table, name = on_what(item, catalogue), own_name(item, catalogue)
    statements = [f"ALTER TABLE {table} ADD CONSTRAINT {name} {constraint_text(item.definition)};"]
    if item.definition.get("clustered"):
        statements.append(f"ALTER TABLE {table} CLUSTER ON {name};")
    return statements


def create_domain_constraint(item: Item, catalogue: Catalogue) -> list[str]:
    """Add a check to its domain."""
    domain, name = on_what(item, catalogue), own_name(item, catalogue)
    return [f"ALTER DOMAIN {domain} ADD CONSTRAINT {name} {constraint_text(item.definition)};"]


def create_index(item: Item, catalogue: Catalogue) -> list[str]:
    """Build an index, with those of the partitions below it."""
    definition = item.definition
    statements = [f"{definition['definition']};"]
    children = [
        other
        for other in catalogue
        if other.kind == "index" and other.definition.get("partition_of") == item.name
    ]
    for child in children:
        statements += create_index(child, catalogue)
    if "partition_of" in definition:
        statements.append(f"ALTER INDEX {definition['partition_of']} ATTACH PARTITION {item.name};")
    return statements + settings_of_index(item, catalogue)


def create_index_alone(item: Item, catalogue: Catalogue) -> list[str]:
    """Build an index on a new table, which has no partitions yet."""
    definition = item.definition["definition"].replace(" ON ONLY ", " ON ", 1)
    return [f"{definition};", *settings_of_index(item, catalogue)]


def settings_of_index(item: Item, catalogue: Catalogue) -> list[str]:
    """Set what an index's definition does not say."""
    statements = []
    if "tablespace" in item.definition:
        statements.append(f"ALTER INDEX {item.name} SET TABLESPACE {item.definition['tablespace']};")
    for number, target in sorted(item.definition.get("statistics", {}).items()):
        statements.append(f"ALTER INDEX {item.name} ALTER COLUMN {number} SET STATISTICS {target};")
    if item.definition.get("clustered"):
        statements.append(f"ALTER TABLE {parent_of(item, catalogue)} CLUSTER ON {last_part(item.name)};")
    return statements


def create_view(item: Item, catalogue: Catalogue, *, replace: bool = False) -> list[str]:
    """Make a view, with the defaults of its columns."""
    head = "CREATE OR REPLACE VIEW" if replace else "CREATE VIEW"
    options = with_options(item.definition.get("options"))
    statements = [f"{head} {item.name}{options} AS\n {item.definition['definition']};"]
    for name, default in sorted(item.definition.get("defaults", {}).items()):
        statements.append(f"ALTER VIEW {item.name} ALTER COLUMN {name} SET DEFAULT {default};")
    return statements


def create_materialized_view(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a materialized view and fill it."""
    method = item.definition.get("access_method")
    tablespace = item.definition.get("tablespace")
    return [
        f"CREATE MATERIALIZED VIEW {item.name}"
        + (f" USING {method}" if method else "")
        + with_options(item.definition.get("options"))
        + (f" TABLESPACE {tablespace}" if tablespace else "")
        + f" AS\n {item.definition['definition']};"
    ]


def create_trigger(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a trigger; those of the partitions below come with it."""
    enabled = set_enabled(item, catalogue) if "enabled" in item.definition else []
    return [f"{item.definition['definition']};", *enabled]


def create_rule(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a rewrite rule."""
    return create_trigger(item, catalogue)


def set_enabled(item: Item, catalogue: Catalogue) -> list[str]:
    """Enable or disable a trigger or a rule as its item says."""
    how = _ENABLED[item.definition.get("enabled")]
    table, name = on_what(item, catalogue), own_name(item, catalogue)
    return [f"ALTER TABLE {table} {how} {item.kind.upper()} {name};"]


def create_policy(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a policy of row security."""
    definition = item.definition
    parts = [f"CREATE POLICY {own_name(item, catalogue)} ON {on_what(item, catalogue)}"]
    if definition.get("restrictive"):
        parts.append("AS RESTRICTIVE")
    parts.append(f"FOR {definition['command']} TO {', '.join(definition['roles'])}")
    if "using" in definition:
        parts.append(f"USING ({definition['using']})")
    if "check" in definition:
        parts.append(f"WITH CHECK ({definition['check']})")
    return [" ".join(parts) + ";"]


def create_statistics(item: Item, catalogue: Catalogue) -> list[str]:
    """Make extended statistics."""
    statements = [f"{item.definition['definition']};"]
    if "target" in item.definition:
        statements.append(f"ALTER STATISTICS {item.name} SET STATISTICS {item.definition['target']};")
    return statements


def create_extension(item: Item, catalogue: Catalogue) -> list[str]:
    """Install an extension."""
    definition = item.definition
    version = literal(definition["version"])
    return [f"CREATE EXTENSION {item.name} SCHEMA {definition['schema']} VERSION {version};"]


def create_event_trigger(item: Item, catalogue: Catalogue) -> list[str]:
    """Make an event trigger."""
    tags = item.definition.get("tags")
    when = f" WHEN TAG IN ({', '.join(map(literal, tags))})" if tags else ""
    statements = [
        f"CREATE EVENT TRIGGER {item.name} ON {item.definition['event']}{when} "
        f"EXECUTE FUNCTION {item.definition['function']};"
    ]
    if "enabled" in item.definition:
        statements.append(f"ALTER EVENT TRIGGER {item.name} {_ENABLED[item.definition['enabled']]};")
    return statements


def alter_event_trigger(item: Item) -> list[str]:
    """Enable or disable an event trigger as its item says."""
    return [f"ALTER EVENT TRIGGER {item.name} {_ENABLED[item.definition.get('enabled')]};"]


def publication_targets(definition: Definition) -> str:
    """Return what a publication publishes, as CREATE and ALTER take it."""
    parts = [f"TABLE {table}" for table in definition.get("tables", ())]
    parts += [f"TABLES IN SCHEMA {schema}" for schema in definition.get("schemas", ())]
    return ", ".join(parts)


def publication_options(definition: Definition) -> str:
    """Return a publication's parameters."""
    root = "true" if definition.get("via_partition_root") else "false"
    options = f"publish = {literal(definition['publish'])}, publish_via_partition_root = {root}"
    if definition.get("generated_columns"):
        options += ", publish_generated_columns = stored"
    return options


def create_publication(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a publication."""
    targets = publication_targets(item.definition)
    what = " FOR ALL TABLES" if item.definition.get("all_tables") else f" FOR {targets}" if targets else ""
    return [f"CREATE PUBLICATION {item.name}{what} WITH ({publication_options(item.definition)});"]


def create_foreign_server(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a foreign server."""
    definition = item.definition
    kind = f" TYPE {literal(definition['type'])}" if "type" in definition else ""
    version = f" VERSION {literal(definition['version'])}" if "version" in definition else ""
    options = foreign_options(definition.get("options"))
    return [
        f"CREATE SERVER {item.name}{kind}{version} FOREIGN DATA WRAPPER {definition['wrapper']}{options};"
    ]


def create_foreign_data_wrapper(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a foreign-data wrapper."""
    definition = item.definition
    parts = [f" {word.upper()} {definition[word]}" for word in ("handler", "validator") if word in definition]
    options = foreign_options(definition.get("options"))
    return [f"CREATE FOREIGN DATA WRAPPER {item.name}{''.join(parts)}{options};"]


def create_sequence_of_its_own(item: Item, catalogue: Catalogue) -> list[str]:
    """Make a sequence, unless its identity column makes it."""
    if item.definition.get("of_identity"):
        return [f"-- {item.name} comes with its identity column."]
    return create_sequence(item)


_CREATE: Mapping[str, Callable[[Item, Catalogue], list[str]]] = {
    "schema": create_schema,
    "table": tables.create_table,
    "foreign table": tables.create_table,
    "column": columns.add_column,
    "constraint": create_constraint,
    "domain constraint": create_domain_constraint,
    "index": create_index,
    "sequence": create_sequence_of_its_own,
    "view": create_view,
    "materialized view": create_materialized_view,
    "rule": create_rule,
    "trigger": create_trigger,
    "policy": create_policy,
    "statistics": create_statistics,
    "extension": create_extension,
    "event trigger": create_event_trigger,
    "publication": create_publication,
    "server": create_foreign_server,
    "foreign-data wrapper": create_foreign_data_wrapper,
    "function": routines.create_function,
    "procedure": routines.create_function,
    "aggregate": routines.create_aggregate,
    "type": routines.create_type,
    "collation": routines.create_collation,
    "operator": routines.create_operator,
    "operator class": routines.create_operator_class,
    "cast": routines.create_cast,
    "text search configuration": routines.create_text_search_configuration,
    "text search dictionary": routines.create_text_search_dictionary,
    "language": routines.create_language,
    "conversion": routines.create_conversion,
    "grants": rights.create_grants,
    "default privileges": rights.create_default_privileges,
    "comment": rights.create_comment,
}
