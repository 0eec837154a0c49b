"""Whether a catalogue is, row for row, as it was: a cheap answer that spares reading what it means.

Every change of PostgreSQL's catalogue is a new version of a row, or a row less. Where no row is newer
than a mark and none is gone, nothing that is read from them can differ. ``pg_class`` is compared by its
content, because its rows also keep hints (such as that a table once had triggers) that nobody takes back.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from holdfast.postgres.statements import Statements
from holdfast.system import Connection

_STATEMENTS = Statements("holdfast.migrate.proof", "untouched.sql")
_COUNT = sql.SQL(
    "SELECT count(*) FILTER (WHERE age(xmin) <= (SELECT age({since}::text::xid))) AS newer, count(*) AS rows"
    " FROM pg_catalog.{table}"
)
_SUM = sql.SQL("SELECT sum(newer)::bigint AS newer, sum(rows)::bigint AS rows FROM ({counts}) AS counted")


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment in a database's life: the next transaction's number, the catalogue's rows, their relations."""

    next: int
    rows: int
    relations: str


async def mark(connection: Connection) -> Mark:
    """Return a mark of the catalogue as it stands."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_STATEMENTS["hash_of_relations"])
        found = await cursor.fetchone()
        assert found is not None  # noqa: S101  it has no condition
        await cursor.execute(await _counting(cursor, found["next"]))
        counted = await cursor.fetchone()
        assert counted is not None  # noqa: S101  it is a sum
        return Mark(found["next"], counted["rows"], found["relations"])


async def is_untouched(connection: Connection, since: Mark) -> bool:
    """Tell whether every row of the catalogue is the one that was there at the mark."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_STATEMENTS["hash_of_relations"])
        found = await cursor.fetchone()
        if found is None or found["relations"] != since.relations:
            return False
        await cursor.execute(await _counting(cursor, since.next))
        counted = await cursor.fetchone()
        return counted is not None and counted["newer"] == 0 and counted["rows"] == since.rows


async def _counting(cursor: psycopg.AsyncCursor[DictRow], since: int) -> sql.Composed:
    major = cursor.connection.info.server_version // 10_000
    if major not in _TABLES:
        await cursor.execute(_STATEMENTS["catalogue_tables"])
        _TABLES[major] = tuple(row["name"] for row in await cursor.fetchall())
    counts = [_COUNT.format(since=sql.Literal(since), table=sql.Identifier(name)) for name in _TABLES[major]]
    return _SUM.format(counts=sql.SQL(" UNION ALL ").join(counts))


_TABLES: dict[int, tuple[str, ...]] = {}
