"""Rules about whole tables: rewriting, partitions, triggers, rules, views."""

from __future__ import annotations

from holdfast.migrate.lint.changes import Change, key_of, shown
from holdfast.migrate.lint.grammar import names_of, object_type
from holdfast.migrate.lint.rule import EXCLUSIVE, WRITES, rule
from holdfast.migrate.lint.scene import Scene

_COPY = f"{EXCLUSIVE} It is held while the whole table is copied."


@rule(
    "vacuum-full",
    "vacuum_stmt",
    danger="The whole table and its indexes are copied while nobody may even read them.",
    lock=_COPY,
    safe="Plain VACUUM; to give space back, pg_repack or pg_squeeze, or moving rows in batches.",
    example="-- no-transaction\n-- UP\nVACUUM FULL app.orders;\n-- DOWN\nANALYZE app.orders;",
    instead="-- no-transaction\n-- UP\nVACUUM (ANALYZE) app.orders;\n-- DOWN\nANALYZE app.orders;",
    sized=True,
    squawk=("prefer-repack",),
)
def vacuum_full(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find VACUUM FULL."""
    if not any(each.def_elem.defname == "full" for each in change.node.options):
        return None
    tables = [key_of(each.vacuum_relation.relation, "public") for each in change.node.rels]
    return f"VACUUM FULL of {', '.join(map(shown, tables)) or 'every table'}"


@rule(
    "cluster",
    "cluster_stmt",
    danger="The whole table and its indexes are copied in another order while nobody may even read them.",
    lock=_COPY,
    safe="pg_repack with an order, or a BRIN index where the order of arrival serves.",
    example="CLUSTER app.orders USING orders_placed;",
    instead="ALTER TABLE app.orders CLUSTER ON orders_placed;",
    sized=True,
    squawk=("prefer-repack",),
)
def cluster(change: Change, scene: Scene) -> str | None:
    """Find CLUSTER of tables that stood before."""
    if change.target and scene.is_new(change.target):
        return None
    return f"CLUSTER {shown(change.target) or 'of every table that has been clustered'}"


@rule(
    "rewrite-table",
    "AT_SetLogged",
    "AT_SetUnLogged",
    "AT_SetTableSpace",
    "AT_SetAccessMethod",
    danger="The whole table is copied (and, for SET LOGGED, written to the log) while nobody may even read "
    "it.",
    lock=_COPY,
    safe="Make a new table as it should be, copy rows in batches while both are written, then swap their "
    "names.",
    example="ALTER TABLE app.orders SET LOGGED;",
    instead="CREATE TABLE app.orders_logged (LIKE app.orders INCLUDING ALL);",
    sized=True,
)
def rewrite(change: Change, scene: Scene) -> str | None:
    """Find subcommands that copy the table."""
    if scene.is_new(change.target):
        return None
    words = {"AT_SetLogged": "LOGGED", "AT_SetUnLogged": "UNLOGGED", "AT_SetTableSpace": "TABLESPACE"}
    return f"SET {words.get(change.kind, 'ACCESS METHOD')} on {shown(change.target)}"


@rule(
    "unlogged-table",
    "create_stmt",
    "AT_SetUnLogged",
    danger="After a crash, and on every replica, the table is empty; backups by the log do not hold it.",
    safe="Leave UNLOGGED out, but for what can be made anew at any time.",
    example="CREATE UNLOGGED TABLE app.baskets (id bigint PRIMARY KEY);",
    instead="CREATE TABLE app.baskets (id bigint PRIMARY KEY);",
)
def unlogged(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find tables that do not survive a crash."""
    if change.kind == "create_stmt" and change.node.relation.relpersistence != "u":
        return None
    return f"{shown(change.target)} is UNLOGGED"


@rule(
    "refresh-materialized-view",
    "refresh_mat_view_stmt",
    danger="Nobody can read the view until its query has run to the end.",
    lock="ACCESS EXCLUSIVE on the view: blocks reads. CONCURRENTLY: EXCLUSIVE, which does not.",
    safe="REFRESH MATERIALIZED VIEW CONCURRENTLY (it needs a unique index), outside of migrations.",
    example="REFRESH MATERIALIZED VIEW app.totals;",
    instead="REFRESH MATERIALIZED VIEW CONCURRENTLY app.totals;",
    sized=True,
)
def refresh(change: Change, scene: Scene) -> str | None:
    """Find REFRESH in the way of readers."""
    if change.node.concurrent or change.node.skip_data or scene.is_new(change.target):
        return None
    return f"REFRESH MATERIALIZED VIEW {shown(change.target)}"


@rule(
    "lock-table",
    "lock_stmt",
    danger="The lock is held until the transaction ends, whatever else the file does.",
    lock="The mode that is named; ACCESS EXCLUSIVE, which blocks reads and writes, where none is.",
    safe="Let each statement take the lock that it needs; where rows must stand still, SELECT ... FOR "
    "UPDATE them.",
    example="LOCK TABLE app.orders;",
    instead="LOCK TABLE app.orders IN ACCESS SHARE MODE;",
)
def lock_table(change: Change, scene: Scene) -> str | None:
    """Find LOCK TABLE in a mode that keeps writers off."""
    tables = [key_of(each.range_var, scene.schema) for each in change.node.relations]
    old = [each for each in tables if not scene.is_new(each)]
    if change.node.mode < 5 or not old:  # below SHARE nobody's writes wait
        return None
    return f"LOCK TABLE {', '.join(map(shown, old))}"


@rule(
    "create-trigger",
    "create_trig_stmt",
    danger="It waits for all writers of the table, others wait behind it, and from then on it runs in every "
    "write.",
    lock=f"{WRITES} Only for a moment.",
    safe="Keep the file short and its lock budget small, deploy a function that is quick and known to work.",
    example="CREATE TRIGGER orders_seen AFTER INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION app.see();",
    instead="CREATE TABLE app.bills (id bigint PRIMARY KEY);\n"
    "CREATE TRIGGER seen AFTER INSERT ON app.bills FOR EACH ROW EXECUTE FUNCTION app.see();",
    level="advice",
    up_only=True,
    squawk=("ban-new-write-restriction",),
)
def create_trigger(change: Change, scene: Scene) -> str | None:
    """Find triggers on tables that stood before."""
    if scene.is_new(change.target):
        return None
    return f"CREATE TRIGGER {change.node.trigname} on {shown(change.target)}"


@rule(
    "disable-trigger",
    "AT_DisableTrig",
    "AT_DisableTrigAll",
    "AT_DisableTrigUser",
    danger="What the trigger keeps true is not kept; DISABLE TRIGGER ALL switches foreign keys off as well.",
    lock=WRITES,
    safe="Leave it on; a backfill that must not fire it says so by a setting that the trigger asks for.",
    example="ALTER TABLE app.orders DISABLE TRIGGER ALL;",
    instead="ALTER TABLE app.orders ENABLE TRIGGER orders_seen;",
    squawk=("ban-disable-trigger",),
)
def disable_trigger(change: Change, scene: Scene) -> str | None:
    """Find triggers switched off."""
    if scene.is_new(change.target):
        return None
    words = {"AT_DisableTrigAll": "ALL", "AT_DisableTrigUser": "USER"}
    return f"DISABLE TRIGGER {words.get(change.kind, change.name)} on {shown(change.target)}"


@rule(
    "attach-partition",
    "AT_AttachPartition",
    danger="Every row of the new partition is read to see that it fits, and every row of the default "
    "partition.",
    lock="ACCESS EXCLUSIVE on the partition and on the default partition, SHARE UPDATE EXCLUSIVE on the "
    "parent.",
    safe="Give the partition a CHECK that says its bounds (NOT VALID, then VALIDATE) before it is attached.",
    example="ALTER TABLE app.log ATTACH PARTITION app.log_2026 FOR VALUES FROM ('2026-01-01') TO "
    "('2027-01-01');",
    instead="CREATE TABLE app.log_2026 (at timestamptz NOT NULL, "
    "CHECK (at >= '2026-01-01' AND at < '2027-01-01'));\n"
    "ALTER TABLE app.log ATTACH PARTITION app.log_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');",
    sized=True,
)
def attach(change: Change, scene: Scene) -> str | None:
    """Find ATTACH PARTITION of a table that has no valid check, as far as the files tell."""
    partition = key_of(getattr(change.node, "def").partition_cmd.name, scene.schema)
    table = scene.table(partition)
    if scene.is_new(change.target) or scene.is_new(partition) or (table is not None and table.checked):
        return None
    if partition in scene.indexes:  # ATTACH of an index
        return None
    return f"ATTACH PARTITION {shown(partition)} to {shown(change.target)}"


@rule(
    "detach-partition",
    "AT_DetachPartition",
    danger="Nobody can use any partition until all queries of the table have ended and it is detached.",
    lock="ACCESS EXCLUSIVE on the parent and the partition: blocks reads and writes of all.",
    safe="DETACH PARTITION ... CONCURRENTLY in a file with '-- no-transaction'.",
    example="ALTER TABLE app.log DETACH PARTITION app.log_2025;",
    instead="-- no-transaction\n-- UP\nALTER TABLE app.log DETACH PARTITION app.log_2025 CONCURRENTLY;\n-- "
    "DOWN\n"
    "-- holdfast-lint: allow attach-partition: undoing is done while nobody works\n"
    "ALTER TABLE app.log ATTACH PARTITION app.log_2025 DEFAULT;",
    squawk=("require-concurrent-partition-detach", "ban-detach-inheritance"),
)
def detach(change: Change, scene: Scene) -> str | None:
    """Find DETACH PARTITION in the way of everybody."""
    command = getattr(change.node, "def").partition_cmd
    partition = key_of(command.name, scene.schema)
    if command.concurrent or scene.is_new(change.target) or scene.undoes(partition):
        return None
    return f"DETACH PARTITION {shown(partition)}"


@rule(
    "create-partition",
    "create_stmt",
    danger="It waits for every query of the partitioned table, all others wait behind it, and the default "
    "partition is read.",
    lock="ACCESS EXCLUSIVE on the parent: blocks reads and writes of all partitions.",
    safe="CREATE TABLE ... (LIKE parent INCLUDING ALL) with a CHECK of its bounds, then ATTACH PARTITION.",
    example="CREATE TABLE app.log_2027 PARTITION OF app.log FOR VALUES FROM ('2027-01-01') TO "
    "('2028-01-01');",
    instead="CREATE TABLE app.log_2027 (LIKE app.log INCLUDING ALL);\n"
    "ALTER TABLE app.log ATTACH PARTITION app.log_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');",
    level="advice",
    up_only=True,
)
def create_partition(change: Change, scene: Scene) -> str | None:
    """Find partitions made in place under a parent that stood before."""
    if not change.node.HasField("partbound"):
        return None
    parent = key_of(change.node.inh_relations[0].range_var, scene.schema)
    if scene.is_new(parent):
        return None
    return f"{shown(change.target)} PARTITION OF {shown(parent)}"


@rule(
    "table-inheritance",
    "create_stmt",
    "AT_AddInherit",
    "AT_DropInherit",
    danger="Keys, foreign keys and unique constraints do not hold across children, and queries change what "
    "they read.",
    lock=f"{EXCLUSIVE} Only for a moment.",
    safe="Declarative partitions, or a table of its own with a foreign key.",
    example="CREATE TABLE app.big_orders (reviewed_by text) INHERITS (app.orders);",
    instead="CREATE TABLE app.big_orders (order_id bigint PRIMARY KEY REFERENCES app.orders (id));",
    level="advice",
    up_only=True,
    squawk=("ban-detach-inheritance",),
)
def inheritance(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find inheritance that is not partitioning."""
    if change.kind == "create_stmt" and (change.node.HasField("partbound") or not change.node.inh_relations):
        return None
    return f"inheritance of {shown(change.target)}"


@rule(
    "create-rule",
    "rule_stmt",
    danger="A rule rewrites queries: it runs in other numbers and orders than is thought, RETURNING and "
    "COPY miss it.",
    lock=f"{EXCLUSIVE} Only for a moment.",
    safe="A trigger, or an INSTEAD OF trigger on a view.",
    example="CREATE RULE quiet AS ON DELETE TO app.orders DO INSTEAD NOTHING;",
    instead="CREATE TABLE app.bills (id bigint PRIMARY KEY);\n"
    "CREATE TRIGGER quiet BEFORE DELETE ON app.bills FOR EACH ROW EXECUTE FUNCTION app.refuse();",
)
def create_rule(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find rules."""
    return f"CREATE RULE {change.node.rulename} on {shown(change.target)}"


@rule(
    "replica-identity",
    "AT_ReplicaIdentity",
    danger="What replicas and consumers of changes are told changes: FULL writes every old row to the log, "
    "NOTHING makes UPDATE and DELETE of published tables fail.",
    lock=f"{EXCLUSIVE} Only for a moment.",
    safe="The primary key (DEFAULT), or USING INDEX of a unique one.",
    example="ALTER TABLE app.orders REPLICA IDENTITY FULL;",
    instead="ALTER TABLE app.orders REPLICA IDENTITY USING INDEX orders_number;",
    level="advice",
    up_only=True,
    squawk=("ban-replica-identity",),
)
def replica_identity(change: Change, scene: Scene) -> str | None:
    """Find REPLICA IDENTITY FULL and NOTHING."""
    identity = getattr(change.node, "def").replica_identity_stmt.identity_type
    if identity not in ("f", "n") or scene.is_new(change.target):
        return None
    return f"REPLICA IDENTITY {'FULL' if identity == 'f' else 'NOTHING'} on {shown(change.target)}"


@rule(
    "view-select-star",
    "view_stmt",
    danger="The columns of today are frozen into the view; the next one is missing in it, none can be "
    "dropped below it.",
    safe="Name the columns.",
    example="CREATE VIEW app.recent AS SELECT * FROM app.orders;",
    instead="CREATE VIEW app.recent AS SELECT id, placed_at FROM app.orders;",
    level="advice",
    up_only=True,
)
def select_star(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find SELECT * at the top of a view."""
    for each in change.node.query.select_stmt.target_list:
        value = each.res_target.val
        fields = value.column_ref.fields
        if fields and fields[-1].WhichOneof("node") == "a_star":
            return f"SELECT * in {shown(change.target)}"
    return None


@rule(
    "replace-view",
    "view_stmt",
    danger="Readers see other columns or rows from one moment to the next; it is refused where a column is "
    "missing.",
    lock="ACCESS EXCLUSIVE on the view: blocks its readers, only for a moment.",
    safe="Make a view with a new name, move its readers over, drop the old one later.",
    example="CREATE OR REPLACE VIEW app.recent AS SELECT id FROM app.orders;",
    instead="CREATE VIEW app.recent_orders AS SELECT id FROM app.orders;",
    level="advice",
    up_only=True,
    squawk=("ban-replace-view-function",),
)
def replace_view(change: Change, scene: Scene) -> str | None:
    """Find views that take the place of others."""
    if not change.node.replace or scene.is_new(change.target):
        return None
    return f"CREATE OR REPLACE VIEW {shown(change.target)}"


@rule(
    "event-trigger",
    "create_event_trig_stmt",
    danger="It runs in every later change of the schema, of migrations and restores too; a fault in it "
    "stops them all.",
    safe="Check what it would check in the migrations themselves.",
    example="CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION app.watch();",
    instead="CREATE TABLE app.bills (id bigint PRIMARY KEY);\n"
    "CREATE TRIGGER watch BEFORE TRUNCATE ON app.bills FOR EACH STATEMENT EXECUTE FUNCTION app.watch();",
    level="advice",
    up_only=True,
)
def event_trigger(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find event triggers."""
    return f"CREATE EVENT TRIGGER {change.node.trigname}"


@rule(
    "add-composite-attribute",
    "AT_AddColumn",
    "AT_DropColumn",
    "AT_AlterColumnType",
    danger="Every table with a column of the type is read or written anew, and stored values change their "
    "form.",
    lock="ACCESS EXCLUSIVE on the tables that use the type.",
    safe="Make a new type, or a table of its own.",
    example="ALTER TYPE app.address ADD ATTRIBUTE country text CASCADE;",
    instead="CREATE TYPE app.address_with_country AS (street text, country text);",
    up_only=True,
    squawk=("ban-add-composite-attribute",),
)
def composite(change: Change, scene: Scene) -> str | None:
    """Find changes of composite types that stood before."""
    if object_type(change.parsed.node.objtype) != "OBJECT_TYPE" or scene.is_new(change.target):
        return None
    return f"ALTER TYPE {shown(change.target)}"


@rule(
    "alter-enum",
    "alter_enum_stmt",
    danger="A value cannot be taken away again, a renamed one breaks code that sends the old word; "
    "a new one cannot be used by the transaction that adds it.",
    safe="Deploy code that knows the value first; a table of values with a foreign key where they come and "
    "go.",
    example="ALTER TYPE app.mood RENAME VALUE 'sad' TO 'blue';",
    instead="ALTER TYPE app.mood ADD VALUE 'calm' AFTER 'sad';",
    up_only=True,
)
def alter_enum(change: Change, scene: Scene) -> str | None:
    """Find values renamed, and values used in the transaction that adds them."""
    node = change.node
    if node.old_val:
        return f"RENAME VALUE '{node.old_val}' of {'.'.join(names_of(node.type_name))}"
    if not scene.transactional or ".".join(names_of(node.type_name)) in scene.new:
        return None
    later = [each for each in scene.statements if each.line > change.parsed.line]
    if any(
        f"'{node.new_val}'" in each.text and each.kind not in ("comment_stmt", "do_stmt") for each in later
    ):
        return f"'{node.new_val}' is added and used in one transaction"
    return None


@rule(
    "enum-order",
    "alter_enum_stmt",
    danger="The value comes last, whatever the order means: <, ORDER BY and ranges of the type follow it.",
    safe="Say BEFORE or AFTER which value it comes.",
    example="ALTER TYPE app.mood ADD VALUE 'calm';",
    instead="ALTER TYPE app.mood ADD VALUE 'calm' BEFORE 'sad';",
    level="advice",
    up_only=True,
    squawk=("require-enum-value-ordering", "ban-add-enum-value"),
)
def enum_order(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find values added without a place."""
    node = change.node
    if node.old_val or node.new_val_neighbor:
        return None
    return f"ADD VALUE '{node.new_val}' without a place"
