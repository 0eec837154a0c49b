"""Which locks a statement takes on what stands already, and what they keep others from.

Sources: the PostgreSQL documentation, "Explicit Locking" and the page of each command. Tables that a
statement makes are left out: nobody else can see them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from holdfast.migrate.lint.changes import Change, changes_of, key_of, shown
from holdfast.migrate.lint.grammar import Node, Parsed, object_type

ACCESS_SHARE, ROW_SHARE, ROW_EXCLUSIVE = "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE"
SHARE_UPDATE_EXCLUSIVE, SHARE = "SHARE UPDATE EXCLUSIVE", "SHARE"
SHARE_ROW_EXCLUSIVE, EXCLUSIVE, ACCESS_EXCLUSIVE = "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"
MODES = (
    ACCESS_SHARE, ROW_SHARE, ROW_EXCLUSIVE, SHARE_UPDATE_EXCLUSIVE,
    SHARE, SHARE_ROW_EXCLUSIVE, EXCLUSIVE, ACCESS_EXCLUSIVE,
)  # fmt: skip
BLOCKS = {
    ACCESS_SHARE: "only what locks ACCESS EXCLUSIVE",
    ROW_SHARE: "only what locks EXCLUSIVE",
    ROW_EXCLUSIVE: "index builds and changes of the table; no reads or writes of other rows",
    SHARE_UPDATE_EXCLUSIVE: "VACUUM, ANALYZE and changes of the table; no reads or writes",
    SHARE: "writes",
    SHARE_ROW_EXCLUSIVE: "writes",
    EXCLUSIVE: "writes and SELECT ... FOR UPDATE",
    ACCESS_EXCLUSIVE: "reads and writes",
}


@dataclass(frozen=True, slots=True)
class LockTaken:
    """A lock of a statement: on which relation, in which mode, what that blocks, and what takes it."""

    relation: str
    mode: str
    blocks: str
    why: str

    @property
    def shown(self) -> str:
        """The relation as people write it."""
        return shown(self.relation)


_ALTERED: dict[str, str] = {
    "AT_SetStatistics": SHARE_UPDATE_EXCLUSIVE,
    "AT_SetOptions": SHARE_UPDATE_EXCLUSIVE,
    "AT_ResetOptions": SHARE_UPDATE_EXCLUSIVE,
    "AT_ClusterOn": SHARE_UPDATE_EXCLUSIVE,
    "AT_DropCluster": SHARE_UPDATE_EXCLUSIVE,
    "AT_SetRelOptions": SHARE_UPDATE_EXCLUSIVE,
    "AT_ResetRelOptions": SHARE_UPDATE_EXCLUSIVE,
    "AT_ValidateConstraint": SHARE_UPDATE_EXCLUSIVE,
    "AT_AttachPartition": SHARE_UPDATE_EXCLUSIVE,
    "AT_DetachPartitionFinalize": SHARE_UPDATE_EXCLUSIVE,
    "AT_EnableTrig": SHARE_ROW_EXCLUSIVE,
    "AT_EnableAlwaysTrig": SHARE_ROW_EXCLUSIVE,
    "AT_EnableReplicaTrig": SHARE_ROW_EXCLUSIVE,
    "AT_DisableTrig": SHARE_ROW_EXCLUSIVE,
    "AT_EnableTrigAll": SHARE_ROW_EXCLUSIVE,
    "AT_DisableTrigAll": SHARE_ROW_EXCLUSIVE,
    "AT_EnableTrigUser": SHARE_ROW_EXCLUSIVE,
    "AT_DisableTrigUser": SHARE_ROW_EXCLUSIVE,
}
_STATEMENTS: dict[str, str] = {
    "insert_stmt": ROW_EXCLUSIVE,
    "update_stmt": ROW_EXCLUSIVE,
    "delete_stmt": ROW_EXCLUSIVE,
    "merge_stmt": ROW_EXCLUSIVE,
    "copy_stmt": ROW_EXCLUSIVE,
    "create_trig_stmt": SHARE_ROW_EXCLUSIVE,
    "rule_stmt": ACCESS_EXCLUSIVE,
    "create_policy_stmt": ACCESS_EXCLUSIVE,
    "alter_policy_stmt": ACCESS_EXCLUSIVE,
    "cluster_stmt": ACCESS_EXCLUSIVE,
    "rename_stmt": ACCESS_EXCLUSIVE,
    "alter_object_schema_stmt": ACCESS_EXCLUSIVE,
}
_DROPPED = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_INDEX", "OBJECT_SEQUENCE",
     "OBJECT_FOREIGN_TABLE", "OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE"}
)  # fmt: skip


def locks_of(
    parsed: Parsed, schema: str = "public", indexes: Mapping[str, str] | None = None
) -> list[LockTaken]:
    """Return the locks of one statement, the strongest of each relation, in the order it takes them.

    ``schema`` is that of unqualified names; ``indexes`` the table of each index that is known.
    """
    strongest: dict[str, LockTaken] = {}
    if parsed.node is None:
        return []
    for change in changes_of(parsed, schema):
        for relation, mode, why in _with_tables(_locks(change, schema), indexes or {}):
            other = strongest.get(relation)
            if other is None or MODES.index(mode) > MODES.index(other.mode):
                strongest[relation] = LockTaken(relation, mode, BLOCKS[mode], why)
    return list(strongest.values())


def _locks(change: Change, schema: str) -> Iterator[tuple[str, str, str]]:
    kind, target = change.kind, change.target
    if kind.startswith("AT_"):
        yield from _of_alter(change, schema)
    elif kind == "CONSTR_FOREIGN":
        mode = SHARE_ROW_EXCLUSIVE
        yield key_of(change.node.pktable, schema), mode, "FOREIGN KEY that refers to it"
    elif kind.startswith("drop "):
        yield from _of_drop(change)
    elif kind in _STATEMENTS and target:
        yield target, _STATEMENTS[kind], _words(kind)
    elif kind in _OTHERS:
        yield from _OTHERS[kind](change.node, target, schema)


def _with_tables(
    locks: Iterator[tuple[str, str, str]], indexes: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Yield each lock, and that of the table where an index is locked to be dropped or built anew."""
    for relation, mode, why in locks:
        yield relation, mode, why
        if relation in indexes:
            yield indexes[relation], SHARE if why == "REINDEX" and mode == ACCESS_EXCLUSIVE else mode, why


def _words(kind: str) -> str:
    words = kind.removesuffix("_stmt").replace("trig", "trigger").replace("alter_object_schema", "set_schema")
    return words.replace("_", " ").upper()


def _of_alter(change: Change, schema: str) -> Iterator[tuple[str, str, str]]:
    kind, command = change.kind, change.node
    words = kind.removeprefix("AT_")
    mode = _ALTERED.get(kind, ACCESS_EXCLUSIVE)
    if kind == "AT_AddConstraint":
        constraint = getattr(command, "def").constraint
        if constraint.HasField("pktable"):
            mode = SHARE_ROW_EXCLUSIVE
    elif kind in ("AT_AttachPartition", "AT_DetachPartition"):
        partition = getattr(command, "def").partition_cmd
        if kind == "AT_DetachPartition" and partition.concurrent:
            mode = SHARE_UPDATE_EXCLUSIVE
        yield key_of(partition.name, schema), ACCESS_EXCLUSIVE, _spaced(words)
    elif kind in ("AT_AddInherit", "AT_DropInherit"):
        yield key_of(getattr(command, "def").range_var, schema), SHARE_UPDATE_EXCLUSIVE, _spaced(words)
    yield change.target, mode, _spaced(words)


def _spaced(words: str) -> str:
    return "".join(f" {letter}" if letter.isupper() else letter for letter in words).strip().upper()


def _of_drop(change: Change) -> Iterator[tuple[str, str, str]]:
    kind = change.kind.removeprefix("drop ")
    if kind in _DROPPED:
        mode = SHARE_UPDATE_EXCLUSIVE if change.parsed.node.concurrent else ACCESS_EXCLUSIVE
        yield change.target, mode, f"DROP {kind.removeprefix('OBJECT_')}"


_REINDEX_TABLE = 2


def _index(node: Node, target: str, _schema: str) -> Iterator[tuple[str, str, str]]:
    if node.concurrent:
        yield target, SHARE_UPDATE_EXCLUSIVE, "CREATE INDEX CONCURRENTLY"
    else:
        yield target, SHARE, "CREATE INDEX"


def _reindex(node: Node, target: str, _schema: str) -> Iterator[tuple[str, str, str]]:
    if not target:
        return
    concurrently = any(each.def_elem.defname == "concurrently" for each in node.params)
    whole = SHARE if node.kind == _REINDEX_TABLE else ACCESS_EXCLUSIVE
    yield target, SHARE_UPDATE_EXCLUSIVE if concurrently else whole, "REINDEX"


def _vacuum(node: Node, _target: str, schema: str) -> Iterator[tuple[str, str, str]]:
    full = any(each.def_elem.defname == "full" for each in node.options)
    for each in node.rels:
        relation = key_of(each.vacuum_relation.relation, schema)
        yield (
            relation,
            ACCESS_EXCLUSIVE if full else SHARE_UPDATE_EXCLUSIVE,
            "VACUUM" if node.is_vacuumcmd else "ANALYZE",
        )


def _lock(node: Node, _target: str, schema: str) -> Iterator[tuple[str, str, str]]:
    for each in node.relations:
        yield key_of(each.range_var, schema), MODES[node.mode - 1], "LOCK TABLE"


def _truncate(node: Node, _target: str, schema: str) -> Iterator[tuple[str, str, str]]:
    for each in node.relations:
        yield key_of(each.range_var, schema), ACCESS_EXCLUSIVE, "TRUNCATE"


def _refresh(node: Node, target: str, _schema: str) -> Iterator[tuple[str, str, str]]:
    yield target, EXCLUSIVE if node.concurrent else ACCESS_EXCLUSIVE, "REFRESH MATERIALIZED VIEW"


def _create(node: Node, _target: str, schema: str) -> Iterator[tuple[str, str, str]]:
    for each in node.inh_relations:
        mode = ACCESS_EXCLUSIVE if node.HasField("partbound") else SHARE_UPDATE_EXCLUSIVE
        yield key_of(each.range_var, schema), mode, "CREATE TABLE under it"


def _replaced(node: Node, target: str, _schema: str) -> Iterator[tuple[str, str, str]]:
    if node.replace:
        yield target, ACCESS_EXCLUSIVE, "CREATE OR REPLACE VIEW"


def _sequence(node: Node, _target: str, schema: str) -> Iterator[tuple[str, str, str]]:
    yield key_of(node.sequence, schema), SHARE_ROW_EXCLUSIVE, "ALTER SEQUENCE"


def _select(node: Node, _target: str, schema: str) -> Iterator[tuple[str, str, str]]:
    mode = ROW_SHARE if node.locking_clause else ACCESS_SHARE
    for each in node.from_clause:
        if each.WhichOneof("node") == "range_var":
            yield key_of(each.range_var, schema), mode, "SELECT"


def _comment(node: Node, _target: str, schema: str) -> Iterator[tuple[str, str, str]]:
    names = [each.string.sval for each in node.object.list.items]
    if object_type(node.objtype) == "OBJECT_COLUMN":
        names = names[:-1]
    elif object_type(node.objtype) != "OBJECT_TABLE":
        return
    key = f"{names[-2] if len(names) > 1 else schema}.{names[-1]}"
    yield key, SHARE_UPDATE_EXCLUSIVE, "COMMENT"


def _statistics(node: Node, _target: str, schema: str) -> Iterator[tuple[str, str, str]]:
    for each in node.relations:
        if each.WhichOneof("node") == "range_var":
            yield key_of(each.range_var, schema), SHARE_UPDATE_EXCLUSIVE, "CREATE STATISTICS"


_OTHERS = {
    "index_stmt": _index,
    "reindex_stmt": _reindex,
    "vacuum_stmt": _vacuum,
    "lock_stmt": _lock,
    "truncate_stmt": _truncate,
    "refresh_mat_view_stmt": _refresh,
    "create_stmt": _create,
    "view_stmt": _replaced,
    "alter_seq_stmt": _sequence,
    "select_stmt": _select,
    "comment_stmt": _comment,
    "create_stats_stmt": _statistics,
}
