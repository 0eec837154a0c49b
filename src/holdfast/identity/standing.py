"""How identity stands, for ``holdfast status`` and ``GET /ready``."""

from __future__ import annotations

from holdfast.postgres.statements import Statements
from holdfast.system import Connection, StatusLine

_STATEMENTS = Statements("holdfast.identity", "users.sql")


async def status(connection: Connection) -> list[StatusLine]:
    """Return how many users there are, and what to do where nobody can sign in."""
    row = await (await connection.execute(_STATEMENTS["count"])).fetchone()
    assert row is not None  # noqa: S101  a count always has a row
    if row["active"] == 0:
        return [
            StatusLine(
                "users",
                "none who can sign in",
                "warning",
                "Make one with: holdfast users create NAME --email ADDRESS",
            )
        ]
    return [StatusLine("users", f"{row['active']} active, {row['administrators']} of them administrators")]
