"""What a migration does beyond its own database: a throwaway database on the same server must not run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from holdfast.migrate.files import Migration
from holdfast.migrate.lint.grammar import (
    DYNAMIC,
    UNREADABLE,
    Node,
    Parsed,
    Reader,
    names_of,
    nodes_of,
    object_type,
)

# Functions that write to, or reach, something outside of the database.
_OUTSIDE = frozenset(
    {
        "dblink", "dblink_connect", "dblink_exec", "dblink_send_query",
        "lo_export", "lo_import", "pg_file_write", "pg_file_unlink", "pg_file_rename",
        "pg_create_logical_replication_slot", "pg_create_physical_replication_slot",
        "pg_drop_replication_slot", "pg_logical_slot_get_changes", "pg_replication_slot_advance",
        "pg_promote", "pg_reload_conf", "pg_rotate_logfile", "pg_switch_wal", "pg_wal_replay_pause",
        "pg_terminate_backend", "pg_cancel_backend", "pg_import_system_collations",
        "pg_replication_origin_create", "pg_replication_origin_drop", "pg_read_file", "pg_ls_dir",
        "http_get", "http_post", "http", "schedule", "schedule_in_database", "unschedule",
    }
)  # fmt: skip
_ALWAYS = {
    "create_role_stmt": "CREATE ROLE",
    "alter_role_stmt": "ALTER ROLE",
    "alter_role_set_stmt": "ALTER ROLE ... SET",
    "drop_role_stmt": "DROP ROLE",
    "grant_role_stmt": "GRANT of a role",
    "drop_owned_stmt": "DROP OWNED",
    "reassign_owned_stmt": "REASSIGN OWNED",
    "alter_system_stmt": "ALTER SYSTEM",
    "createdb_stmt": "CREATE DATABASE",
    "dropdb_stmt": "DROP DATABASE",
    "alter_database_stmt": "ALTER DATABASE",
    "alter_database_set_stmt": "ALTER DATABASE ... SET",
    "alter_database_refresh_coll_stmt": "ALTER DATABASE ... REFRESH COLLATION VERSION",
    "create_table_space_stmt": "CREATE TABLESPACE",
    "drop_table_space_stmt": "DROP TABLESPACE",
    "alter_table_space_options_stmt": "ALTER TABLESPACE",
    "create_subscription_stmt": "CREATE SUBSCRIPTION",
    "alter_subscription_stmt": "ALTER SUBSCRIPTION",
    "drop_subscription_stmt": "DROP SUBSCRIPTION",
    "import_foreign_schema_stmt": "IMPORT FOREIGN SCHEMA",
    "alter_table_move_all_stmt": "ALTER ... ALL IN TABLESPACE",
    "load_stmt": "LOAD of a library",
    "check_point_stmt": "CHECKPOINT",
}
_OF_SERVER = frozenset({"OBJECT_ROLE", "OBJECT_DATABASE", "OBJECT_TABLESPACE", "OBJECT_SUBSCRIPTION"})


def server_wide_effects(migration: Migration) -> list[str]:
    """Return what either part of a migration does beyond its database, each with file and line.

    Empty means: nothing that can be seen. What cannot be read, and an EXECUTE whose text is known only
    when it runs, is reported too: it may.
    """
    found = []
    for part in (migration.up, migration.down):
        for parsed in Reader().read(part):
            found += [f"{migration.file}:{parsed.line}: {effect}" for effect in effects_of(parsed)]
    return found


def effects_of(parsed: Parsed) -> Iterator[str]:
    """Yield what one statement does beyond its database."""
    if parsed.kind in _ALWAYS:
        yield _ALWAYS[parsed.kind]
    elif parsed.kind == UNREADABLE:
        yield f"a statement that cannot be read ({parsed.text})"
    elif parsed.kind == DYNAMIC:
        yield "an EXECUTE whose text is known only when it runs"
    elif parsed.kind in _SOMETIMES:
        yield from _SOMETIMES[parsed.kind](parsed.node)
    if any(name in parsed.text for name in _OUTSIDE) and parsed.node is not None:
        yield from _outside_calls(parsed)


def _outside_calls(parsed: Parsed) -> Iterator[str]:
    if parsed.kind in ("create_function_stmt", "do_stmt"):  # what a block calls is seen in its own statements
        return
    for name in _called(parsed):
        if name in _OUTSIDE or name.startswith("dblink"):
            yield f"a call of {name}()"


def _called(parsed: Parsed) -> Iterator[str]:
    for call in nodes_of(parsed.node, "func_call"):
        yield names_of(call.funcname)[-1]


def _copy(node: Node) -> Iterator[str]:
    if node.is_program:
        yield "COPY ... PROGRAM"
    elif node.filename:
        yield "COPY of a file on the server"


def _renamed(node: Node) -> Iterator[str]:
    kind = object_type(node.rename_type)
    if kind in _OF_SERVER:
        yield f"ALTER {kind.removeprefix('OBJECT_')} ... RENAME"


def _owner(node: Node) -> Iterator[str]:
    kind = object_type(node.object_type)
    if kind in _OF_SERVER:
        yield f"ALTER {kind.removeprefix('OBJECT_')} ... OWNER TO"


def _comment(node: Node) -> Iterator[str]:
    kind = object_type(node.objtype)
    if kind in _OF_SERVER:
        yield f"a comment or label on a {kind.removeprefix('OBJECT_').lower()}"


def _granted(node: Node) -> Iterator[str]:
    kind = object_type(node.objtype)
    if kind in ("OBJECT_DATABASE", "OBJECT_TABLESPACE", "OBJECT_PARAMETER_ACL"):
        yield f"a grant on a {kind.removeprefix('OBJECT_').removesuffix('_ACL').lower()}"


def _tablespace(node: Node) -> Iterator[str]:
    if node.tablespacename:
        yield f"a table in the tablespace {node.tablespacename}"


def _index_tablespace(node: Node) -> Iterator[str]:
    if node.table_space:
        yield f"an index in the tablespace {node.table_space}"


_SOMETIMES: dict[str, Callable[[Node], Iterator[str]]] = {
    "copy_stmt": _copy,
    "rename_stmt": _renamed,
    "alter_owner_stmt": _owner,
    "comment_stmt": _comment,
    "sec_label_stmt": _comment,
    "grant_stmt": _granted,
    "create_stmt": _tablespace,
    "index_stmt": _index_tablespace,
}

SERVER_WIDE = (*_ALWAYS, *_SOMETIMES)
