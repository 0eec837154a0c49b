# ruff: noqa: ARG001  what stands in one table by kind is called alike
"""The SQL for rights and comments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.writing import literal, schema_part

_COMMENTED = {  # longer names before those that they begin with
    "table column": "COLUMN",
    "view column": "COLUMN",
    "materialized view column": "COLUMN",
    "foreign table column": "COLUMN",
    "composite type column": "COLUMN",
    "table constraint": "CONSTRAINT",
    "domain constraint": "CONSTRAINT",
    "statistics object": "STATISTICS",
    "foreign-data wrapper": "FOREIGN DATA WRAPPER",
    "materialized view": "MATERIALIZED VIEW",
    "foreign table": "FOREIGN TABLE",
    "composite type": "TYPE",
    "event trigger": "EVENT TRIGGER",
    "text search configuration": "TEXT SEARCH CONFIGURATION",
    "text search dictionary": "TEXT SEARCH DICTIONARY",
    "operator class": "OPERATOR CLASS",
    "operator family": "OPERATOR FAMILY",
    "access method": "ACCESS METHOD",
}


def comment_on(item: Item, text: str | None) -> list[str]:
    """Set or remove the comment that an item stands for."""
    kind = next((kind for kind in _COMMENTED if item.name.startswith(f"{kind} ")), "")
    if not kind:
        kind = item.name.partition(" ")[0]
    words, identity = _COMMENTED.get(kind, kind.upper()), item.name[len(kind) + 1 :]
    if kind == "domain constraint":
        name, _, domain = identity.rpartition(" on ")
        identity = f"{name} ON DOMAIN {domain}"
    return [f"COMMENT ON {words} {identity} IS {'NULL' if text is None else literal(text)};"]


def create_comment(item: Item, catalogue: Catalogue) -> list[str]:
    """Set a comment."""
    return comment_on(item, item.definition["text"])


def create_grants(item: Item, catalogue: Catalogue) -> list[str]:
    """Grant and revoke what differs from PostgreSQL's defaults."""
    return change_grants(item, None)


_OBJECTS = {
    "table": "tables",
    "foreign table": "tables",
    "view": "tables",
    "materialized view": "tables",
    "sequence": "sequences",
    "function": "functions",
    "procedure": "functions",
    "aggregate": "functions",
    "type": "types",
    "schema": "schemas",
}
_GRANTED_AS = {
    "foreign table": "table",
    "view": "table",
    "materialized view": "table",
    "aggregate": "function",
}
_TO_PUBLIC = {"functions": "PUBLIC: EXECUTE", "types": "PUBLIC: USAGE"}


def set_grants(item: Item, expected: Catalogue, found: Catalogue) -> list[str]:
    """Return what takes a new item's rights from those that it is made with to those that are expected."""
    name = f"{_GRANTED_AS.get(item.kind, item.kind)} {item.name}"
    if item.kind not in _OBJECTS:
        return []
    objects = _OBJECTS[item.kind]
    rights: set[str] = set()
    revoked: list[str] = []
    for place in ("", f" in schema {schema_part(item.name)}" if objects != "schemas" else None):
        default = None if place is None else found.get("default privileges", f"for owner{place} on {objects}")
        if default is None:
            continue
        rights |= {entry for entry in default.definition["rights"] if not entry.startswith("owner: ")}
        implied = _TO_PUBLIC.get(objects)
        if not place and implied and implied not in rights:
            revoked.append(implied)
    rights -= {_TO_PUBLIC.get(objects, "")}
    at_first = {"granted": sorted(rights), "revoked": revoked}
    return change_grants(expected.get("grants", name), Item("grants", name, at_first))


def change_grants(expected: Item | None, found: Item | None) -> list[str]:
    """Return the statements from the rights that were found to those that are expected."""
    item = expected or found
    if item is None:
        return []
    wanted, actual = (each.definition if each else {} for each in (expected, found))
    revoke = [
        *_without(actual.get("granted", ()), wanted.get("granted", ())),
        *_without(wanted.get("revoked", ()), actual.get("revoked", ())),
    ]
    grant = [
        *_without(wanted.get("granted", ()), actual.get("granted", ())),
        *_without(actual.get("revoked", ()), wanted.get("revoked", ())),
    ]
    return [_grant(item, entry, given=False) for entry in revoke] + [
        _grant(item, entry, given=True) for entry in grant
    ]


def _without(entries: Iterable[str], others: Sequence[str]) -> list[str]:
    return [entry for entry in entries if entry not in others]


def _split(entry: str) -> tuple[str, str, str]:
    role, _, right = entry.rpartition(": ")
    option = " WITH GRANT OPTION" if right.endswith(" WITH GRANT OPTION") else ""
    return "CURRENT_USER" if role == "owner" else role, right.removesuffix(" WITH GRANT OPTION"), option


def _grant(item: Item, entry: str, *, given: bool) -> str:
    role, right, option = _split(entry)
    kind, name = _target(item)
    if kind == "column":
        table = schema_part(name)
        right, place = f"{right} ({name[len(table) + 1 :]})", table
    else:
        place = name if kind == "table" else f"{kind.upper()} {name}"
    note = "-- CURRENT_USER must be the owner.\n" if role == "CURRENT_USER" else ""
    if given:
        return f"{note}GRANT {right} ON {place} TO {role}{option};"
    return f"{note}REVOKE {right} ON {place} FROM {role};"


def _target(item: Item) -> tuple[str, str]:
    for kind in ("foreign data wrapper", "foreign server"):
        if item.name.startswith(f"{kind} "):
            return kind, item.name[len(kind) + 1 :]
    kind, _, name = item.name.partition(" ")
    return kind, name


def create_default_privileges(item: Item, catalogue: Catalogue) -> list[str]:
    """Set the rights that new objects get."""
    return change_default_privileges(item, None)


def change_default_privileges(expected: Item | None, found: Item | None) -> list[str]:
    """Return the statements from one set of default privileges to another; None is PostgreSQL's own."""
    item = expected or found
    if item is None:
        return []
    place, _, objects = item.name.rpartition(" on ")
    role, _, schema = place.removeprefix("for ").partition(" in schema ")
    unchanged = [] if schema or objects not in _TO_PUBLIC else [_TO_PUBLIC[objects]]
    wanted, actual = (
        [entry for entry in each.definition["rights"] if not entry.startswith("owner: ")]
        if each
        else unchanged
        for each in (expected, found)
    )
    head = "ALTER DEFAULT PRIVILEGES"
    head += "" if role == "owner" else f" FOR ROLE {role}"
    head += f" IN SCHEMA {schema}" if schema else ""
    statements = []
    for entry in _without(actual, wanted):
        grantee, right, _ = _split(entry)
        statements.append(f"{head} REVOKE {right} ON {objects.upper()} FROM {grantee};")
    for entry in _without(wanted, actual):
        grantee, right, option = _split(entry)
        statements.append(f"{head} GRANT {right} ON {objects.upper()} TO {grantee}{option};")
    return statements
