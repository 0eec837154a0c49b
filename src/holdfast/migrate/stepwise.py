"""Runs a migration statement by statement, each recorded, so that it resumes where it was cut off."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import psycopg
from psycopg import sql

from holdfast.migrate import generating, history
from holdfast.migrate.errors import MigrationFailed
from holdfast.migrate.files import Migration
from holdfast.migrate.history import Direction, Mark
from holdfast.migrate.indexes import already_done, drop_broken_index, drop_leftovers
from holdfast.migrate.run import NEEDS_ITS_OWN, Result, Run, limits, refused, statements_of
from holdfast.migrate.splitting import SqlStatement
from holdfast.system import Connection


async def run_stepwise(run: Run, migration: Migration, direction: Direction, mark: Mark) -> Result:
    """Run a migration whose statements are recorded one by one; see ``running.run``."""
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
            if system := run.generating.get(migration.id.system):
                await generating.generate(connection, [system])
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
            await connection.execute(sql.SQL(limits(connection, run.budget(migration))), prepare=False)
            await run.reach(f"before {number}")
            await _execute(connection, migration, statement, changed=done)
            await run.reach(f"after {number}")
            await connection.execute("RESET ALL; RESET ROLE", prepare=False)
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
    await _note(run, migration, direction, number, statement, finished=False)
    await run.reach(f"started {number}")
    if not (resumed and await already_done(connection, statement)):
        await drop_broken_index(connection, statement)
        if resumed:
            await drop_leftovers(connection, statement)
        # What is done CONCURRENTLY waits for old transactions without being in anybody's way.
        wait = run.patience if "CONCURRENTLY" in statement.words else run.budget(migration)
        await connection.execute(sql.SQL(limits(connection, wait, session=True)), prepare=False)
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


async def _execute(
    connection: Connection, migration: Migration, statement: SqlStatement, *, changed: str = ""
) -> None:
    try:
        await connection.execute(sql.SQL(statement.text), prepare=False)
    except psycopg.Error as error:
        if connection.closed or connection.broken:
            raise
        written = error.diag.statement_position
        position = int(written) - 1 if written else None
        raise refused(migration, statement, error, position=position, changed=changed) from error
