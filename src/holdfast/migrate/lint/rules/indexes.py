"""Rules about indexes."""

from __future__ import annotations

from holdfast.migrate.lint.changes import Change, shown
from holdfast.migrate.lint.known import columns_of
from holdfast.migrate.lint.rule import EXCLUSIVE, rule
from holdfast.migrate.lint.scene import Scene

_CONCURRENT_FILE = "-- no-transaction\n-- UP\n{up}\n-- DOWN\n{down}"


@rule(
    "create-index",
    "index_stmt",
    danger="Nobody can write to the table until the index is built.",
    lock="SHARE on the table: blocks writes, not reads, until it is built.",
    safe="CREATE INDEX CONCURRENTLY, with a name, in a file with '-- no-transaction'.",
    example="CREATE INDEX orders_placed ON app.orders (placed_at);",
    instead=_CONCURRENT_FILE.format(
        up="CREATE INDEX CONCURRENTLY orders_placed ON app.orders (placed_at);",
        down="DROP INDEX CONCURRENTLY app.orders_placed;",
    ),
    sized=True,
    squawk=("require-concurrent-index-creation",),
)
def create_index(change: Change, scene: Scene) -> str | None:
    """Find indexes built in the way of writers; ON ONLY of a partitioned table builds nothing."""
    node = change.node
    if node.concurrent or scene.is_new(change.target) or not node.relation.inh:
        return None
    return f"CREATE INDEX {node.idxname or ''} on {shown(change.target)}".replace("  ", " ")


@rule(
    "index-on-partitioned-table",
    "index_stmt",
    danger="CONCURRENTLY is refused on a partitioned table.",
    safe="CREATE INDEX ON ONLY the parent, build it CONCURRENTLY on each partition, then ATTACH each.",
    example="-- no-transaction\n-- UP\nCREATE TABLE app.log (at timestamptz PRIMARY KEY) PARTITION BY RANGE "
    "(at);\n"
    "CREATE INDEX CONCURRENTLY log_at ON app.log (at);\n-- DOWN\nDROP TABLE app.log;",
    instead="CREATE INDEX log_at ON ONLY app.log (at);",
)
def partitioned(change: Change, scene: Scene) -> str | None:
    """Find CONCURRENTLY on tables that the files make partitioned."""
    table = scene.table(change.target)
    if not change.node.concurrent or table is None or not table.partitioned:
        return None
    return f"CREATE INDEX CONCURRENTLY on the partitioned {shown(change.target)}"


@rule(
    "drop-index",
    "drop OBJECT_INDEX",
    danger="It waits for every query on the table to end, and all others wait behind it.",
    lock=EXCLUSIVE,
    safe="DROP INDEX CONCURRENTLY in a file with '-- no-transaction'.",
    example="DROP INDEX app.orders_placed;",
    instead=_CONCURRENT_FILE.format(
        up="DROP INDEX CONCURRENTLY app.orders_placed;",
        down="CREATE INDEX CONCURRENTLY orders_placed ON app.orders (placed_at);",
    ),
    squawk=("require-concurrent-index-deletion", "ban-drop-index"),
)
def drop_index(change: Change, scene: Scene) -> str | None:
    """Find indexes of tables that stood before dropped in the way of everybody."""
    if change.parsed.node.concurrent:
        return None
    table = scene.indexes.get(change.target)
    if table is not None and (scene.is_new(table) or scene.undoes(table)):
        return None
    return f"DROP INDEX {shown(change.target)}"


@rule(
    "reindex",
    "reindex_stmt",
    danger="Nobody can write to the table, nor read by the index, until it is built anew.",
    lock="SHARE on the table and ACCESS EXCLUSIVE on each index: blocks writes, and reads that plan with it.",
    safe="REINDEX ... CONCURRENTLY in a file with '-- no-transaction'.",
    example="REINDEX TABLE app.orders;",
    instead=_CONCURRENT_FILE.format(
        up="REINDEX TABLE CONCURRENTLY app.orders;", down="REINDEX TABLE CONCURRENTLY app.orders;"
    ),
    sized=True,
    squawk=("require-concurrent-reindex",),
)
def reindex(change: Change, scene: Scene) -> str | None:
    """Find REINDEX in the way of others."""
    if any(each.def_elem.defname == "concurrently" for each in change.node.params):
        return None
    if scene.is_new(change.target):
        return None
    return f"REINDEX {shown(change.target)}".rstrip()


@rule(
    "index-if-not-exists",
    "index_stmt",
    danger="An index of that name with other columns, or left INVALID by a killed build, is taken for this "
    "one.",
    safe="Leave IF NOT EXISTS out: the history knows whether the file was applied.",
    example="-- no-transaction\n-- UP\nCREATE INDEX CONCURRENTLY IF NOT EXISTS placed ON app.orders "
    "(placed_at);\n"
    "-- DOWN\nDROP INDEX CONCURRENTLY app.placed;",
    instead=_CONCURRENT_FILE.format(
        up="CREATE INDEX CONCURRENTLY orders_placed ON app.orders (placed_at);",
        down="DROP INDEX CONCURRENTLY app.orders_placed;",
    ),
    level="advice",
)
def if_not_exists(change: Change, scene: Scene) -> str | None:
    """Find IF NOT EXISTS on indexes of tables that stood before."""
    if not change.node.if_not_exists or scene.is_new(change.target):
        return None
    return f"CREATE INDEX IF NOT EXISTS {change.node.idxname}"


@rule(
    "wide-index",
    "index_stmt",
    danger="Columns behind the third rarely help a search, and every write pays for them.",
    safe="Keep the columns that narrow the search first, or INCLUDE the others.",
    example="CREATE TABLE app.orders (a int, b int, c int, d int);\nCREATE INDEX ON app.orders (a, b, c, d);",
    instead="CREATE TABLE app.orders (id bigint PRIMARY KEY, a int, b int, c int, d int);\n"
    "CREATE INDEX ON app.orders (a, b) INCLUDE (c, d);",
    level="advice",
    up_only=True,
)
def wide(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find indexes that are not unique of more than three columns."""
    columns = columns_of(change.node.index_params)
    if change.node.unique or len(columns) < 4 or change.node.access_method not in ("", "btree"):
        return None
    return f"an index of {len(columns)} columns on {shown(change.target)}"


@rule(
    "duplicate-index",
    "index_stmt",
    danger="Another index begins with the same columns: this one costs every write and serves no search.",
    safe="Leave it out, or drop the shorter one.",
    example="CREATE TABLE app.lines (item bigint, place int, PRIMARY KEY (item, place));\n"
    "CREATE INDEX ON app.lines (item);",
    instead="CREATE TABLE app.lines (item bigint, place int, PRIMARY KEY (item, place));\n"
    "CREATE INDEX ON app.lines (place);",
    level="advice",
    up_only=True,
)
def duplicate(change: Change, scene: Scene) -> str | None:
    """Find plain btree indexes that lead another plain btree index of the same table."""
    node = change.node
    table = scene.table(change.target)
    columns = columns_of(node.index_params)
    plain = not node.unique and not node.HasField("where_clause") and node.access_method in ("", "btree")
    ordered = any(each.index_elem.ordering > 1 or each.index_elem.opclass for each in node.index_params)
    if table is None or not plain or ordered or "()" in columns:
        return None
    for name, index in table.indexes.items():
        if index.method == "btree" and not index.partial and index.columns[: len(columns)] == columns:
            return f"{node.idxname or 'an index'} on ({', '.join(columns)}), as {name} begins with them"
    return None
