"""The database's history of migrations, and the tables that keep it."""

from __future__ import annotations

import asyncio
import getpass
import random
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal

import psycopg
from psycopg import errors
from psycopg.rows import dict_row

from holdfast import __version__
from holdfast.errors import Conflict, NotAllowed
from holdfast.migrate.errors import StillLocked
from holdfast.migrate.files import Migration
from holdfast.migrate.header import MigrationId
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

STATEMENTS = Statements("holdfast.migrate", "history.sql")
Direction = Literal["up", "down"]
Parameters = dict[str, str | int]
# CREATE IF NOT EXISTS is not atomic in PostgreSQL; renewing waits for locks only briefly.
_AT_THE_SAME_MOMENT = (
    errors.UniqueViolation,
    errors.DuplicateTable,
    errors.DuplicateSchema,
    errors.DuplicateObject,
    errors.InternalError_,  # XX000, tuple concurrently updated; InternalError is all of 25xxx too
    errors.LockNotAvailable,
    errors.DeadlockDetected,
)


@dataclass(frozen=True, slots=True)
class Applied:
    """A row of the history: a migration that the database holds, or that is under way.

    ``applied_at`` is UTC; ``outcome`` is ``applied``, ``adopted`` (taken over from another tool),
    ``applying`` or ``undoing``; ``depends`` are the migrations that its file named, as ``system/NNNN``.
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
    depends: Sequence[str] = ()

    @property
    def id(self) -> MigrationId:
        """Which migration it is."""
        return MigrationId(self.system, self.number)

    @property
    def settled(self) -> bool:
        """Whether the database holds it whole."""
        return self.outcome in ("applied", "adopted")


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
        unfinished = sum(not row.settled for row in history)
        return cls(len(history), max((row.position for row in history), default=0), unfinished)


@cache
def actor() -> str:
    """Say which account on which host this process runs as."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # an account without a passwd entry
        account = "?"
    return f"{account}@{socket.gethostname()}"


async def ensure_history(connection: Connection, *, patience: float = 60.0) -> None:
    """Make the schema ``holdfast`` and the history's tables where they do not stand, and renew old ones.

    The connection must be in autocommit mode. Several processes may do so at once; ``patience`` is how
    many seconds it waits for them. Raises ``StillLocked``, ``Conflict`` where something of somebody's own
    is built on the old tables or the database is read-only, ``NotAllowed``.
    """
    began = time.monotonic()
    while True:
        state = (await _rows(connection, "exists"))[0]
        if state["complete"] and state["current"]:
            return
        error: psycopg.Error | None = None
        try:
            if await _make_ready(connection, complete=state["complete"]):
                continue
        except errors.FeatureNotSupported as built_upon:
            diagnosis = built_upon.diag
            raise Conflict(
                f"The history's tables cannot be renewed: {diagnosis.message_primary} "
                f"({diagnosis.message_detail}).",
                hint="Drop what is built on holdfast.migrations, run the same again, and create it again.",
            ) from built_upon
        except errors.ReadOnlySqlTransaction as read_only:
            raise _read_only() from read_only
        except errors.InsufficientPrivilege as denied:
            raise _denied(denied) from denied
        except _AT_THE_SAME_MOMENT as met:
            error = met
        if time.monotonic() - began > patience:
            raise StillLocked(
                f"The history's tables could not be made ready for {patience:g} s: "
                f"{error or 'another process migrates'}.",
                hint="Wait for the other process to end, then run the same again.",
            ) from error
        await asyncio.sleep(random.uniform(0.01, 0.05))  # noqa: S311  spreads processes, guards nothing


def _read_only() -> Conflict:
    return Conflict(
        "The database takes no changes now: it is a standby, or its transactions are read-only by default.",
        hint="Name the primary server, or see to default_transaction_read_only for this role and database.",
    )


def _denied(error: psycopg.Error) -> NotAllowed:
    return NotAllowed(
        f"The history's tables cannot be made ready: {error.diag.message_primary}.",
        hint="Migrate as the role that owns them, the one that migrated first; a first time takes a role "
        "that may create a schema in this database.",
    )


async def _make_ready(connection: Connection, *, complete: bool) -> bool:
    """Make the tables, or renew those of an earlier version; False where others have the turn."""
    async with connection.transaction():
        if not complete:
            await connection.execute(STATEMENTS["create"], prepare=False)
        elif not await _rows(connection, "lock_to_renew"):
            return False
        else:
            await connection.execute(STATEMENTS["limit_renewal"], prepare=False)
            await connection.execute(STATEMENTS["renew_tables"], prepare=False)
    return True


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


def recording(migration: Migration) -> Parameters:
    """Return the parameters of ``record`` for a migration."""
    return {**_key(migration), **_about(migration)}


def removing(migration: Migration) -> Parameters:
    """Return the parameters of ``remove`` for a migration."""
    return _key(migration)


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


async def forget_step(connection: Connection, migration: Migration, direction: Direction, step: int) -> None:
    """Take back the note that a statement begins, where the server refused it; never that it is finished."""
    await connection.execute(
        STATEMENTS["forget_step"], {**_key(migration), "direction": direction, "step": step}
    )


async def end_steps(connection: Connection, migration: Migration, duration_ms: int) -> None:
    """Say that a file without a transaction is applied whole."""
    await connection.execute(STATEMENTS["end_steps"], {**_key(migration), "duration_ms": duration_ms})
    await connection.execute(STATEMENTS["forget_steps"], _key(migration))


def _key(migration: Migration) -> Parameters:
    return {"system": migration.id.system, "number": migration.id.number}


def _about(migration: Migration) -> Parameters:
    return {
        "name": migration.name,
        "checksum": migration.checksum,
        "version": __version__,
        "actor": actor(),
        "depends": " ".join(map(str, migration.depends)),
    }


async def _rows(
    connection: Connection, statement: str, parameters: Parameters | None = None
) -> list[dict[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(STATEMENTS[statement], parameters)
        return await cursor.fetchall()
