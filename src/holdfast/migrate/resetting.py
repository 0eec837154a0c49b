"""Drops everything that a database holds, a little at a time: for development, never for production.

One transaction that drops hundreds of tables needs more locks than a server has by default. The history
goes first: a database that is cut off in between has things that no history names, which ``up`` refuses
to make twice, and never a history of things that are gone.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence

from psycopg import sql

from holdfast.errors import Conflict
from holdfast.migrate import history
from holdfast.migrate.errors import StillLocked
from holdfast.migrate.run import STEP_BACK
from holdfast.migrate.settings import LOCK_TIMEOUT, PATIENCE
from holdfast.migrate.turn import Tell, Turn
from holdfast.postgres.database import Database
from holdfast.postgres.statements import Statements
from holdfast.settings import is_production
from holdfast.system import Connection

_STATEMENTS = Statements("holdfast.migrate", "resetting.sql")
_BATCH = 50


def in_production() -> Conflict:
    """Return the error for a reset in production."""
    return Conflict(
        "This is production (HOLDFAST_ENV or NODE_ENV says so): nothing was dropped.",
        hint="Undo single migrations: holdfast migrate rollback NNNN --system NAME",
    )


async def would_drop(database: Database) -> list[str]:
    """Return what ``reset`` would drop, each as ``kind name``."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_STATEMENTS["dropped_by_reset"], {})).fetchall()
    return [f"{row['kind']} {row['name']}" for row in rows]


async def reset(database: Database, *, tell: Tell, dropped: Callable[[int], None] | None = None) -> int:
    """Drop every schema's relations, routines and types, and the history; return how many things went.

    What belongs to an extension stays, and the extension. ``dropped`` is told how many are gone so far.
    Raises ``Conflict`` in production, ``StillLocked`` where others migrate for too long.
    """
    if is_production(database.settings):
        raise in_production()
    patience = database.settings.get(PATIENCE)
    turn = Turn(patience, tell)
    async with database.direct() as connection:
        await history.ensure_history(connection, patience=patience)
        await turn.lease_patiently(connection, "reset")
        count = 0
        async with turn.renewed(database):
            for name in ("history", "relations", "routines", "types", "schemas"):
                while commands := await _commands(connection, name):
                    await _drop(database, connection, turn, [sql.SQL(command) for command in commands])
                    count += len(commands)
                    if dropped is not None:
                        dropped(count)
            await _drop(database, connection, turn, [_STATEMENTS["drop_own_schema"]])
        return count


async def _drop(database: Database, connection: Connection, turn: Turn, commands: Sequence[sql.SQL]) -> None:
    """Run commands in a transaction that has the turn; step back and try again where others hold locks."""
    began = time.monotonic()
    milliseconds = str(max(1, round(database.settings.get(LOCK_TIMEOUT) * 1000)))
    while True:
        try:
            async with connection.transaction():
                await turn.confirm(connection)
                await connection.execute(_STATEMENTS["limit"], {"milliseconds": milliseconds})
                for command in commands:
                    await connection.execute(command, prepare=False)
        except STEP_BACK as error:
            if time.monotonic() - began > database.settings.get(PATIENCE):
                raise StillLocked(
                    f"Others held what is to be dropped: {error.diag.message_primary}.",
                    hint="End who holds it (`holdfast psql`, pg_stat_activity), then run the same again: "
                    "what was dropped before stays dropped.",
                ) from error
            await asyncio.sleep(random.uniform(0.1, 0.3))  # noqa: S311  spreads processes, guards nothing
        else:
            return


async def _commands(connection: Connection, name: str) -> Sequence[str]:
    cursor = await connection.execute(_STATEMENTS[f"drop_{name}"], {"batch": _BATCH})
    return [row["command"] for row in await cursor.fetchall()]
