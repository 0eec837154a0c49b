"""Rules about what is taken away, emptied or renamed."""

from __future__ import annotations

from holdfast.migrate.lint.changes import Change, key_of, shown
from holdfast.migrate.lint.rule import EXCLUSIVE, rule
from holdfast.migrate.lint.scene import Scene

_DROPPED = {
    "drop OBJECT_VIEW": "VIEW",
    "drop OBJECT_MATVIEW": "MATERIALIZED VIEW",
    "drop OBJECT_SEQUENCE": "SEQUENCE",
    "drop OBJECT_TYPE": "TYPE",
    "drop OBJECT_DOMAIN": "DOMAIN",
    "drop OBJECT_FUNCTION": "FUNCTION",
    "drop OBJECT_PROCEDURE": "PROCEDURE",
    "drop OBJECT_ROUTINE": "ROUTINE",
    "drop OBJECT_AGGREGATE": "AGGREGATE",
    "drop OBJECT_EXTENSION": "EXTENSION",
    "drop OBJECT_TRIGGER": "TRIGGER",
    "drop OBJECT_RULE": "RULE",
    "drop OBJECT_FOREIGN_TABLE": "FOREIGN TABLE",
    "drop OBJECT_COLLATION": "COLLATION",
}


def _own(change: Change, scene: Scene) -> bool:
    """Whether the file itself made it: earlier in this part, or in the UP that this DOWN undoes."""
    keys = (change.target, f"{change.target}.{change.name}")
    return any(scene.is_new(key) or scene.undoes(key) for key in keys)


@rule(
    "drop-table",
    "drop OBJECT_TABLE",
    danger="Its rows are gone, and code that still runs fails.",
    lock=f"{EXCLUSIVE} The tables that it refers to are locked as well.",
    safe="Deploy code without it, rename it out of the way for a while, keep a backup; then allow it with "
    "the reason.",
    example="DROP TABLE app.orders;",
    instead="CREATE TABLE app.scratch (id bigint PRIMARY KEY);\nDROP TABLE app.scratch;",
    squawk=("ban-drop-table",),
)
def drop_table(change: Change, scene: Scene) -> str | None:
    """Find tables dropped that the file did not make."""
    return None if _own(change, scene) else f"DROP TABLE {shown(change.target)}"


@rule(
    "drop-column",
    "AT_DropColumn",
    danger="Its values are gone with every index, view and constraint on it, and code that still names it "
    "fails.",
    lock=f"{EXCLUSIVE} Only for a moment.",
    safe="Deploy code that does not name it (SELECT * and ORMs that cache columns too), then allow it with "
    "the reason.",
    example="ALTER TABLE app.orders DROP COLUMN note;",
    instead="ALTER TABLE app.orders ADD COLUMN draft text;\nALTER TABLE app.orders DROP COLUMN draft;",
    squawk=("ban-drop-column",),
)
def drop_column(change: Change, scene: Scene) -> str | None:
    """Find columns dropped that the file did not add."""
    return None if _own(change, scene) else f"DROP COLUMN {shown(change.target)}.{change.name}"


@rule(
    "drop-schema",
    "drop OBJECT_SCHEMA",
    danger="Everything in it is gone.",
    lock="ACCESS EXCLUSIVE on everything in it.",
    safe="Drop what stands in it by name, table by table, in files that say why.",
    example="DROP SCHEMA app CASCADE;",
    instead="CREATE SCHEMA scratch;\nDROP SCHEMA scratch;",
    squawk=("ban-drop-schema",),
)
def drop_schema(change: Change, scene: Scene) -> str | None:
    """Find schemas dropped that the file did not make; a DOWN may drop one that must be empty."""
    key = f"schema {change.name}"
    if scene.is_new(key) or scene.undoes(key):
        return None
    if scene.direction == "down" and change.parsed.node.behavior != 2:
        return None
    return f"DROP SCHEMA {change.name}"


@rule(
    "drop-object",
    *_DROPPED,
    danger="Code, views and jobs that still use it fail from one moment to the next.",
    lock="ACCESS EXCLUSIVE on it, and on the table that it belongs to.",
    safe="Move what uses it over first, then allow it with that as the reason.",
    example="DROP FUNCTION app.price(bigint);",
    instead="CREATE VIEW app.scratch AS SELECT 1 AS one;\nDROP VIEW app.scratch;",
    level="advice",
    up_only=True,
    squawk=("ban-drop-view", "ban-drop-function", "ban-drop-type", "ban-drop-sequence", "ban-drop-domain",
            "ban-drop-extension", "ban-drop-trigger"),
)  # fmt: skip
def drop_object(change: Change, scene: Scene) -> str | None:
    """Find other objects dropped that the file did not make."""
    if _own(change, scene):
        return None
    return f"DROP {_DROPPED[change.kind]} {shown(change.target) or change.name}"


@rule(
    "drop-cascade",
    "drop_stmt",
    "AT_DropColumn",
    "AT_DropConstraint",
    danger="Whatever depends on it goes too, unseen: views, foreign keys, defaults, on this server more "
    "than on yours.",
    lock="ACCESS EXCLUSIVE on everything that goes with it.",
    safe="Drop what depends on it by name first, and leave CASCADE out.",
    example="DROP VIEW app.recent CASCADE;",
    instead="CREATE TABLE app.scratch (id bigint PRIMARY KEY);\nDROP TABLE app.scratch;",
)
def drop_cascade(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find CASCADE."""
    if change.node.behavior != 2:  # DROP_CASCADE
        return None
    return f"{' '.join(change.parsed.text.split()[:4])} ... CASCADE"


@rule(
    "truncate",
    "truncate_stmt",
    danger="All rows are gone; snapshots of transactions that still run see the table empty.",
    lock=EXCLUSIVE,
    safe="Delete in batches outside of the migration, or allow it with the reason why nobody misses the "
    "rows.",
    example="TRUNCATE app.orders;",
    instead="CREATE TABLE app.scratch (id bigint PRIMARY KEY);\nTRUNCATE app.scratch;",
)
def truncate(change: Change, scene: Scene) -> str | None:
    """Find TRUNCATE of tables that stood before."""
    tables = [key_of(each.range_var, scene.schema) for each in change.node.relations]
    old = [each for each in tables if not scene.is_new(each)]
    return f"TRUNCATE {', '.join(map(shown, old))}" if old else None


@rule(
    "truncate-cascade",
    "truncate_stmt",
    danger="Every table that refers to it is emptied as well, whoever owns it.",
    lock="ACCESS EXCLUSIVE on all of them.",
    safe="Name all tables that are to be emptied, without CASCADE.",
    example="TRUNCATE app.orders CASCADE;",
    instead="CREATE TABLE app.scratch (id bigint PRIMARY KEY);\nTRUNCATE app.scratch;",
    squawk=("ban-truncate-cascade",),
)
def truncate_cascade(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find TRUNCATE ... CASCADE."""
    return "TRUNCATE ... CASCADE" if change.node.behavior == 2 else None


@rule(
    "drop-database",
    "dropdb_stmt",
    danger="Everything is gone.",
    lock="The whole database.",
    safe="A migration never drops a database: do it by hand, with a backup.",
    example="-- no-transaction\n-- UP\nDROP DATABASE shop;\n-- DOWN\nSELECT 1;",
    instead="SELECT 1;",
    squawk=("ban-drop-database",),
)
def drop_database(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find DROP DATABASE."""
    return f"DROP DATABASE {change.node.dbname}"


@rule(
    "drop-owned",
    "drop_owned_stmt",
    danger="Everything that a role owns is gone, and all that was granted to it.",
    lock="ACCESS EXCLUSIVE on all of it.",
    safe="REASSIGN OWNED to another role by hand, and drop objects by name.",
    example="DROP OWNED BY teller;",
    instead="REVOKE ALL ON SCHEMA app FROM teller;",
)
def drop_owned(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find DROP OWNED."""
    return "DROP OWNED"


_RENAMED = {
    "rename OBJECT_TABLE": "TABLE",
    "rename OBJECT_VIEW": "VIEW",
    "rename OBJECT_MATVIEW": "MATERIALIZED VIEW",
}


@rule(
    "rename-table",
    *_RENAMED,
    danger="Code that still says the old name fails from one moment to the next.",
    lock=f"{EXCLUSIVE} Only for a moment.",
    safe="Rename it and make a view of the old name in the same transaction; drop the view when nobody "
    "reads it.",
    example="ALTER TABLE app.orders RENAME TO purchases;",
    instead="ALTER TABLE app.orders RENAME TO purchases;\nCREATE VIEW app.orders AS SELECT id FROM "
    "app.purchases;",
    up_only=True,
    squawk=("renaming-table",),
)
def rename_table(change: Change, scene: Scene) -> str | None:
    """Find tables renamed whose old name nothing takes; a swap of two tables is one."""
    if scene.is_new(change.target):
        return None
    word = change.target.rpartition(".")[2]
    for each in scene.statements:
        if each.kind == "view_stmt" and key_of(each.node.view, scene.schema) == change.target:
            return None
        if each.kind == "rename_stmt" and each.node.newname == word:
            return None
    return f"{_RENAMED[change.kind]} {shown(change.target)} becomes {change.node.newname}"


@rule(
    "rename-column",
    "rename OBJECT_COLUMN",
    danger="Code that still says the old name fails from one moment to the next.",
    lock=f"{EXCLUSIVE} Only for a moment.",
    safe="Add a column of the new name, write both, fill it in batches, move readers over, drop the old one "
    "later.",
    example="ALTER TABLE app.orders RENAME COLUMN note TO remark;",
    instead="ALTER TABLE app.orders ADD COLUMN remark text;",
    up_only=True,
    squawk=("renaming-column",),
)
def rename_column(change: Change, scene: Scene) -> str | None:
    """Find columns renamed."""
    if scene.is_new(change.target) or scene.is_new(f"{change.target}.{change.name}"):
        return None
    return f"{shown(change.target)}.{change.name} becomes {change.node.newname}"


_OTHERS = (
    "rename OBJECT_SCHEMA",
    "rename OBJECT_TYPE",
    "rename OBJECT_DOMAIN",
    "rename OBJECT_FUNCTION",
    "rename OBJECT_PROCEDURE",
    "rename OBJECT_ROUTINE",
    "rename OBJECT_AGGREGATE",
    "rename OBJECT_SEQUENCE",
    "rename OBJECT_ATTRIBUTE",
    "rename OBJECT_FOREIGN_TABLE",
    "alter_object_schema_stmt",
)


@rule(
    "rename-object",
    *_OTHERS,
    danger="Code, function bodies and jobs that still say the old name fail from one moment to the next.",
    lock="ACCESS EXCLUSIVE on it, only for a moment.",
    safe="Make a second one of the new name, move what uses it over, drop the old one later.",
    example="ALTER SCHEMA app RENAME TO shop;",
    instead="CREATE SCHEMA shop;",
    up_only=True,
    squawk=("renaming-object", "ban-set-schema"),
)
def rename_object(change: Change, scene: Scene) -> str | None:
    """Find schemas, types, functions and the like renamed or moved to another schema."""
    if change.kind == "alter_object_schema_stmt":
        if change.target and scene.is_new(change.target):
            return None
        return f"{shown(change.target) or 'an object'} moves to the schema {change.node.newschema}"
    if change.target and scene.is_new(change.target):
        return None
    return f"{change.kind.removeprefix('rename OBJECT_')} becomes {change.node.newname}"
