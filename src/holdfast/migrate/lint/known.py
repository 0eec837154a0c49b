"""What the files make, as far as rules need to know it: tables with their columns, keys and indexes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from holdfast.migrate.lint.grammar import Node, names_of


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its type as PostgreSQL names it, its modifiers (length; precision and scale)."""

    type: str
    modifiers: tuple[int, ...] = ()
    array: bool = False
    not_null: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """An index: its columns in order (an expression is ``()``), and whether it covers all rows."""

    columns: tuple[str, ...]
    unique: bool = False
    partial: bool = False
    method: str = "btree"
    line: int = 0


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key: its columns, and the table that they refer to."""

    columns: tuple[str, ...]
    referenced: str


@dataclass(slots=True)
class Table:
    """A table that a file makes."""

    key: str
    columns: dict[str, Column] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)
    foreign_keys: dict[str, ForeignKey] = field(default_factory=dict)
    partitioned: bool = False
    partition_of: str = ""
    primary_key: tuple[str, ...] = ()
    row_security: bool = False
    policies: set[str] = field(default_factory=set)
    proven: dict[str, str] = field(default_factory=dict)  # column: the valid check that it is not null
    not_valid: dict[str, str] = field(default_factory=dict)  # constraint: the column that it says is not null
    checked: bool = False  # a valid CHECK stands: attaching it as a partition may skip its scan

    def copy(self) -> Table:
        """Return one that may be changed without changing this."""
        return replace(
            self,
            columns=dict(self.columns),
            indexes=dict(self.indexes),
            foreign_keys=dict(self.foreign_keys),
            policies=set(self.policies),
            proven=dict(self.proven),
            not_valid=dict(self.not_valid),
        )


def type_of(node: Node) -> Column:
    """Return a column of the type that a TypeName says."""
    modifiers = tuple(each.a_const.ival.ival for each in node.typmods if each.WhichOneof("node") == "a_const")
    names = names_of(node.names)
    return Column(names[-1] if names else "", modifiers, bool(node.array_bounds))


def columns_of(nodes: Node) -> tuple[str, ...]:
    """Return the names in a list of strings or index elements; an expression is ``()``."""
    found = []
    for each in nodes:
        kind = each.WhichOneof("node")
        found.append(each.string.sval if kind == "string" else each.index_elem.name or "()")
    return tuple(found)


def not_null_column(expression: Node) -> str:
    """Return the column that a check says is not null, or an empty string."""
    if expression.WhichOneof("node") != "null_test":
        return ""
    test = expression.null_test
    if test.nulltesttype != 2 or test.arg.WhichOneof("node") != "column_ref":  # IS_NOT_NULL
        return ""
    return names_of(test.arg.column_ref.fields)[-1]
