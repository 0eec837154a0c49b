"""Reads a database's catalogue in one query, or only a hash of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.rows import dict_row, tuple_row

from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

_ATTEMPTS = 5
# PostgreSQL's own functions look at what is there now, not at what the query began with.
_DROPPED_UNDER_IT = (psycopg.InternalError, errors.UndefinedTable, errors.UndefinedObject)
_PACKAGE = "holdfast.migrate.catalogue"
_FILES = ("relations.sql", "code.sql", "rights.sql", "others.sql")
# One query of all: it is planned once a connection, where that prepares statements.
_SESSION = Statements(_PACKAGE, "session.sql")

_ALL = sql.SQL("SELECT kind, schema, name, parent, definition FROM ({items}) AS item")
_HASH = sql.SQL(
    "SELECT encode(sha256(coalesce(string_agg(line, ''::bytea ORDER BY line), '')), 'hex') FROM ("
    "SELECT convert_to(kind || ' ' || name || ' ' || coalesce(parent, '') || ' ' || definition || E'\n',"
    " 'UTF8') AS line FROM ({items}) AS item) AS lines"
)
_OF_SCHEMAS = sql.SQL("{all} WHERE schema = ANY ({schemas})")


@cache
def _items() -> sql.Composed:
    """Return the one query that all statements of the catalogue make together."""
    parts = [statement for file in _FILES for statement in Statements(_PACKAGE, file).values()]
    return sql.SQL("\nUNION ALL\n").join(sql.SQL("({})").format(part) for part in parts)


async def read_catalogue(connection: Connection, *, schemas: Sequence[str] | None = None) -> Catalogue:
    """Read what the database holds; ``schemas`` limits it to what stands in the named ones.

    The connection may be in a transaction; its settings are as before afterwards. What was not
    committed by others is not seen. Raises psycopg's errors.
    """
    query = _ALL.format(items=_items())
    if schemas is not None:
        query = _OF_SCHEMAS.format(all=query, schemas=sql.Literal(list(schemas)))
    major, rows = await _rows(connection, query)
    return Catalogue.of(
        major,
        (Item(kind, name, definition, schema, parent) for kind, schema, name, parent, definition in rows),
    )


async def fingerprint(connection: Connection) -> str:
    """Return the hash of what the database holds, made by the server; ``Catalogue.fingerprint`` is alike."""
    _, [[found]] = await _rows(connection, _HASH.format(items=_items()))
    return str(found)


async def _rows(connection: Connection, query: sql.Composed) -> tuple[int, list[tuple[Any, ...]]]:
    """Run a query on the catalogue, again where something was dropped under it; return the major version."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with _canonical(connection) as major, connection.cursor(row_factory=tuple_row) as cursor:
                await cursor.execute(query, prepare=True)
                return major, await cursor.fetchall()
        except _DROPPED_UNDER_IT:
            if attempt == _ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")


@asynccontextmanager
async def _canonical(connection: Connection) -> AsyncIterator[int]:
    """Set what deparsing depends on while the block runs, and yield the server's major version."""
    async with connection.transaction(force_rollback=True), connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_SESSION["canonical_session"])
        row = await cursor.fetchone()
        if row is None:
            raise RuntimeError("a SELECT without FROM returned no row")
        yield row["major"]
