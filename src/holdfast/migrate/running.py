"""Runs one migration, up or down: as one transaction, or statement by statement."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg import errors, sql

from holdfast.migrate import history
from holdfast.migrate.errors import MigrationFailed, NotReversible, StillLocked
from holdfast.migrate.files import Migration
from holdfast.migrate.history import Direction, Mark
from holdfast.migrate.indexes import already_done, drop_broken_index
from holdfast.migrate.splitting import SqlStatement
from holdfast.migrate.turn import Turn
from holdfast.postgres.database import Database
from holdfast.system import Connection

Outcome = Literal["done", "busy", "overtaken"]
At = Callable[[str], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a migration: ``busy`` and ``overtaken`` mean that nothing was done.

    ``mark`` is the history's after it, ``duration_ms`` what it took.
    """

    outcome: Outcome
    mark: Mark
    duration_ms: int = 0


_STEP_BACK = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)
_NEEDS_ITS_OWN = (errors.ActiveSqlTransaction, errors.InvalidTransactionTermination)
_LONGEST_PAUSE = 10.0


@dataclass(frozen=True, slots=True)
class Run:
    """What a migration is run with: times in seconds.

    ``at`` is called (and awaited, where that can be) at each place of a migration, for a proof: with
    ``before N`` and ``after N`` (N: the statement's number, from 1; after it, its effect is not yet
    committed unless it runs on its own), ``started N`` (it runs on its own and is recorded as begun),
    ``noted N`` (files without a transaction: it is committed and recorded), and ``before commit`` (the
    row of the history is written, nothing of it committed).
    """

    database: Database
    connection: Connection
    turn: Turn
    lock_timeout: float
    patience: float
    at: At | None = None

    async def reach(self, place: str) -> None:
        """Tell ``at`` that a place is reached."""
        told = self.at(place) if self.at is not None else None
        if told is not None:
            await told


def statements_of(migration: Migration, direction: Direction) -> Sequence[SqlStatement]:
    """Return what is to be run. Raises ``NotReversible`` for the way back of what has none."""
    if direction == "down" and migration.irreversible:
        raise NotReversible(
            f"{migration.id} ({migration.file}) cannot be undone: {migration.irreversible}.",
            hint="Restore a backup, or write a new migration that goes on from here.",
        )
    return migration.up if direction == "up" else migration.down


async def run(run: Run, migration: Migration, direction: Direction, mark: Mark) -> Result:
    """Run a migration if the history still is as ``mark`` says.

    The result is ``busy`` where another process has the turn, ``overtaken`` where another one has
    changed the history. Locks that others hold are tried
    for again, with pauses, until the patience ends. Raises ``MigrationFailed``, ``StillLocked``.
    """
    began = time.monotonic()
    pause = 0.1
    while True:
        try:
            if migration.transactional:
                return await _whole(run, migration, direction, mark)
            return await _stepwise(run, migration, direction, mark)
        except _LockedOut as locked:
            if time.monotonic() - began + pause > run.patience:
                raise StillLocked(
                    f"{locked.place}: others held the locks that it needs: {locked.message}.",
                    hint="Nothing of it was done. End the long transaction that holds them (`holdfast psql`, "
                    "pg_stat_activity), then run the same again.",
                ) from locked.error
            await asyncio.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311  spreads processes, guards nothing
            pause = min(pause * 2, _LONGEST_PAUSE)


class _LockedOut(Exception):
    """A statement stepped back because others held a lock; the transaction is rolled back."""

    def __init__(self, place: str, error: psycopg.Error) -> None:
        super().__init__(place)
        self.place = place
        self.message = error.diag.message_primary or str(error)
        self.error = error


async def _whole(run: Run, migration: Migration, direction: Direction, mark: Mark) -> Result:
    began = time.monotonic()
    connection = run.connection
    async with connection.transaction():
        if not await run.turn.take(connection):
            return Result("busy", mark)
        if await history.read_mark(connection) != mark:
            return Result("overtaken", mark)
        await _prepare(run, migration)
        for number, statement in enumerate(statements_of(migration, direction), start=1):
            await run.reach(f"before {number}")
            await _execute(connection, migration, statement)
            await run.reach(f"after {number}")
        await connection.execute("RESET ALL; RESET ROLE", prepare=False)
        duration_ms = round((time.monotonic() - began) * 1000)
        if direction == "up":
            await history.record(connection, migration, duration_ms)
        else:
            await history.remove(connection, migration)
        mark = await history.read_mark(connection)
        await run.reach("before commit")
        return Result("done", mark, duration_ms)


async def _prepare(run: Run, migration: Migration) -> None:
    """Set this transaction's limits: locks are waited for briefly, statements may take their time."""
    await run.connection.execute(_limits("SET LOCAL", _budget(run, migration)), prepare=False)


def _budget(run: Run, migration: Migration) -> float:
    return run.lock_timeout if migration.lock_budget is None else migration.lock_budget


def _limits(how: Literal["SET", "SET LOCAL"], seconds: float) -> sql.Composed:
    milliseconds = sql.Literal(max(1, round(seconds * 1000)))
    return sql.SQL(
        "{how} lock_timeout = {value}; {how} statement_timeout = 0;"
        # A role's own path ("$user") would put unqualified names elsewhere on every server.
        " {how} search_path = public;"
        # The server ends the work of a killed process, and its locks with it.
        " {how} client_connection_check_interval = '1s'"
    ).format(how=sql.SQL(how), value=milliseconds)


async def _execute(
    connection: Connection, migration: Migration, statement: SqlStatement, *, changed: str = ""
) -> None:
    try:
        await connection.execute(sql.SQL(statement.text), prepare=False)
    except _STEP_BACK as error:
        raise _LockedOut(f"{migration.file_of(statement)}:{statement.line}", error) from error
    except _NEEDS_ITS_OWN as error:
        if migration.transactional:
            raise _failed(migration, statement, error, "") from error
        raise
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        raise _failed(migration, statement, error, changed) from error


def _failed(
    migration: Migration, statement: SqlStatement, error: psycopg.Error, changed: str
) -> MigrationFailed:
    message = error.diag.message_primary or str(error)
    line = statement.line
    if error.diag.statement_position:
        line += statement.text.count("\n", 0, int(error.diag.statement_position) - 1)
    parts = [error.diag.message_detail, error.diag.message_hint]
    if isinstance(error, _NEEDS_ITS_OWN):
        parts.append("Write '-- no-transaction' above '-- UP' for what cannot run in a transaction.")
    parts.append(changed or "The database is as it was before this migration.")
    return MigrationFailed(
        f"{migration.file_of(statement)}:{line}: {message}.",
        hint=" ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part),
        file=migration.file_of(statement),
        line=line,
        sqlstate=error.sqlstate,
        statement=statement.text,
    )


async def _stepwise(run: Run, migration: Migration, direction: Direction, mark: Mark) -> Result:
    began = time.monotonic()
    connection = run.connection
    if not await run.turn.lease(connection, f"{migration.id} {direction}"):
        return Result("busy", mark)
    async with run.turn.renewed(run.database):
        if await history.read_mark(connection) != mark:
            return Result("overtaken", mark)
        steps = statements_of(migration, direction)
        async with connection.transaction():
            await run.turn.confirm(connection)
            noted = await history.begin_steps(connection, migration, direction)
        _check_finished(migration, steps, noted)
        for number in range(1, len(steps) + 1):
            if not noted.get(number, ("", False))[1]:
                await _step(run, migration, direction, number, resumed=number in noted)
        duration_ms = round((time.monotonic() - began) * 1000)
        async with connection.transaction():
            await run.turn.confirm(connection)
            if direction == "up":
                await history.end_steps(connection, migration, duration_ms)
            else:
                await history.remove(connection, migration)
            mark = await history.read_mark(connection)
            await run.reach("before commit")
            return Result("done", mark, duration_ms)


def _checksum(statement: SqlStatement) -> str:
    return hashlib.sha256(statement.text.encode()).hexdigest()


def _check_finished(
    migration: Migration, steps: Sequence[SqlStatement], noted: dict[int, tuple[str, bool]]
) -> None:
    """Refuse to resume where a statement that is already done reads otherwise now."""
    for number, (checksum, finished) in noted.items():
        if finished and (number > len(steps) or _checksum(steps[number - 1]) != checksum):
            raise MigrationFailed(
                f"{migration.file} was cut off after its statement {number}, which has been edited since.",
                hint="Restore the statements that are done; those after them may be corrected.",
            )


async def _step(run: Run, migration: Migration, direction: Direction, number: int, *, resumed: bool) -> None:
    """Run one statement together with its note; on its own where PostgreSQL takes it no other way."""
    connection = run.connection
    statement = statements_of(migration, direction)[number - 1]
    done = f"Of this file {number - 1} statements are done and recorded; the next run goes on with this one."
    try:
        async with connection.transaction():
            await run.turn.confirm(connection)
            await _prepare(run, migration)
            await run.reach(f"before {number}")
            await _execute(connection, migration, statement, changed=done)
            await run.reach(f"after {number}")
            await connection.execute("RESET ALL; RESET ROLE", prepare=False)
            await history.note_step(
                connection, migration, direction, number, _checksum(statement), finished=True
            )
    except _NEEDS_ITS_OWN:
        await _step_on_its_own(run, migration, direction, number, statement, done=done, resumed=resumed)
    await run.reach(f"noted {number}")


async def _step_on_its_own(
    run: Run,
    migration: Migration,
    direction: Direction,
    number: int,
    statement: SqlStatement,
    *,
    done: str,
    resumed: bool,
) -> None:
    connection = run.connection
    await _note(run, migration, direction, number, statement, finished=False)
    await run.reach(f"started {number}")
    if not (resumed and await already_done(connection, statement)):
        await drop_broken_index(connection, statement)
        # What is done CONCURRENTLY waits for old transactions without being in anybody's way.
        wait = run.patience if "CONCURRENTLY" in statement.words else _budget(run, migration)
        await connection.execute(_limits("SET", wait), prepare=False)
        await _execute(connection, migration, statement, changed=done)
        await connection.execute("RESET ALL", prepare=False)
    await run.reach(f"after {number}")
    await _note(run, migration, direction, number, statement, finished=True)


async def _note(
    run: Run,
    migration: Migration,
    direction: Direction,
    number: int,
    statement: SqlStatement,
    *,
    finished: bool,
) -> None:
    async with run.connection.transaction():
        await run.turn.confirm(run.connection)
        await history.note_step(
            run.connection, migration, direction, number, _checksum(statement), finished=finished
        )
