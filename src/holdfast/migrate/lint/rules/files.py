"""Rules about a file as a whole: its transaction, its settings, and what reaches beyond the database."""

from __future__ import annotations

from holdfast.migrate.lint.changes import Change
from holdfast.migrate.lint.effects import SERVER_WIDE, effects_of
from holdfast.migrate.lint.grammar import Node, alter_type
from holdfast.migrate.lint.locks import ACCESS_EXCLUSIVE
from holdfast.migrate.lint.rule import rule
from holdfast.migrate.lint.scene import Scene

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
    """Find lock_timeout set by the file itself, by SET or set_config."""
    if change.kind == "call":
        named = change.name == "set_config" and "lock_timeout" in change.parsed.text
        return "set_config of lock_timeout" if named else None
    return "SET lock_timeout" if change.node.name == "lock_timeout" else None


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
    names = ("session_replication_role", "check_function_bodies", "ignore_checksum_failure", "row_security",
             "zero_damaged_pages", "allow_system_table_mods", "synchronous_commit", "fsync")  # fmt: skip
    return f"SET {change.node.name}" if change.node.name in names else None


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
