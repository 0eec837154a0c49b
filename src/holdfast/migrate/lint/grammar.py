"""Reads statements with PostgreSQL's own grammar (the only place that imports postgast).

A statement that stands inside another is read too: in a ``WITH``, in ``CREATE SCHEMA``, in ``EXPLAIN
ANALYZE`` and ``PREPARE``, in the body of a ``DO`` block, in an ``EXECUTE`` there whose text can be
known, and in the body of a function that the same file makes and calls. Bodies that nobody calls are
not statements of the migration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import postgast
from postgast import pg_query_pb2 as tree
from postgast.errors import PgQueryError

from holdfast.migrate.lint.blocks import BlockStatement, UnreadableBlock, statements_of_block
from holdfast.migrate.splitting import SqlStatement

Node = Any  # a protobuf message; which one follows from the statement's kind
UNREADABLE = "unreadable"
DYNAMIC = "dynamic"
UNKNOWN = "holdfast_unknown"  # in place of a name that only running it tells
_CALLS = frozenset({"select_stmt", "call_stmt"})


@dataclass(slots=True)
class Parsed:
    """One statement as the grammar sees it.

    ``kind`` is the name of its node (``create_stmt``), or ``unreadable`` for what is not SQL of
    PostgreSQL 18 (``text`` is then the parser's message), or ``dynamic`` for an EXECUTE whose text is known
    only when it runs. ``inside`` says in what it stands ("" for the file itself).
    """

    kind: str
    node: Node
    line: int
    text: str
    inside: str = ""
    outer: SqlStatement | None = None


@dataclass(slots=True)
class Reader:
    """Reads the statements of one part of a file, in order; it remembers the functions that they make."""

    functions: dict[str, tuple[str, str, int]] = field(default_factory=dict)  # name: language, body, line
    depth: int = 0

    def read(self, statements: Iterable[SqlStatement]) -> Iterator[Parsed]:
        """Yield each statement, and behind it what stands inside it."""
        for statement in statements:
            for parsed in self._parse(statement.text, statement.line, ""):
                parsed.outer = statement
                yield parsed

    def _parse(self, text: str, line: int, inside: str) -> Iterator[Parsed]:
        try:
            found = postgast.parse(text).stmts
        except PgQueryError as error:
            yield Parsed(UNREADABLE, None, line, str(error), inside)
            return
        for each in found:
            kind = each.stmt.WhichOneof("node")
            if kind is not None:
                yield from self._with_inner(Parsed(kind, getattr(each.stmt, kind), line, text, inside))

    def _with_inner(self, parsed: Parsed) -> Iterator[Parsed]:
        yield parsed
        if parsed.kind == "do_stmt":
            yield from self._block(*_do_body(parsed), inside="DO")
        elif parsed.kind == "create_function_stmt":
            self._remember(parsed)
        elif parsed.kind == "create_schema_stmt":
            for element in parsed.node.schema_elts:
                yield from self._node(element, parsed, "CREATE SCHEMA")
        elif parsed.kind in ("explain_stmt", "prepare_stmt"):
            yield from self._node(parsed.node.query, parsed, parsed.inside)
        elif hasattr(parsed.node, "with_clause") and parsed.node.HasField("with_clause"):
            for each in parsed.node.with_clause.ctes:
                query = each.common_table_expr.ctequery
                if query.WhichOneof("node") != "select_stmt":
                    yield from self._node(query, parsed, "WITH")
        if parsed.kind in _CALLS and self.functions:
            yield from self._called(parsed)

    def _node(self, node: Node, parsed: Parsed, inside: str) -> Iterator[Parsed]:
        kind = node.WhichOneof("node")
        if kind is not None:
            yield from self._with_inner(
                Parsed(kind, getattr(node, kind), parsed.line, parsed.text, inside or parsed.inside)
            )

    def _block(self, language: str, body: str, line: int, *, inside: str) -> Iterator[Parsed]:
        if self.depth > 3:  # a function that calls itself
            return
        self.depth += 1
        try:
            if language == "plpgsql":
                for each in statements_of_block(body, _parse_block):
                    yield from self._of_block(each, line, inside)
            elif language == "sql":
                yield from self._parse(body, line, inside)
            else:
                yield Parsed(DYNAMIC, None, line, f"of {language}", inside)
        except UnreadableBlock as error:
            yield Parsed(UNREADABLE, None, line, str(error), inside)
        finally:
            self.depth -= 1

    def _of_block(self, each: BlockStatement, line: int, inside: str) -> Iterator[Parsed]:
        place = line + each.line - 1
        if not each.dynamic:
            yield from self._parse(each.text, place, inside)
            return
        text = _known_text(each.text)
        if text is None:
            yield Parsed(DYNAMIC, None, place, each.text, inside)
            return
        found = list(self._parse(text, place, f"{inside} EXECUTE"))
        if any(parsed.kind == UNREADABLE for parsed in found) and UNKNOWN in text:
            found = [Parsed(DYNAMIC, None, place, each.text, inside)]
        yield from found

    def _remember(self, parsed: Parsed) -> None:
        options = {each.def_elem.defname: each.def_elem for each in parsed.node.options}
        if "as" not in options or "language" not in options:
            return
        strings = [item.string.sval for item in options["as"].arg.list.items]
        if not strings:
            return
        line = parsed.line + _lines_before(parsed.text, strings[0])
        self.functions[names_of(parsed.node.funcname)[-1]] = (
            options["language"].arg.string.sval.lower(),
            strings[0],
            line,
        )

    def _called(self, parsed: Parsed) -> Iterator[Parsed]:
        if not any(name in parsed.text for name in self.functions):
            return
        for call in nodes_of(parsed.node, "func_call"):
            name = names_of(call.funcname)[-1]
            if name in self.functions:
                yield from self._block(*self.functions[name], inside=f"{name}()")


def refused(statements: Iterable[SqlStatement]) -> Iterator[tuple[SqlStatement, int, str]]:
    """Yield the statements that PostgreSQL's grammar refuses, each with the line and what is wrong there."""
    for statement in statements:
        try:
            postgast.parse(statement.text)
        except PgQueryError as error:
            before = statement.text[: max(error.cursorpos - 1, 0)]
            yield statement, statement.line + before.count("\n"), str(error)


_OBJECT_TYPES: dict[int, str] = {number: name for name, number in tree.ObjectType.items()}
_ALTER_TYPES: dict[int, str] = {number: name for name, number in tree.AlterTableType.items()}
_CONSTRAINT_TYPES: dict[int, str] = {number: name for name, number in tree.ConstrType.items()}


def object_type(number: int) -> str:
    """Return the name of a kind of object (``OBJECT_TABLE``)."""
    return _OBJECT_TYPES[number]


def alter_type(number: int) -> str:
    """Return the name of a subcommand of ALTER TABLE (``AT_AddColumn``)."""
    return _ALTER_TYPES[number]


def constraint_type(number: int) -> str:
    """Return the name of a kind of constraint (``CONSTR_CHECK``)."""
    return _CONSTRAINT_TYPES[number]


def names_of(nodes: Iterable[Node]) -> list[str]:
    """Return the strings of a list of names (a qualified name, a type's name)."""
    return [each.string.sval for each in nodes]


def nodes_of(node: Node, wanted: str) -> Iterator[Node]:
    """Yield all nodes of one kind (``func_call``) below a message, it itself not included."""
    for _, value in node.ListFields():
        if isinstance(value, (str, bytes, int, float, bool)):
            continue
        for each in [value] if hasattr(value, "ListFields") else value:
            if not hasattr(each, "ListFields"):
                continue
            if isinstance(each, tree.Node):
                kind = each.WhichOneof("node")
                if kind is None:
                    continue
                each = getattr(each, kind)  # noqa: PLW2901  # the node itself in place of its wrapper
                if kind == wanted:
                    yield each
            yield from nodes_of(each, wanted)


def _parse_block(text: str) -> Any:
    try:
        return postgast.parse_plpgsql(text)
    except PgQueryError as error:
        raise UnreadableBlock(str(error)) from None


def _do_body(parsed: Parsed) -> tuple[str, str, int]:
    options = {each.def_elem.defname: each.def_elem.arg.string.sval for each in parsed.node.args}
    body = options.get("as", "")
    return options.get("language", "plpgsql").lower(), body, parsed.line + _lines_before(parsed.text, body)


def _lines_before(text: str, body: str) -> int:
    place = text.find(body)
    return text.count("\n", 0, place) if place > 0 else 0


def _known_text(expression: str) -> str | None:
    """Return the text of an EXECUTE's expression, names and values that are not known replaced."""
    try:
        select = postgast.parse(f"SELECT {expression}").stmts[0].stmt.select_stmt
    except PgQueryError:
        return None
    if len(select.target_list) != 1:
        return None
    return _text_of(select.target_list[0].res_target.val)


def _text_of(node: Node) -> str | None:
    kind = node.WhichOneof("node")
    if kind == "a_const" and node.a_const.HasField("sval"):
        return str(node.a_const.sval.sval)
    if kind == "type_cast":
        return _text_of(node.type_cast.arg)
    if kind == "func_call" and names_of(node.func_call.funcname)[-1] == "format" and node.func_call.args:
        return _formatted(node.func_call)
    if kind == "a_expr" and names_of(node.a_expr.name) == ["||"]:
        parts = [_text_of(node.a_expr.lexpr), _text_of(node.a_expr.rexpr)]
        if all(part is None for part in parts):
            return None
        return "".join(UNKNOWN if part is None else part for part in parts)
    return None


def _formatted(call: Node) -> str | None:
    pattern = _text_of(call.args[0])
    return None if pattern is None else filled(pattern)


def filled(pattern: str) -> str:
    """Return a ``format`` pattern with a made-up name for each %I and %s, and a string for each %L."""
    pieces = []
    rest = pattern
    while "%" in rest:
        before, _, rest = rest.partition("%")
        pieces.append(before)
        letter = rest.lstrip("0123456789$-*")[:1]
        rest = rest.lstrip("0123456789$-*")[1:]
        pieces.append({"%": "%", "L": f"'{UNKNOWN}'"}.get(letter, UNKNOWN))
    return "".join([*pieces, rest])
