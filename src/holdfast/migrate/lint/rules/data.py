"""Rules about rows that a migration writes."""

from __future__ import annotations

from holdfast.migrate.lint.changes import Change, shown
from holdfast.migrate.lint.grammar import Node, names_of, nodes_of
from holdfast.migrate.lint.locks import ACCESS_EXCLUSIVE
from holdfast.migrate.lint.rule import rule
from holdfast.migrate.lint.scene import Scene

_ROWS = (
    "ROW EXCLUSIVE on the table, and every row that it writes: blocks writers of the same rows until the end."
)


def _always_true(where: Node) -> bool:
    kind = where.WhichOneof("node")
    if kind is None:
        return True
    if kind == "a_const":
        return bool(where.a_const.HasField("boolval") and where.a_const.boolval.boolval)
    if kind == "a_expr" and names_of(where.a_expr.name) == ["="]:
        left, right = where.a_expr.lexpr, where.a_expr.rexpr
        constants = left.WhichOneof("node") == "a_const" and right.WhichOneof("node") == "a_const"
        same = left.a_const.ival == right.a_const.ival and left.a_const.sval == right.a_const.sval
        return bool(constants and same)
    return False


@rule(
    "update-all-rows",
    "update_stmt",
    danger="Every row is written anew in one transaction: the table doubles, writers wait, replicas lag "
    "behind.",
    lock=_ROWS,
    safe="Fill rows in batches outside of the migration, each its own transaction; or say which rows by "
    "WHERE.",
    example="UPDATE app.orders SET currency = 'EUR';",
    instead="UPDATE app.orders SET currency = 'EUR' WHERE id BETWEEN 1 AND 1000;",
    sized=True,
)
def update_all(change: Change, scene: Scene) -> str | None:
    """Find UPDATE without WHERE, or with one that always holds; a join is a condition too."""
    node = change.node
    if scene.is_new(change.target) or not _always_true(node.where_clause) or node.from_clause:
        return None
    return f"UPDATE of {shown(change.target)} without WHERE"


@rule(
    "delete-all-rows",
    "delete_stmt",
    danger="All rows are gone, one by one: it is slow, and nothing asks whether it was meant.",
    lock=_ROWS,
    safe="Say which rows by WHERE, in batches; TRUNCATE where all rows are to go and that is said with its "
    "reason.",
    example="DELETE FROM app.orders;",
    instead="DELETE FROM app.orders WHERE placed_at < '2020-01-01';",
    sized=False,
)
def delete_all(change: Change, scene: Scene) -> str | None:
    """Find DELETE without WHERE, or with one that always holds."""
    node = change.node
    if scene.is_new(change.target) or not _always_true(node.where_clause) or node.using_clause:
        return None
    return f"DELETE of {shown(change.target)} without WHERE"


@rule(
    "rows-under-exclusive-lock",
    "update_stmt",
    "delete_stmt",
    "insert_stmt",
    "merge_stmt",
    "index_stmt",
    "copy_stmt",
    "create_table_as_stmt",
    danger="A table that was locked against all before stays locked for as long as this runs.",
    lock="ACCESS EXCLUSIVE on the table that was changed before, until the transaction ends.",
    safe="Put what writes rows or builds indexes into a file of its own, before or after the change of the "
    "table.",
    example="ALTER TABLE app.orders ADD COLUMN currency text;\n"
    "UPDATE app.bills SET seen = true WHERE order_id IN (SELECT id FROM app.orders);",
    instead="ALTER TABLE app.orders ADD COLUMN currency text;\nCOMMENT ON COLUMN app.orders.currency IS "
    "'ISO 4217';",
    sized=True,
)
def under_lock(change: Change, scene: Scene) -> str | None:
    """Find work on rows in a transaction that holds ACCESS EXCLUSIVE on a table that stood before."""
    if not scene.transactional or _small_insert(change):
        return None
    if change.kind in ("index_stmt",) and scene.is_new(change.target):
        return None
    for lock in scene.taken:
        if lock.mode == ACCESS_EXCLUSIVE:
            verb = change.kind.partition("_")[0].upper().replace("INDEX", "CREATE INDEX")
            return f"{verb} while {lock.shown} is locked by {lock.why}"
    return None


def _small_insert(change: Change) -> bool:
    if change.kind != "insert_stmt":
        return False
    select = change.node.select_stmt
    return select.WhichOneof("node") is None or bool(select.select_stmt.values_lists)


@rule(
    "backfill-in-a-transaction",
    "update_stmt",
    "delete_stmt",
    "merge_stmt",
    danger="All rows are written in one transaction: their writers wait to its end, VACUUM cannot clean, "
    "replicas lag.",
    lock=_ROWS,
    safe="Fill rows in batches, each its own transaction, outside of the migration or in a '-- "
    "no-transaction' file.",
    example="UPDATE app.orders SET currency = 'EUR' WHERE currency IS NULL;",
    instead="UPDATE app.orders SET currency = 'EUR' WHERE id = 7;",
    level="advice",
    sized=True,
    up_only=True,
)
def backfill(change: Change, scene: Scene) -> str | None:
    """Find UPDATE and DELETE of many rows; one that names its rows by equality or bounds is not one."""
    node = change.node
    if scene.is_new(change.target) or not scene.transactional:
        return None
    if change.kind != "merge_stmt":
        where = node.where_clause
        if _always_true(where) or _bounded(where):
            return None
    return f"{change.kind.partition('_')[0].upper()} of {shown(change.target)}"


def _bounded(where: Node) -> bool:
    kind = where.WhichOneof("node")
    if kind == "bool_expr" and where.bool_expr.boolop == 1:  # AND
        return any(_bounded(each) for each in where.bool_expr.args)
    if kind != "a_expr":
        return bool(kind == "current_of_expr")
    names = names_of(where.a_expr.name)
    return names in (["="], ["BETWEEN"])


@rule(
    "not-in-subquery",
    "update_stmt",
    "delete_stmt",
    "select_stmt",
    "insert_stmt",
    danger="One NULL in the subquery makes NOT IN hold for no row at all, and it is planned badly.",
    safe="NOT EXISTS (SELECT ... WHERE ...).",
    example="DELETE FROM app.orders WHERE payer NOT IN (SELECT id FROM app.users);",
    instead="DELETE FROM app.orders AS o WHERE NOT EXISTS (SELECT FROM app.users AS u WHERE u.id = o.payer);",
    level="advice",
)
def not_in(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find NOT IN with a subquery."""
    if " IN" not in change.parsed.text.upper():
        return None
    for each in nodes_of(change.node, "bool_expr"):
        if each.boolop != 3 or each.args[0].WhichOneof("node") != "sub_link":  # NOT
            continue
        if each.args[0].sub_link.sub_link_type == 3:  # ANY
            return "NOT IN (SELECT ...)"
    return None


@rule(
    "compare-with-null",
    "update_stmt",
    "delete_stmt",
    "select_stmt",
    "insert_stmt",
    "CONSTR_CHECK",
    "index_stmt",
    danger="= NULL and <> NULL hold for no row, ever.",
    safe="IS NULL, IS NOT NULL, IS DISTINCT FROM.",
    example="UPDATE app.orders SET note = '' WHERE note = NULL AND id = 7;",
    instead="UPDATE app.orders SET note = '' WHERE note IS NULL AND id = 7;",
)
def compare_null(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find comparisons with the literal NULL."""
    if "NULL" not in change.parsed.text.upper():
        return None
    for each in nodes_of(change.node, "a_expr"):
        if each.kind != 1 or names_of(each.name)[-1] not in ("=", "<>", "!="):
            continue
        for side in (each.lexpr, each.rexpr):
            if side.WhichOneof("node") == "a_const" and side.a_const.isnull:
                return f"a comparison {names_of(each.name)[-1]} NULL"
    return None


@rule(
    "insert-without-columns",
    "insert_stmt",
    danger="It fails, or puts values into other columns, when the table has one more or another order.",
    safe="Name the columns.",
    example="INSERT INTO app.currencies VALUES ('EUR', 'Euro');",
    instead="INSERT INTO app.currencies (code, name) VALUES ('EUR', 'Euro');",
    level="advice",
)
def insert_columns(change: Change, scene: Scene) -> str | None:
    """Find INSERT that names no columns, into tables that stood before."""
    if change.node.cols or scene.is_new(change.target) or change.node.select_stmt.WhichOneof("node") is None:
        return None
    return f"INSERT INTO {shown(change.target)} without columns"


@rule(
    "dynamic-statement",
    "dynamic",
    danger="What it does is known only when it runs: nothing here can judge it.",
    lock="Not known.",
    safe="Write the statements out, or a literal in EXECUTE format('...').",
    example="DO $$ DECLARE command text := app.command(); BEGIN EXECUTE command; END $$;",
    instead="DO $$ BEGIN EXECUTE format('COMMENT ON TABLE %I IS %L', 'orders', 'x'); END $$;",
    level="advice",
)
def dynamic(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find EXECUTE of what is not known."""
    return f"EXECUTE {' '.join(change.parsed.text.split())[:60]}"


@rule(
    "not-understood",
    "unreadable",
    danger="PostgreSQL's grammar refuses it, so it fails when it runs; nothing here can judge it.",
    lock="Not known.",
    safe="Correct it. What only an older PostgreSQL takes, or psql, has no place in a migration.",
    example="ALTER TABLE app.orders ADD COLUM note text;",
    instead="ALTER TABLE app.orders ADD COLUMN note text;",
    squawk=("syntax-error",),
)
def unreadable(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Report what the grammar refuses."""
    return change.parsed.text


@rule(
    "waits-inside",
    "call",
    danger="A session lock deadlocks with CREATE INDEX CONCURRENTLY and is left behind by a pooler; a sleep "
    "keeps all locks.",
    lock="Whatever the transaction has locked, for as long as it waits.",
    safe="Leave it out: one migration runs at a time anyway, and files wait for each other by -- depends.",
    example="SELECT pg_advisory_lock(7);",
    instead="SELECT pg_advisory_xact_lock(7);",
)
def waits(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find session locks and sleeps."""
    if change.name in (
        "pg_sleep",
        "pg_sleep_for",
        "pg_sleep_until",
        "pg_advisory_lock",
        "pg_advisory_lock_shared",
    ):
        return f"{change.name}()"
    return None


@rule(
    "writes-catalogue",
    "update_stmt",
    "delete_stmt",
    "insert_stmt",
    danger="PostgreSQL's catalogues written by hand: a slip makes the database unusable, and no replica or "
    "dump is warned.",
    safe="The command that PostgreSQL has for it.",
    example="UPDATE pg_catalog.pg_attribute SET attnotnull = true WHERE attname = 'id';",
    instead="ALTER TABLE app.orders VALIDATE CONSTRAINT orders_id;",
)
def catalogue(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find DML on system catalogues."""
    schema, _, name = change.target.partition(".")
    if schema == "pg_catalog" or (schema == "public" and name.startswith("pg_")):
        return f"{change.kind.partition('_')[0].upper()} of {name}"
    return None


@rule(
    "alter-sequence-values",
    "alter_seq_stmt",
    "call",
    danger="Numbers are given twice, or run out: INSERTs fail on their key.",
    lock="SHARE ROW EXCLUSIVE on the sequence: blocks whoever wants its next number.",
    safe="setval to the highest number there is, in a statement that reads it.",
    example="ALTER SEQUENCE app.orders_id_seq RESTART WITH 1;",
    instead="SELECT setval('app.orders_id_seq', (SELECT max(id) FROM app.orders));",
    up_only=True,
    squawk=("ban-alter-sequence-values",),
)
def sequence_values(change: Change, scene: Scene) -> str | None:
    """Find sequences set to a literal number, or bounded anew."""
    if change.kind == "call":
        args = change.node.args
        literal = len(args) > 1 and args[1].WhichOneof("node") == "a_const"
        return "setval() to a literal number" if change.name == "setval" and literal else None
    if scene.is_new(change.target):
        return None
    risky = {"restart", "maxvalue", "minvalue", "increment", "cycle", "as"}
    found = [each.def_elem.defname for each in change.node.options if each.def_elem.defname in risky]
    return f"ALTER SEQUENCE {shown(change.target)} {found[0].upper()}" if found else None
