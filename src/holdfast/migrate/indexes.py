"""Indexes that are built or dropped CONCURRENTLY, and may have been cut off on the way.

A build that was cut off leaves an INVALID index of the same name, which ``IF NOT EXISTS`` would take
for done. It is dropped and built again. REINDEX CONCURRENTLY that was cut off leaves INVALID indexes of
its own (``..._ccnew``, ``..._ccold``); they are dropped before it runs again.
"""

from __future__ import annotations

import re
from typing import Any

from psycopg import errors, sql
from psycopg.rows import dict_row

from holdfast.migrate.files import created_index
from holdfast.migrate.splitting import SqlStatement
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

_STATEMENTS = Statements("holdfast.migrate", "indexes.sql")
_DROP = re.compile(
    r"DROP\s+INDEX\s+CONCURRENTLY\s+(?:IF\s+EXISTS\s+)?(?P<name>[^,;]+?)\s*(?:RESTRICT\s*)?", re.I
)
_REINDEX = re.compile(
    r"REINDEX\s*(?:\([^)]*\)\s*)?(?P<kind>INDEX|TABLE|SCHEMA|DATABASE|SYSTEM)\s+(?:CONCURRENTLY\s+)?(?P<name>.*?)\s*",
    re.I | re.S,
)


async def drop_leftovers(connection: Connection, statement: SqlStatement) -> int:
    """Drop what an earlier attempt at a REINDEX CONCURRENTLY left; return how many indexes it was."""
    target = _REINDEX.fullmatch(statement.text)
    if target is None or "CONCURRENTLY" not in statement.words:
        return 0
    rows = await _rows(connection, "leftovers", {"kind": target["kind"].upper(), "name": target["name"]})
    for row in rows:
        await connection.execute(
            sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(row["schema"], row["name"]))
        )
    return len(rows)


async def drop_broken_index(connection: Connection, statement: SqlStatement) -> bool:
    """Drop the INVALID index that an earlier attempt at this statement left; tell whether there was one."""
    found = await _find(connection, statement)
    if found is None or found["valid"]:
        return False
    await connection.execute(
        sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(found["schema"], found["name"]))
    )
    return True


async def is_built(connection: Connection, statement: SqlStatement) -> bool:
    """Tell whether the index that a statement builds CONCURRENTLY stands, whole and as it says.

    Its definition is compared with that of an index that the same words give on an empty table like this
    one. False where that cannot be had: then the statement is run, and the server says what is wrong.
    """
    found, created = await _find(connection, statement), created_index(statement)
    if found is None or created is None or not found["valid"]:
        return False
    likeness = (
        sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {})").format(
            sql.Identifier(found["table"]), sql.SQL(created.table)
        ),
        sql.SQL("CREATE {}INDEX {} ON {} {}").format(
            sql.SQL("UNIQUE " if created.unique else ""),
            sql.SQL(created.name),
            sql.Identifier("pg_temp", found["table"]),
            sql.SQL(created.rest),
        ),
    )
    try:
        async with connection.transaction(force_rollback=True):
            for command in likeness:
                await connection.execute(command, prepare=False)
            names = {"name": found["name"], "table": found["table"]}
            alike = (await _rows(connection, "definition", names))[0]["definition"]
    except (errors.ProgrammingError, errors.NotSupportedError, errors.DataError):
        return False
    return bool(found["definition"] == alike)


async def is_dropped(connection: Connection, statement: SqlStatement) -> bool:
    """Tell whether the index that a statement drops CONCURRENTLY is gone."""
    dropped = _DROP.fullmatch(statement.text)
    if dropped is None:
        return False
    return not (await _rows(connection, "relation_exists", {"name": dropped["name"]}))[0]["exists"]


async def _find(connection: Connection, statement: SqlStatement) -> dict[str, Any] | None:
    created = created_index(statement)
    if created is None:
        return None
    rows = await _rows(connection, "find_index", {"name": created.name, "table": created.table})
    return rows[0] if rows else None


async def _rows(connection: Connection, name: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_STATEMENTS[name], parameters)
        return await cursor.fetchall()
