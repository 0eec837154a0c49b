"""Rules about types, names and keys: what is regretted later."""

from __future__ import annotations

from holdfast.migrate.lint.changes import Change, shown
from holdfast.migrate.lint.grammar import constraint_type
from holdfast.migrate.lint.known import Table, type_of
from holdfast.migrate.lint.rule import rule
from holdfast.migrate.lint.scene import Scene

_LATER = "None now; a later change of the type rewrites the table under ACCESS EXCLUSIVE."
_REG = frozenset(
    {"regproc", "regprocedure", "regoper", "regoperator", "regconfig", "regdictionary", "regcollation"}
)


def _type_rule_message(change: Change) -> str:
    return f"{shown(change.target)}.{change.name} is {type_of(change.node.type_name).type}"


@rule(
    "prefer-text",
    "column",
    danger="The length must be changed one day; char(n) pads with blanks that comparisons ignore and others "
    "do not.",
    lock=_LATER,
    safe="text, with a CHECK on its length where one matters.",
    example="CREATE TABLE app.tags (id bigint PRIMARY KEY, name varchar(20));",
    instead="CREATE TABLE app.tags (id bigint PRIMARY KEY, name text CHECK (length(name) <= 20));",
    level="advice",
    up_only=True,
    squawk=("prefer-text-field", "ban-char-field"),
)
def prefer_text(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find char(n) and varchar(n); PostgreSQL's own "char" is another type."""
    kind = type_of(change.node.type_name)
    if kind.type == "bpchar" or (kind.type == "varchar" and kind.modifiers):
        return f"{shown(change.target)}.{change.name} is {kind.type}{kind.modifiers or ''}".replace(",)", ")")
    return None


@rule(
    "prefer-timestamptz",
    "column",
    danger="It says no moment: what it means depends on the zone of whoever wrote it, twice a year it is "
    "ambiguous.",
    lock=_LATER,
    safe="timestamptz (and time without a zone where a time of day is meant).",
    example="CREATE TABLE app.visits (id bigint PRIMARY KEY, at timestamp);",
    instead="CREATE TABLE app.visits (id bigint PRIMARY KEY, at timestamptz);",
    level="advice",
    up_only=True,
    squawk=("prefer-timestamp-tz",),
)
def prefer_timestamptz(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find timestamp without time zone, and time with one."""
    if type_of(change.node.type_name).type not in ("timestamp", "timetz"):
        return None
    return _type_rule_message(change)


@rule(
    "prefer-bigint-key",
    "column",
    danger="Numbers end at 2,147,483,647; from then on every INSERT fails until the table is rewritten.",
    lock=_LATER,
    safe="bigint.",
    example="CREATE TABLE app.clicks (id integer PRIMARY KEY);",
    instead="CREATE TABLE app.clicks (id bigint PRIMARY KEY);",
    up_only=True,
    level="advice",
    squawk=("prefer-bigint-over-int", "prefer-bigint-over-smallint"),
)
def prefer_bigint(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find keys, numbered columns and references of 32 bits or fewer; other integers count what is small."""
    kind = type_of(change.node.type_name).type
    constraints = {constraint_type(each.constraint.contype) for each in change.node.constraints}
    numbered = {"CONSTR_PRIMARY", "CONSTR_IDENTITY"} & constraints
    if kind in ("serial", "serial4", "smallserial", "serial2") or (kind in ("int4", "int2") and numbered):
        return _type_rule_message(change)
    return None


@rule(
    "prefer-identity",
    "column",
    danger="The sequence is another object with rights of its own, and anybody may write any number.",
    safe="GENERATED ALWAYS AS IDENTITY.",
    example="CREATE TABLE app.clicks (id bigserial PRIMARY KEY);",
    instead="CREATE TABLE app.clicks (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);",
    level="advice",
    up_only=True,
    squawk=("prefer-identity",),
)
def prefer_identity(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find serial types."""
    return _type_rule_message(change) if "serial" in type_of(change.node.type_name).type else None


@rule(
    "prefer-jsonb",
    "column",
    danger="json has no equality: SELECT DISTINCT, GROUP BY and UNION over the table fail; no index serves "
    "it.",
    lock=_LATER,
    safe="jsonb, unless the exact text must be kept.",
    example="CREATE TABLE app.calls (id bigint PRIMARY KEY, body json);",
    instead="CREATE TABLE app.calls (id bigint PRIMARY KEY, body jsonb);",
    level="advice",
    up_only=True,
)
def prefer_jsonb(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find json."""
    return _type_rule_message(change) if type_of(change.node.type_name).type == "json" else None


@rule(
    "prefer-numeric",
    "column",
    danger="money changes its value with the server's lc_monetary, and has the digits of one currency only.",
    lock=_LATER,
    safe="numeric, or a bigint of the smallest unit, with the currency beside it.",
    example="CREATE TABLE app.bills (id bigint PRIMARY KEY, total money);",
    instead="CREATE TABLE app.bills (id bigint PRIMARY KEY, total numeric(14, 2));",
    level="advice",
    up_only=True,
)
def prefer_numeric(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find money."""
    return _type_rule_message(change) if type_of(change.node.type_name).type == "money" else None


@rule(
    "type-blocks-upgrade",
    "column",
    danger="pg_upgrade refuses the database: these types store numbers that another server gives to other "
    "objects.",
    lock=_LATER,
    safe="text of the name; regclass, regtype and regrole are taken along.",
    example="CREATE TABLE app.hooks (id bigint PRIMARY KEY, run regproc);",
    instead="CREATE TABLE app.hooks (id bigint PRIMARY KEY, run text);",
    level="advice",
    up_only=True,
)
def blocks_upgrade(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find reg types that pg_upgrade refuses."""
    return _type_rule_message(change) if type_of(change.node.type_name).type in _REG else None


@rule(
    "create-enum",
    "create_enum_stmt",
    danger="A value can be added and renamed, never taken away or moved.",
    safe="text with a CHECK, or a table of values with a foreign key, where values come and go.",
    example="CREATE TYPE app.mood AS ENUM ('sad', 'ok');",
    instead="CREATE TABLE app.moods (name text PRIMARY KEY);",
    level="advice",
    up_only=True,
)
def create_enum(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find enum types."""
    return f"CREATE TYPE {'.'.join(each.string.sval for each in change.node.type_name)} AS ENUM"


@rule(
    "identifier-too-long",
    "create_stmt",
    "column",
    "index_stmt",
    "CONSTR_CHECK",
    "CONSTR_FOREIGN",
    "CONSTR_UNIQUE",
    "CONSTR_PRIMARY",
    "AT_AddColumn",
    "rename OBJECT_TABLE",
    "rename OBJECT_COLUMN",
    danger="PostgreSQL cuts names at 63 bytes and says so in a notice only: two long names become one.",
    safe="A shorter name.",
    example="CREATE TABLE app.t (id bigint PRIMARY KEY, "
    "CONSTRAINT a_name_that_goes_on_and_on_until_it_is_longer_than_any_name_may_be CHECK (id > 0));",
    instead="CREATE TABLE app.t (id bigint PRIMARY KEY, CONSTRAINT t_positive CHECK (id > 0));",
    squawk=("identifier-too-long",),
)
def too_long(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find names that are cut; the grammar has cut them to 63 bytes already, or hands them over whole."""
    names = [change.name, change.target.rpartition(".")[2]]
    names += [getattr(change.node, each, "") for each in ("idxname", "newname")]
    for name in names:
        if len(name.encode()) < 63:
            continue
        place = change.parsed.text.find(name)
        follows = change.parsed.text[place + len(name) : place + len(name) + 1]
        if len(name.encode()) > 63 or follows.isalnum() or (follows in ("_", "$") and follows):
            return f"{name}... has more than 63 bytes"
    return None


@rule(
    "table-without-primary-key",
    "made",
    danger="No row can be named: logical replication refuses UPDATE and DELETE, duplicates cannot be told "
    "apart.",
    safe="A primary key, natural or GENERATED ALWAYS AS IDENTITY.",
    example="CREATE TABLE app.notes (body text);",
    instead="CREATE TABLE app.notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text);",
    level="advice",
    up_only=True,
)
def no_primary_key(change: Change, scene: Scene) -> str | None:
    """Find tables that the file makes and leaves without a primary key or a unique index of all rows."""
    table = scene.table(change.target)
    if table is None or table.partition_of or _copied(change):
        return None
    if table.primary_key or any(index.unique and not index.partial for index in table.indexes.values()):
        return None
    return f"{shown(change.target)} has no primary key"


def _copied(change: Change) -> bool:
    """Whether its columns are those of another table (LIKE, AS, INHERITS, OF), or it is temporary."""
    node = change.node
    if node.DESCRIPTOR.name != "CreateStmt" or node.inh_relations or node.HasField("of_typename"):
        return True
    if node.relation.relpersistence == "t":
        return True
    return any(each.WhichOneof("node") == "table_like_clause" for each in node.table_elts)


@rule(
    "foreign-key-without-index",
    "made",
    "AT_AddConstraint",
    danger="Each DELETE and key change in the other table reads all of this one, under locks on both.",
    lock="Row locks in both tables, for as long as the search takes.",
    safe="An index that begins with the columns of the foreign key.",
    example="CREATE TABLE app.lines (id bigint PRIMARY KEY, item bigint REFERENCES app.items (id));",
    instead="CREATE TABLE app.lines (id bigint PRIMARY KEY, item bigint REFERENCES app.items (id));\n"
    "CREATE INDEX ON app.lines (item);",
    level="advice",
    up_only=True,
)
def unindexed(change: Change, scene: Scene) -> str | None:
    """Find foreign keys of tables that this file makes without an index on them at its end."""
    table = scene.table(change.target)
    if change.kind != "made" or table is None:
        return None
    missing = [
        ", ".join(key.columns) for key in table.foreign_keys.values() if not _served(table, key.columns)
    ]
    return f"{shown(change.target)} ({'; '.join(missing)}) has no index" if missing else None


def _served(table: Table, columns: tuple[str, ...]) -> bool:
    for index in table.indexes.values():
        if set(index.columns[: len(columns)]) == set(columns):
            return True
        if index.unique and not index.partial and index.columns and set(index.columns) <= set(columns):
            return True
    return False
