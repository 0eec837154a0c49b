"""What stands around a change: what the file did before it, what earlier files made, sizes of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from holdfast.migrate.lint.changes import Change, key_of, key_of_names
from holdfast.migrate.lint.grammar import Node, Parsed, names_of
from holdfast.migrate.lint.known import (
    ForeignKey,
    Index,
    Table,
    columns_of,
    not_null_column,
    type_of,
)
from holdfast.migrate.lint.locks import LockTaken, locks_of
from holdfast.migrate.migration import Migration

Direction = Literal["up", "down"]
_MAKERS = {
    "create_stmt": "table",
    "create_table_as_stmt": "table",
    "create_foreign_table_stmt": "table",
    "view_stmt": "view",
    "create_seq_stmt": "sequence",
    "create_enum_stmt": "type",
    "composite_type_stmt": "type",
    "create_domain_stmt": "type",
    "create_range_stmt": "type",
}


@dataclass(slots=True)
class Scene:
    """What is known when a change is judged.

    ``tables`` are all that the files made so far; ``new`` the relations and types that this part of the
    file itself made, ``made`` what the file's UP made while its DOWN is judged; ``taken`` the locks that
    this part took so far on tables that stood before it. ``borrowed`` are the tables that another scene
    holds too: each is copied when it is first reached, as hardly any ever is.
    """

    tables: dict[str, Table] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)  # index: its table
    sizes: Mapping[str, int] = field(default_factory=dict)
    migration: Migration | None = None
    direction: Direction = "up"
    schema: str = "public"
    new: set[str] = field(default_factory=set)
    made: frozenset[str] = frozenset()
    taken: list[LockTaken] = field(default_factory=list)
    statements: Sequence[Parsed] = ()
    borrowed: set[str] = field(default_factory=set)

    def aside(self) -> Scene:
        """Return one that knows the same; what it takes in from now on, this one does not."""
        return replace(
            self,
            tables=dict(self.tables),
            indexes=dict(self.indexes),
            new=set(self.new),
            borrowed=set(self.tables),
        )

    def begin(self, migration: Migration, direction: Direction, statements: Sequence[Parsed]) -> None:
        """Go on to another part of a file."""
        self.made = frozenset(self.new) if direction == "down" else frozenset()
        self.migration, self.direction, self.statements = migration, direction, statements
        self.new, self.taken, self.schema = set(), [], "public"

    @property
    def transactional(self) -> bool:
        """Whether the file is one transaction."""
        return self.migration is None or self.migration.transactional

    def is_new(self, key: str) -> bool:
        """Whether this part of the file made it: nobody else can see it or has rows in it yet."""
        return key in self.new

    def undoes(self, key: str) -> bool:
        """Whether this is DOWN, and UP made it (a table ``s.t``, a column or constraint ``s.t.name``)."""
        return key in self.made

    def table(self, key: str) -> Table | None:
        """Return what is known of a table."""
        if key in self.borrowed:
            self.borrowed.discard(key)
            self.tables[key] = self.tables[key].copy()
        return self.tables.get(key)

    def _table(self, key: str) -> Table:
        """Return what is known of a table that is there, maybe nothing so far."""
        return self.table(key) or self.tables.setdefault(key, Table(key))

    def rows(self, key: str) -> int | None:
        """Return about how many rows a table has, where that is known."""
        return self.sizes.get(key)

    def note(self, change: Change) -> None:
        """Take in what a change does, after it was judged."""
        if change.kind in _MAKERS:
            self._made(change)
        note = _NOTES.get(change.kind)
        if note is not None:
            note(self, change)
        if change.node is change.parsed.node:
            self.taken += [
                lock
                for lock in locks_of(change.parsed, self.schema, self.indexes)
                if not self.is_new(lock.relation) and self.indexes.get(lock.relation) not in self.new
            ]

    def _made(self, change: Change) -> None:
        if getattr(change.node, "if_not_exists", False) or change.node.DESCRIPTOR.name == "ViewStmt":
            key = ""
        else:
            key = change.target or _type_key(change.node, self.schema)
        if change.kind in ("view_stmt",) and not change.node.replace:
            key = change.target
        if change.kind == "create_seq_stmt":
            key = key_of(change.node.sequence, self.schema)
        if key:
            self.new.add(key)

    def _created_table(self, change: Change) -> None:
        node = change.node
        table = self._table(change.target)
        table.partitioned = node.HasField("partspec")
        if node.HasField("partbound"):
            parent = key_of(node.inh_relations[0].range_var, self.schema)
            table.partition_of = parent
            if parent in self.tables:
                table.columns = dict(self.tables[parent].columns)

    def _created_schema(self, change: Change) -> None:
        if not change.node.if_not_exists:
            self.new.add(f"schema {change.node.schemaname}")

    def _created_function(self, change: Change) -> None:
        if not change.node.replace:
            self.new.add(key_of_names(names_of(change.node.funcname), self.schema))

    def _column(self, change: Change) -> None:
        self.new.add(f"{change.target}.{change.name}")
        table = self.table(change.target)
        if table is not None:
            table.columns[change.name] = type_of(change.node.type_name)

    def _primary(self, change: Change) -> None:
        table = self._constrained(change)
        if table is None:
            return
        columns = _key_columns(change)
        if not columns and change.node.indexname in table.indexes:
            columns = table.indexes[change.node.indexname].columns
        name = change.name or f"{change.target.rpartition('.')[2]}_pkey"
        table.primary_key = columns or ("?",)
        table.indexes[name] = Index(columns, unique=True, line=change.parsed.line)
        self.indexes[f"{change.target.partition('.')[0]}.{name}"] = change.target

    def _unique(self, change: Change) -> None:
        table = self._constrained(change)
        if table is None or change.node.indexname:
            return
        columns = _key_columns(change)
        name = change.name or "_".join([change.target.rpartition(".")[2], *columns, "key"])
        table.indexes[name] = Index(columns, unique=True, line=change.parsed.line)

    def _foreign(self, change: Change) -> None:
        table = self._constrained(change)
        if table is None:
            return
        columns = (change.column.colname,) if change.column else columns_of(change.node.fk_attrs)
        name = change.name or "_".join([change.target.rpartition(".")[2], *columns, "fkey"])
        table.foreign_keys[name] = ForeignKey(columns, key_of(change.node.pktable, self.schema))

    def _check(self, change: Change) -> None:
        table = self._table(change.target)
        self._constrained(change)
        column = not_null_column(change.node.raw_expr)
        if change.node.skip_validation and change.place == "constraint":
            table.not_valid[change.name] = column
        else:
            table.checked = True
            if column:
                table.proven[column] = change.name

    def _not_null(self, change: Change) -> None:
        if change.kind == "CONSTR_NOTNULL":
            self._constrained(change)
        name = change.column.colname if change.column else change.name
        table = self.table(change.target)
        if table is not None and name in table.columns:
            table.columns[name] = replace(table.columns[name], not_null=True)

    def _validated(self, change: Change) -> None:
        table = self._table(change.target)
        column = table.not_valid.pop(change.name, None)
        if column is None:
            return
        table.checked = True
        if column:
            table.proven[column] = change.name

    def _constrained(self, change: Change) -> Table | None:
        if change.name:
            self.new.add(f"{change.target}.{change.name}")
        return self.table(change.target)

    def _index(self, change: Change) -> None:
        node = change.node
        columns = columns_of(node.index_params)
        name = node.idxname or "_".join([change.target.rpartition(".")[2], *columns, "idx"])
        index = f"{change.target.partition('.')[0]}.{name}"
        self.indexes[index] = change.target
        if not node.if_not_exists:
            self.new.add(index)
        table = self.table(change.target)
        if table is not None:
            table.indexes[name] = Index(
                columns,
                node.unique,
                node.HasField("where_clause"),
                node.access_method or "btree",
                change.parsed.line,
            )

    def _dropped_table(self, change: Change) -> None:
        self._forgotten(change.target)
        self.new.discard(change.target)

    def _forgotten(self, key: str) -> Table | None:
        table = self.table(key)
        self.tables.pop(key, None)
        return table

    def _dropped_index(self, change: Change) -> None:
        table = self.table(self.indexes.pop(change.target, ""))
        if table is not None:
            table.indexes.pop(change.name, None)

    def _dropped_column(self, change: Change) -> None:
        table = self.table(change.target)
        if table is None:
            return
        table.columns.pop(change.name, None)
        table.indexes = {k: v for k, v in table.indexes.items() if change.name not in v.columns}
        table.foreign_keys = {k: v for k, v in table.foreign_keys.items() if change.name not in v.columns}

    def _dropped_constraint(self, change: Change) -> None:
        table = self.table(change.target)
        if table is None:
            return
        table.indexes.pop(change.name, None)
        table.foreign_keys.pop(change.name, None)
        table.not_valid.pop(change.name, None)
        table.proven = {column: name for column, name in table.proven.items() if name != change.name}

    def _retyped(self, change: Change) -> None:
        table = self.table(change.target)
        if table is not None:
            table.columns[change.name] = type_of(getattr(change.node, "def").column_def.type_name)

    def _renamed_table(self, change: Change) -> None:
        table = self._forgotten(change.target)
        key = f"{change.target.partition('.')[0]}.{change.node.newname}"
        if change.target in self.new:
            self.new.add(key)
        if table is not None:
            table.key = key
            self.tables[key] = table
            self.indexes = {i: key if t == change.target else t for i, t in self.indexes.items()}

    def _renamed_column(self, change: Change) -> None:
        table = self.table(change.target)
        if table is not None and change.name in table.columns:
            table.columns[change.node.newname] = table.columns.pop(change.name)

    def _selected(self, change: Change) -> None:
        if change.node.HasField("into_clause"):
            self.new.add(key_of(change.node.into_clause.rel, self.schema))

    def _row_security(self, change: Change) -> None:
        table = self._table(change.target)
        self.new.add(f"{change.kind} {change.target}")
        if change.kind in ("AT_EnableRowSecurity", "AT_DisableRowSecurity"):
            table.row_security = change.kind == "AT_EnableRowSecurity"

    def _policy(self, change: Change) -> None:
        table = self._table(change.target)
        table.policies.add(change.node.policy_name)
        self.new.add(f"{change.target}.{change.node.policy_name}")

    def _trigger(self, change: Change) -> None:
        if not change.node.replace:
            self.new.add(f"{change.target}.{change.node.trigname}")

    def _variable(self, change: Change) -> None:
        if change.node.name == "search_path" and change.node.args:
            self.schema = str(change.node.args[0].a_const.sval.sval) or "public"


def _type_key(node: Node, schema: str) -> str:
    names = getattr(node, "domainname", None) or getattr(node, "type_name", None)
    if names:
        return key_of_names(names_of(names), schema)
    if getattr(node, "typevar", None) is not None:
        return key_of(node.typevar, schema)
    return ""


def _key_columns(change: Change) -> tuple[str, ...]:
    return (change.column.colname,) if change.column else columns_of(change.node.keys)


_NOTES = {
    "create_stmt": Scene._created_table,
    "create_schema_stmt": Scene._created_schema,
    "create_function_stmt": Scene._created_function,
    "column": Scene._column,
    "CONSTR_PRIMARY": Scene._primary,
    "CONSTR_UNIQUE": Scene._unique,
    "CONSTR_FOREIGN": Scene._foreign,
    "CONSTR_CHECK": Scene._check,
    "CONSTR_EXCLUSION": Scene._constrained,
    "CONSTR_NOTNULL": Scene._not_null,
    "AT_SetNotNull": Scene._not_null,
    "AT_ValidateConstraint": Scene._validated,
    "index_stmt": Scene._index,
    "drop OBJECT_TABLE": Scene._dropped_table,
    "drop OBJECT_INDEX": Scene._dropped_index,
    "AT_DropColumn": Scene._dropped_column,
    "AT_DropConstraint": Scene._dropped_constraint,
    "AT_AlterColumnType": Scene._retyped,
    "rename OBJECT_TABLE": Scene._renamed_table,
    "rename OBJECT_COLUMN": Scene._renamed_column,
    "AT_EnableRowSecurity": Scene._row_security,
    "AT_DisableRowSecurity": Scene._row_security,
    "AT_ForceRowSecurity": Scene._row_security,
    "select_stmt": Scene._selected,
    "create_policy_stmt": Scene._policy,
    "create_trig_stmt": Scene._trigger,
    "variable_set_stmt": Scene._variable,
}
