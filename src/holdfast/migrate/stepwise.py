"""Runs a migration statement by statement, each recorded, so that it resumes where it was cut off."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress

import psycopg
from psycopg import errors, pq, sql

from holdfast.errors import Conflict, HoldfastError
from holdfast.migrate import generating, history
from holdfast.migrate.cut_off import already_done, to_be_run
from holdfast.migrate.errors import MigrationFailed
from holdfast.migrate.files import Migration
from holdfast.migrate.formats.statements import runs_alone
from holdfast.migrate.history import Direction, Mark
from holdfast.migrate.indexes import drop_broken_index, drop_leftovers
from holdfast.migrate.run import (
    NEEDS_ITS_OWN,
    RESETS,
    STEP_BACK,
    LockedOut,
    Result,
    Run,
    limits,
    refused,
    statements_of,
)
from holdfast.migrate.splitting import SqlStatement
from holdfast.migrate.whole import ConnectionLost
from holdfast.system import Connection

# The temporary tables that a file makes live on to its end.
_END_OF_STEP = "; ".join(command for command in RESETS if not command.startswith("DISCARD"))
_MAYBE = (
    " A run that was cut off had begun it and may have done it: then take it out. "
    "Statements that are not recorded as done may be edited."
)


async def run_stepwise(run: Run, migration: Migration, direction: Direction, mark: Mark) -> Result:
    """Run a migration whose statements are recorded one by one; see ``running.run``.

    Raises ``Conflict`` where a pooler stands before the server and a statement needs a session of its own.
    """
    connection = run.connection
    if any(runs_alone(statement) for statement in statements_of(migration, direction)):
        _check_session(run, migration)
    try:
        if not await run.turn.lease(connection, f"{migration.id} {direction}"):
            return Result("busy", mark)
        async with run.turn.renewed(run.database):
            if await history.read_mark(connection) != mark:
                return Result("overtaken", mark)
            return await _run(run, migration, direction)
    except psycopg.Error as error:
        raise _told(migration, error, lost=connection.closed) from error


async def _run(run: Run, migration: Migration, direction: Direction) -> Result:
    began = time.monotonic()
    connection = run.connection
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
        await _generate(run, migration)
        if direction == "up":
            await history.end_steps(connection, migration, duration_ms)
        else:
            await history.remove(connection, migration)
        mark = await history.read_mark(connection)
        await run.reach("before commit")
    return Result("done", mark, duration_ms)


async def _generate(run: Run, migration: Migration) -> None:
    """End what the file has left, and generate what follows from it within the file's limits."""
    connection = run.connection
    commands = "; ".join((*RESETS, limits(connection, run.budget(migration))))
    await connection.execute(sql.SQL(commands), prepare=False)
    if system := run.generating.get(migration.id.system):
        try:
            await generating.generate(connection, [system])
        except STEP_BACK as error:
            raise LockedOut(migration.file, error) from error


def _check_session(run: Run, migration: Migration) -> None:
    """Refuse what runs outside of a transaction where a pooler may give each statement another session."""
    if not run.database.hears:
        raise Conflict(
            f"{migration.file} has statements that run outside of a transaction, and a pooler stands before "
            "the server: what they set, others would find in their sessions.",
            hint="Set HOLDFAST_DIRECT_DATABASE_URL to the URL of the server itself.",
        )


def _told(migration: Migration, error: psycopg.Error, *, lost: bool) -> HoldfastError:
    """Return what to raise for what the server refused or cut off between the file's statements."""
    state = "What is done of it is recorded; the next run goes on behind that."
    message = (error.diag.message_primary or str(error)).strip().rstrip(".")
    if lost:
        return ConnectionLost(f"{migration.file}: the connection ended while it ran: {message}.", hint=state)
    if isinstance(error, errors.InsufficientPrivilege):
        state = f"Migrate as the role that owns the schema holdfast, or grant it the rights. {state}"
    return MigrationFailed(
        f"{migration.file}: around its statements: {message}.",
        hint=state,
        file=migration.file,
        sqlstate=error.sqlstate,
    )


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
            await connection.execute(sql.SQL(limits(connection, run.budget(migration))), prepare=False)
            await run.reach(f"before {number}")
            await _execute(connection, migration, statement, statement.text, changed=done)
            await run.reach(f"after {number}")
            await connection.execute(sql.SQL(_END_OF_STEP), prepare=False)
            await history.note_step(
                connection, migration, direction, number, _checksum(statement), finished=True
            )
    except NEEDS_ITS_OWN:
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
    _check_session(run, migration)
    await _note(run, migration, direction, number, statement, finished=False)
    await run.reach(f"started {number}")
    # What is done CONCURRENTLY waits for old transactions without being in anybody's way.
    wait = run.patience if "CONCURRENTLY" in statement.words else run.budget(migration)
    try:
        # From here on names mean what they mean to the statement.
        await connection.execute(sql.SQL(limits(connection, wait, session=True)), prepare=False)
        if not (resumed and await already_done(connection, statement)):
            text = await _clear_the_way(run, migration, statement, changed=done)
            await _execute(connection, migration, statement, text, changed=f"{done}{_MAYBE * resumed}")
    except (MigrationFailed, LockedOut):
        # The server refused it: nothing of it is to be taken for done by the next run.
        with suppress(psycopg.Error):
            await _forget(run, migration, direction, number)
        raise
    finally:
        await _reset(connection)
    await run.reach(f"after {number}")
    await _note(run, migration, direction, number, statement, finished=True)


async def _clear_the_way(run: Run, migration: Migration, statement: SqlStatement, *, changed: str) -> str:
    """Drop what earlier attempts at a statement left; return what is to be run in place of it, or itself."""
    try:
        await drop_broken_index(run.connection, statement)
        await drop_leftovers(run.connection, statement)
        return await to_be_run(run.connection, statement)
    except psycopg.Error as error:
        if run.connection.closed:
            raise
        raise refused(migration, statement, error, position=None, changed=changed) from error


async def _reset(connection: Connection) -> None:
    """End what was set for the session, also where the statement failed."""
    if connection.closed or connection.info.transaction_status != pq.TransactionStatus.IDLE:
        return
    with suppress(psycopg.OperationalError):
        await connection.execute(sql.SQL(_END_OF_STEP), prepare=False)


async def _forget(run: Run, migration: Migration, direction: Direction, number: int) -> None:
    async with run.connection.transaction():
        await run.turn.confirm(run.connection)
        await history.forget_step(run.connection, migration, direction, number)


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


async def _execute(
    connection: Connection, migration: Migration, statement: SqlStatement, text: str, *, changed: str = ""
) -> None:
    try:
        await connection.execute(sql.SQL(text), prepare=False)
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        written = error.diag.statement_position
        position = int(written) - 1 if written else None
        raise refused(migration, statement, error, position=position, changed=changed) from error
