"""Rules about a file as a whole: its transaction, its settings, and what reaches beyond the database."""

from __future__ import annotations

import re

from holdfast.migrate.lint.changes import Change
from holdfast.migrate.lint.effects import SERVER_WIDE, effects_of
from holdfast.migrate.lint.grammar import Node, alter_type, names_of
from holdfast.migrate.lint.locks import ACCESS_EXCLUSIVE
from holdfast.migrate.lint.rule import rule
from holdfast.migrate.lint.scene import Scene

_SET_DEFAULT, _RESET, _RESET_ALL = 2, 5, 6
_TIME = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(us|ms|s|min|h|d)?\s*")
_UNITS = {"us": 0.001, "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_MADE = frozenset(
    {"create_stmt", "create_table_as_stmt", "view_stmt", "create_function_stmt", "create_seq_stmt",
     "create_enum_stmt", "composite_type_stmt", "create_domain_stmt", "create_range_stmt"}
)  # fmt: skip
_ALONE = {
    "vacuum_stmt": "VACUUM",
    "createdb_stmt": "CREATE DATABASE",
    "dropdb_stmt": "DROP DATABASE",
    "alter_system_stmt": "ALTER SYSTEM",
    "create_table_space_stmt": "CREATE TABLESPACE",
    "drop_table_space_stmt": "DROP TABLESPACE",
    "create_subscription_stmt": "CREATE SUBSCRIPTION",
}


@rule(
    "outside-transaction-only",
    "index_stmt",
    "drop_stmt",
    "reindex_stmt",
    "AT_DetachPartition",
    *_ALONE,
    danger="PostgreSQL refuses it inside a transaction: the file fails.",
    safe="Put it into a file of its own with '-- no-transaction'.",
    example="CREATE INDEX CONCURRENTLY orders_placed ON app.orders (placed_at);",
    instead="-- no-transaction\n-- UP\nCREATE INDEX CONCURRENTLY orders_placed ON app.orders (placed_at);\n"
    "-- DOWN\nDROP INDEX CONCURRENTLY app.orders_placed;",
    squawk=("ban-concurrent-index-creation-in-transaction",),
)
def alone(change: Change, scene: Scene) -> str | None:
    """Find what cannot be in a transaction in a file that is one, or in a block."""
    if not scene.transactional and not change.parsed.inside:
        return None
    node = change.node
    if change.kind in ("index_stmt", "drop_stmt"):
        return "CONCURRENTLY in a transaction" if node.concurrent else None
    if change.kind == "AT_DetachPartition":
        concurrent = getattr(node, "def").partition_cmd.concurrent
        return "CONCURRENTLY in a transaction" if concurrent else None
    if change.kind == "reindex_stmt":
        concurrent = any(each.def_elem.defname == "concurrently" for each in node.params)
        whole = node.kind in (3, 4, 5)  # a schema, the system catalogues, the database
        return "REINDEX that cannot be in a transaction" if concurrent or whole else None
    if change.kind == "vacuum_stmt" and not node.is_vacuumcmd:
        return None
    return f"{_ALONE[change.kind]} in a transaction"


@rule(
    "no-transaction-needlessly",
    "end",
    danger="A failure in the middle leaves what came before it; a transaction would leave the database "
    "unchanged.",
    safe="Leave '-- no-transaction' out.",
    example="-- no-transaction\n-- UP\nCREATE TABLE app.a (id bigint PRIMARY KEY);\nCREATE TABLE app.b (id "
    "bigint "
    "PRIMARY KEY);\n-- DOWN\nDROP TABLE app.b;\nDROP TABLE app.a;",
    instead="CREATE TABLE app.a (id bigint PRIMARY KEY);\nCREATE TABLE app.b (id bigint PRIMARY KEY);",
    level="advice",
    up_only=True,
)
def needless(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find files without a transaction whose every statement could be in one."""
    if scene.transactional or scene.migration is None:
        return None
    statements = [*scene.migration.up, *scene.migration.down]
    if len(scene.migration.up) < 2:
        return None
    words = {word for statement in statements for word in statement.words}
    apart = {"CONCURRENTLY", "VACUUM", "COMMIT", "SYSTEM", "TABLESPACE", "SUBSCRIPTION", "DATABASE", "CALL",
             "DO", "VALIDATE", "UPDATE", "DELETE", "REINDEX", "VALUE", "INSERT"}  # fmt: skip
    return "every statement could be in one transaction" if not words & apart else None


@rule(
    "disables-timeouts",
    "variable_set_stmt",
    "call",
    danger="A statement that waits for its lock makes everybody behind it wait as well, without an end.",
    lock="Whatever the file asks for, queued in front of all others.",
    safe="Leave lock_timeout to Holdfast; '-- lock-budget: 5s' for one file.",
    example="SET lock_timeout = 0;",
    instead="-- lock-budget: 5s\n-- UP\nCREATE TABLE app.t (id bigint PRIMARY KEY);\n-- DOWN\nDROP TABLE "
    "app.t;",
    squawk=("require-timeout-settings",),
)
def timeouts(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find lock_timeout switched off, by SET, RESET or set_config."""
    if change.kind == "variable_set_stmt" and change.node.kind in (_SET_DEFAULT, _RESET, _RESET_ALL):
        gone = change.node.name == "lock_timeout" or change.node.kind == _RESET_ALL
        return f"{change.parsed.text.split()[0].upper()} takes lock_timeout away" if gone else None
    given = _lock_timeout(change)
    return None if given is None or _milliseconds(given) != 0 else "lock_timeout is switched off"


@rule(
    "own-lock-timeout",
    "variable_set_stmt",
    "call",
    danger="In one transaction it holds from there on in place of the file's budget: whoever queues behind a "
    "waiting statement waits for as long. Statement by statement, the budget is set anew.",
    lock="Whatever the file asks for, queued in front of all others until that time is up.",
    safe="'-- lock-budget: 5s' above -- UP says the same, and `prove` holds the file to it.",
    example="SET lock_timeout = '5s';",
    instead="-- lock-budget: 5s\n-- UP\nCREATE TABLE app.t (id bigint PRIMARY KEY);\n-- DOWN\nDROP TABLE "
    "app.t;",
    level="advice",
)
def own_timeout(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find lock_timeout set to a time, or to what only running it tells."""
    given = _lock_timeout(change)
    if given is None or _milliseconds(given) == 0:
        return None
    known = given.WhichOneof("node") == "a_const" and _milliseconds(given) is not None
    return f"lock_timeout is set to {_text(given) if known else 'what is known only at run time'}"


def _lock_timeout(change: Change) -> Node | None:
    """Return the value that lock_timeout is set to, where a change does that."""
    node = change.node
    if change.kind == "call":
        named = change.name == "set_config" and len(node.args) > 1 and _text(node.args[0]) == "lock_timeout"
        return node.args[1] if named else None
    return node.args[0] if node.name == "lock_timeout" and node.args else None


def _text(node: Node) -> str:
    """Return a constant as it is written; empty for anything else."""
    kind = node.a_const.WhichOneof("val")
    if kind == "ival":
        return str(node.a_const.ival.ival)
    return str(getattr(getattr(node.a_const, kind), kind)) if kind in ("sval", "fval") else ""


def _milliseconds(node: Node) -> int | None:
    """Return a time as the server takes it, in whole milliseconds; None where that is not known."""
    match = _TIME.fullmatch(_text(node))
    return round(float(match[1]) * _UNITS[match[2] or "ms"]) if match else None


@rule(
    "disables-guards",
    "variable_set_stmt",
    danger="Triggers, foreign keys or row policies do not hold while it is set: what is written then is "
    "never checked.",
    safe="Leave it on; defer constraints (SET CONSTRAINTS ... DEFERRED) where the order of rows is the "
    "matter.",
    example="SET session_replication_role = replica;",
    instead="SET CONSTRAINTS ALL DEFERRED;",
)
def guards(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find settings that switch checks off."""
    names = ("session_replication_role", "ignore_checksum_failure", "row_security", "zero_damaged_pages",
             "allow_system_table_mods", "synchronous_commit", "fsync")  # fmt: skip
    return f"SET {change.node.name}" if change.node.name in names else None


@rule(
    "function-bodies-unchecked",
    "variable_set_stmt",
    danger="A slip in a function's body is not found when it is made, but when it is first called.",
    safe="Leave check_function_bodies on. Off, it is of use where a function stands in front of what it "
    "names, as in a baseline or a dump.",
    example="SET check_function_bodies = off;\n"
    "CREATE FUNCTION app.one() RETURNS int LANGUAGE sql AS 'SELECT 1';",
    instead="SET check_function_bodies = off;\n"
    "CREATE FUNCTION app.count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM app.orders';\n"
    "CREATE TABLE app.orders (id bigint PRIMARY KEY);",
    level="advice",
)
def bodies(change: Change, scene: Scene) -> str | None:
    """Find check_function_bodies off for functions behind which nothing is made that they could need."""
    if not _unchecks(change.node):
        return None
    later = False
    for each in reversed(scene.statements):
        if each is change.parsed:
            return None
        if each.kind == "create_function_stmt" and not later:
            return f"{'.'.join(names_of(each.node.funcname))}() is made with check_function_bodies off"
        later = later or each.kind in _MADE
    return None


def _unchecks(node: Node) -> bool:
    if node.name != "check_function_bodies" or not node.args:
        return False
    return _text(node.args[0]).lower() in ("off", "of", "false", "no", "0")


@rule(
    "locks-several-tables",
    "end",
    danger="Two transactions that lock the same tables in another order wait for each other until one is "
    "killed.",
    lock="ACCESS EXCLUSIVE on several tables at once, until the transaction ends.",
    safe="One file for each table that is in use.",
    example="ALTER TABLE app.orders ADD COLUMN a text;\nALTER TABLE app.bills ADD COLUMN a text;",
    instead="ALTER TABLE app.orders ADD COLUMN a text, ADD COLUMN b text;",
    level="advice",
)
def several(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find transactions that lock several tables that stood before, but those that undo what UP made."""
    if not scene.transactional:
        return None
    tables = dict.fromkeys(
        lock.shown
        for lock in scene.taken
        if lock.mode == ACCESS_EXCLUSIVE
        and not scene.undoes(lock.relation)
        and lock.relation in _tables(scene)
    )
    return f"{', '.join(tables)} are locked together" if len(tables) > 1 else None


def _tables(scene: Scene) -> set[str]:
    """Return the tables that statements of the part alter; indexes and views are none."""
    found = set()
    for each in scene.statements:
        relation = getattr(each.node, "relation", None)
        if each.kind in ("alter_table_stmt", "rename_stmt", "create_policy_stmt") and relation is not None:
            found.add(f"{relation.schemaname or scene.schema}.{relation.relname}")
    return found


@rule(
    "alter-table-twice",
    "end",
    danger="Each ALTER TABLE waits for its lock and reads or writes the table by itself.",
    lock="The same, once more.",
    safe="One ALTER TABLE with several subcommands.",
    example="ALTER TABLE app.orders ADD COLUMN a text;\nALTER TABLE app.orders ADD COLUMN b text;",
    instead="ALTER TABLE app.orders ADD COLUMN a text, ADD COLUMN b text;",
    level="advice",
    up_only=True,
)
def twice(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find statements next to each other that add or alter columns of one table that stood before."""
    before = ""
    for each in scene.statements:
        key = ""
        if each.kind == "alter_table_stmt" and not each.inside and _joins(each.node):
            key = f"{each.node.relation.schemaname or scene.schema}.{each.node.relation.relname}"
        if key and key == before and not scene.is_new(key) and scene.transactional:
            return f"two ALTER TABLE {each.node.relation.relname} behind each other"
        before = key
    return None


def _joins(node: Node) -> bool:
    joined = {"AT_AddColumn", "AT_DropColumn", "AT_AlterColumnType", "AT_SetNotNull", "AT_ColumnDefault"}
    return all(alter_type(each.alter_table_cmd.subtype) in joined for each in node.cmds)


@rule(
    "server-wide-effect",
    *SERVER_WIDE,
    danger="It changes more than this database: it cannot be proven on a throwaway one, undone with it, or "
    "run twice.",
    safe="Do it where the server is set up; grant to roles that are there.",
    example="CREATE ROLE teller;",
    instead="GRANT SELECT ON app.orders TO teller;",
    level="advice",
    squawk=("ban-alter-role-options", "ban-alter-database-options", "ban-alter-system-options"),
)
def server_wide(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find what ``effects`` names."""
    if change.kind == "call":
        return None
    return next(effects_of(change.parsed), None) if change.node is change.parsed.node else None


@rule(
    "runs-a-program",
    "copy_stmt",
    danger="The server runs a program, or reads and writes files, as its operating-system account.",
    safe="Load data by a job outside of migrations; rows that belong to the schema as INSERT statements.",
    example="COPY app.orders FROM PROGRAM 'curl https://example.com/orders';",
    instead="INSERT INTO app.currencies (code) VALUES ('EUR');",
)
def program(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find COPY from and to programs and files."""
    if change.node.is_program:
        return "COPY ... PROGRAM"
    return f"COPY of {change.node.filename}" if change.node.filename else None


@rule(
    "takes-what-is-there",
    "create_stmt",
    "create_seq_stmt",
    "create_table_as_stmt",
    danger="A table of that name with other columns is taken for this one, and DOWN drops what UP did not "
    "make.",
    safe="Leave IF NOT EXISTS out: the history knows whether the file was applied; `adopt` takes over what "
    "stands.",
    example="CREATE TABLE IF NOT EXISTS app.orders (id bigint PRIMARY KEY);",
    instead="CREATE TABLE app.orders (id bigint PRIMARY KEY);",
    level="advice",
    up_only=True,
)
def if_not_exists(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find CREATE TABLE IF NOT EXISTS and its like."""
    return f"IF NOT EXISTS for {change.target}" if change.node.if_not_exists else None


@rule(
    "extension-changed",
    "alter_extension_stmt",
    danger="The extension's own scripts run: they may rewrite, lock or drop what depends on it.",
    lock="Whatever its scripts lock.",
    safe="Read its release notes, try it on a copy, and allow it with that as the reason.",
    example="ALTER EXTENSION postgis UPDATE;",
    instead="CREATE EXTENSION IF NOT EXISTS pg_trgm;",
    up_only=True,
    squawk=("ban-alter-extension",),
)
def extension(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find ALTER EXTENSION ... UPDATE."""
    return f"ALTER EXTENSION {change.node.extname} UPDATE"
