"""Whether a pooler such as PgBouncer stands before the server, and what its sessions can.

A pooler hands out server processes for a transaction at a time. It answers the connection itself, so
that the process id that libpq was told is not the one that runs statements. Protocol-level prepared
statements work behind PgBouncer from 1.21 on, where ``max_prepared_statements`` is not 0: it then
renames them to ``PGBOUNCER_...``. Behind any other pooler nothing is prepared.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import errors, sql

from holdfast.postgres.connecting import Session
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

_STATEMENTS = Statements("holdfast.postgres", "sessions.sql")
_RENAMED = "PGBOUNCER_"


@dataclass(frozen=True)
class Pooling:
    """``pooled``: sessions are shared with others. ``prepares``: prepared statements work in them."""

    pooled: bool
    prepares: bool


async def is_pooled(connection: Connection) -> bool:
    """Tell whether another process than the one connected to runs the connection's statements."""
    row = await (await connection.execute(_STATEMENTS["backend_pid"], prepare=False)).fetchone()
    return row is not None and row["pid"] != connection.info.backend_pid


async def find_pooling(connection: Session, mode: str) -> Pooling:
    """Find out how the connection's sessions are served; ``mode`` is HOLDFAST_POOLER's value.

    The connection must be new, and be closed afterwards.
    """
    pooled = mode == "yes" or (mode == "auto" and await is_pooled(connection))
    return Pooling(pooled, prepares=not pooled or await _prepares(connection))


async def _prepares(connection: Session) -> bool:
    try:
        async with connection.transaction():  # keeps one server process
            names = await connection.execute(_STATEMENTS["prepared_names"], prepare=True)
            found = await names.fetchall()
            if any(row["name"].startswith(_RENAMED) for row in found):
                return True
            text = _STATEMENTS["prepared_names"].text
            for row in found:  # what the server process would keep, and the next client stumble over
                if row["statement"] == text:
                    await connection.execute(
                        sql.SQL("DEALLOCATE {}").format(sql.Identifier(row["name"])), prepare=False
                    )
    except errors.DuplicatePreparedStatement:
        return False  # another client's, of the same name, on the same server process
    return False
