"""Describes a database's tables and views, for people: as Markdown, or as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from psycopg.rows import dict_row

from holdfast.postgres.statements import Statements
from holdfast.system import Connection

_STATEMENTS = Statements("holdfast.migrate", "describing.sql")


@dataclass(frozen=True)
class Relation:
    """A table or view.

    ``rows`` is PostgreSQL's estimate, None where it has none. ``columns``, ``constraints`` and
    ``indexes`` are rows of the statements of those names.
    """

    schema: str
    name: str
    kind: str
    comment: str | None
    partitioned_by: str | None
    partitions: int
    rows: int | None
    bytes: int | None
    definition: str | None
    columns: Sequence[Mapping[str, Any]]
    constraints: Sequence[Mapping[str, Any]]
    indexes: Sequence[Mapping[str, Any]]
    referred_to_by: Sequence[str]

    @property
    def full_name(self) -> str:
        """Its name with its schema."""
        return f"{self.schema}.{self.name}"

    def as_fields(self, *, counts: bool = True) -> dict[str, Any]:
        """Return it as plain JSON values; without ``counts`` only what its migrations say."""
        left_out = () if counts else ("rows", "bytes")
        return {name: value for name, value in asdict(self).items() if name not in left_out}


async def describe(connection: Connection, schemas: Sequence[str] | None = None) -> list[Relation]:
    """Read the tables and views of the named schemas, or of all but PostgreSQL's own."""
    async with connection.transaction(force_rollback=True):
        await connection.execute(_STATEMENTS["read_plainly"])
        relations = await _rows(
            connection, "relations", {"schemas": None if schemas is None else list(schemas)}
        )
        which = {"relations": [each["id"] for each in relations]}
        parts = {name: await _rows(connection, name, which) for name in ("columns", "constraints", "indexes")}
    names = {each["id"]: f"{each['schema']}.{each['name']}" for each in relations}
    of = {name: _by_relation(rows) for name, rows in parts.items()}
    referring: dict[int, list[str]] = {}
    for row in parts["constraints"]:
        to = row.pop("refers_to")
        if to is not None and to in names:
            referring.setdefault(to, []).append(names[row["relation"]])
    for rows in parts.values():
        for row in rows:
            del row["relation"]
    return [
        Relation(
            columns=of["columns"].get(which, ()),
            constraints=of["constraints"].get(which, ()),
            indexes=of["indexes"].get(which, ()),
            referred_to_by=sorted(set(referring.get(which, ()))),
            **each,
        )
        for each in relations
        for which in (each.pop("id"),)
    ]


async def _rows(
    connection: Connection, statement: str, parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_STATEMENTS[statement], parameters)
        return await cursor.fetchall()


def _by_relation(rows: Sequence[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["relation"], []).append(row)
    return found


def as_markdown(relations: Sequence[Relation], *, title: str, counts: bool = True) -> str:
    """Write relations as one Markdown document; without ``counts`` it changes only with the schema."""
    return "\n".join(_lines(relations, title, counts=counts)).rstrip("\n") + "\n"


def _lines(relations: Sequence[Relation], title: str, *, counts: bool) -> Iterator[str]:
    yield f"# {title}"
    yield ""
    yield _contents(relations, counts=counts)
    schema = None
    for relation in relations:
        if relation.schema != schema:
            schema = relation.schema
            yield f"\n## {_plain(schema)}"
        yield from _of_relation(relation, counts=counts)


def _contents(relations: Sequence[Relation], *, counts: bool) -> str:
    tables = sum(relation.kind.endswith("table") for relation in relations)
    views = len(relations) - tables
    said = f"{tables} table{'s' * (tables != 1)}, {views} view{'s' * (views != 1)}."
    return f"{said} Counts of rows are PostgreSQL's estimates." if counts else said


def _of_relation(relation: Relation, *, counts: bool) -> Iterator[str]:
    yield f"\n### {_plain(relation.full_name)}\n"
    if relation.comment:
        yield f"{_plain(relation.comment)}\n"
    yield f"{_about(relation, counts=counts)}\n"
    yield "| column | type | null | default | comment |"
    yield "|---|---|---|---|---|"
    for column in relation.columns:
        null = "no" if column["not_null"] else "yes"
        cells = (_code(column["name"]), _code(column["type"]), null, _code(column["default_value"]))
        yield f"| {' | '.join(cells)} | {_cell(column['comment'])} |"
    yield from _listed("Keys and checks", relation.constraints)
    yield from _listed("Indexes", relation.indexes)
    if relation.referred_to_by:
        yield f"\nReferred to by {', '.join(map(_code, relation.referred_to_by))}."
    if relation.definition:
        yield f"\n```sql\n{relation.definition.strip()}\n```"


def _about(relation: Relation, *, counts: bool) -> str:
    said = [relation.kind.capitalize()]
    if relation.partitioned_by:
        said.append(f"by {relation.partitioned_by}")
        if counts:
            said.append(f"{relation.partitions} partitions")
    if counts and relation.kind != "view":
        said.append("rows not estimated yet" if relation.rows is None else f"about {relation.rows:,} rows")
    if counts and relation.bytes is not None:
        said.append(_size(relation.bytes))
    return ", ".join(said) + "."


def _listed(title: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if rows:
        yield f"\n{title}:\n"
    for row in rows:
        broken = "" if row.get("valid", True) else " (INVALID)"
        yield f"- {_code(row['name'])}: {_code(row['definition'])}{broken}"


def _size(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.0f} TB"


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_<>[]#|" else letter for letter in text)


def _cell(text: str | None) -> str:
    return _plain(text or "").replace("\n", " ")


def _code(text: str | None) -> str:
    """Return text as code that may stand in a table's cell."""
    if not text:
        return ""
    fence = "``" if "`" in text else "`"
    inner = f" {text} " if "`" in text else text
    return f"{fence}{inner}{fence}".replace("|", "\\|").replace("\n", " ")
