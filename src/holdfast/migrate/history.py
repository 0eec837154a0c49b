"""The database's history of migrations, and the tables that keep it."""

from __future__ import annotations

import asyncio
import getpass
import random
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal

from psycopg import errors
from psycopg.rows import dict_row

from holdfast import __version__
from holdfast.migrate.files import Migration
from holdfast.migrate.header import MigrationId
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

STATEMENTS = Statements("holdfast.migrate", "history.sql")
Direction = Literal["up", "down"]
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Applied:
    """A row of the history: a migration that the database holds, or that is under way.

    ``applied_at`` is UTC; ``outcome`` is ``applied``, ``applying`` or ``undoing``.
    """

    system: str
    number: int
    name: str
    checksum: str
    applied_at: datetime
    duration_ms: int
    outcome: str
    version: str
    actor: str
    position: int

    @property
    def id(self) -> MigrationId:
        """Which migration it is."""
        return MigrationId(self.system, self.number)


@dataclass(frozen=True, slots=True)
class Mark:
    """Changes whenever a migration is begun, applied or undone.

    Who read the history while another process was in the middle of a file sees that it is through.
    """

    count: int
    newest: int
    unfinished: int

    @classmethod
    def of(cls, history: Sequence[Applied]) -> Mark:
        """Return the mark of a history that was read."""
        unfinished = sum(row.outcome != "applied" for row in history)
        return cls(len(history), max((row.position for row in history), default=0), unfinished)


@cache
def actor() -> str:
    """Say which account on which host this process runs as."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # an account without a passwd entry
        account = "?"
    return f"{account}@{socket.gethostname()}"


async def ensure_history(connection: Connection) -> None:
    """Make the schema ``holdfast`` and the history's tables where they do not stand.

    The connection must be in autocommit mode. Several processes may do so at once.
    """
    for attempt in range(_ATTEMPTS):
        if await history_exists(connection):
            return
        try:
            async with connection.transaction():
                await connection.execute(STATEMENTS["create"], prepare=False)
        except (errors.UniqueViolation, errors.DuplicateTable, errors.DuplicateSchema, errors.InternalError):
            # Somebody else makes them at the same moment: CREATE IF NOT EXISTS is not atomic in PostgreSQL.
            if attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(random.uniform(0.01, 0.05))  # noqa: S311  spreads processes, guards nothing


async def history_exists(connection: Connection) -> bool:
    """Tell whether the history's tables stand."""
    rows = await _rows(connection, "exists")
    return bool(rows[0]["complete"])


async def read_history(connection: Connection) -> list[Applied]:
    """Return the history in the order of application; empty where its tables do not stand."""
    if not await history_exists(connection):
        return []
    return [Applied(**row) for row in await _rows(connection, "applied")]


async def read_mark(connection: Connection) -> Mark:
    """Return the mark of the history as it stands."""
    return Mark(**(await _rows(connection, "mark"))[0])


async def record(connection: Connection, migration: Migration, duration_ms: int) -> None:
    """Write the row of a migration that this transaction has applied."""
    parameters = {**_key(migration), "duration_ms": duration_ms, "outcome": "applied"}
    await connection.execute(STATEMENTS["record"], {**parameters, **_about(migration)})


async def accept(connection: Connection, migration: Migration) -> bool:
    """Take the file as it stands for what was applied; tell whether it is applied at all."""
    parameters = {**_key(migration), "checksum": migration.checksum}
    return bool(await _rows(connection, "accept", parameters))


async def remove(connection: Connection, migration: Migration) -> None:
    """Take a migration that was undone out of the history, with the notes on its statements."""
    await connection.execute(STATEMENTS["remove"], _key(migration))


async def begin_steps(
    connection: Connection, migration: Migration, direction: Direction
) -> dict[int, tuple[str, bool]]:
    """Say that a file without a transaction is under way; return what an earlier attempt noted.

    The result maps a statement's number (from 1) to its checksum and whether it was finished.
    """
    outcome = "applying" if direction == "up" else "undoing"
    await connection.execute(
        STATEMENTS["begin_steps"], {**_key(migration), **_about(migration), "outcome": outcome}
    )
    rows = await _rows(connection, "steps", {**_key(migration), "direction": direction})
    return {row["step"]: (row["checksum"], row["finished"]) for row in rows}


async def note_step(
    connection: Connection,
    migration: Migration,
    direction: Direction,
    step: int,
    checksum: str,
    *,
    finished: bool,
) -> None:
    """Note that a statement of a file without a transaction begins, or is finished."""
    await connection.execute(
        STATEMENTS["finish_step" if finished else "start_step"],
        {**_key(migration), "direction": direction, "step": step, "checksum": checksum},
    )


async def end_steps(connection: Connection, migration: Migration, duration_ms: int) -> None:
    """Say that a file without a transaction is applied whole."""
    await connection.execute(STATEMENTS["end_steps"], {**_key(migration), "duration_ms": duration_ms})
    await connection.execute(STATEMENTS["forget_steps"], _key(migration))


def _key(migration: Migration) -> dict[str, object]:
    return {"system": migration.id.system, "number": migration.id.number}


def _about(migration: Migration) -> dict[str, object]:
    return {
        "name": migration.name,
        "checksum": migration.checksum,
        "version": __version__,
        "actor": actor(),
    }


async def _rows(
    connection: Connection, statement: str, parameters: dict[str, object] | None = None
) -> list[dict[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(STATEMENTS[statement], parameters)
        return await cursor.fetchall()
