"""Statements that run on their own and were cut off: what has become of them, and what ends them.

Whoever was cut off between a statement and the note that it is done left something that the same
statement would stumble over: an index that stands, a database that is gone, a partition half detached.
"""

from __future__ import annotations

import re
from typing import Any

from psycopg.rows import dict_row

from holdfast.migrate.indexes import is_built, is_dropped
from holdfast.migrate.splitting import SqlStatement
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

_STATEMENTS = Statements("holdfast.migrate", "cut_off.sql")
_DETACH = re.compile(
    r"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?P<table>.+?)\s+DETACH\s+PARTITION\s+(?P<partition>.+?)\s+CONCURRENTLY\s*",
    re.I | re.S,
)
_DATABASE = re.compile(
    r"""(?P<verb>CREATE|DROP)\s+DATABASE\s+(?:IF\s+EXISTS\s+)?(?P<name>"(?:[^"]|"")+"|[^\s"(;]+).*""",
    re.I | re.S,
)


async def already_done(connection: Connection, statement: SqlStatement) -> bool:
    """Tell whether a statement that was cut off had come to its end; False where that is not known.

    Names mean what they mean to the statement: the connection has its search_path.
    """
    if database := _DATABASE.fullmatch(statement.text):
        found = await _rows(connection, "database", {"name": database["name"]})
        return bool(found and found[0]["whole"]) if database["verb"].upper() == "CREATE" else not found
    if detach := _DETACH.fullmatch(statement.text):
        stand = await _rows(connection, "partition", detach.groupdict())
        return bool(stand) and stand[0]["pending"] is None
    return await is_built(connection, statement) or await is_dropped(connection, statement)


async def to_be_run(connection: Connection, statement: SqlStatement) -> str:
    """Return what is to be run for a statement: itself, or what ends an earlier attempt at it."""
    if detach := _DETACH.fullmatch(statement.text):
        stand = await _rows(connection, "partition", detach.groupdict())
        if stand and stand[0]["pending"]:
            return f"ALTER TABLE {detach['table']} DETACH PARTITION {detach['partition']} FINALIZE"
    return statement.text


async def _rows(connection: Connection, name: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_STATEMENTS[name], parameters)
        return await cursor.fetchall()
