"""Runs a migration that is one transaction, together with its row in the history.

One message to the server holds all of it: BEGIN, the limits, two statements that fail where it is not
our turn or the history is not as we know it, the file, its row, COMMIT. So a file costs one round trip,
and nothing of it is run where it must not be.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import psycopg
from psycopg import errors, pq

from holdfast.errors import TryAgain
from holdfast.migrate import generating
from holdfast.migrate.batch import Refused, Verbatim, literals, send, with_values
from holdfast.migrate.files import Migration
from holdfast.migrate.history import STATEMENTS, Direction, Mark, recording, removing
from holdfast.migrate.run import (
    RESETS,
    Result,
    Run,
    limit_transaction,
    limits,
    milliseconds,
    refused,
    refused_at_end,
    refused_of_ours,
    statements_of,
)
from holdfast.migrate.splitting import SqlStatement
from holdfast.system import System

# The mark must be read as it stands once the turn is taken, whatever a role's default is.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_COMMIT = "COMMIT"
_UNPREPARES = {"DEALLOCATE", "DISCARD"}
_PREPARED = ("limit", "take", "unchanged", "record")
_MARK = ("count", "newest", "unfinished")
_ROW = ("system", "number", "name", "checksum", "depends")


class ConnectionLost(TryAgain):
    """The connection to the server ended while a migration ran."""

    code = "connection_lost"


class _Unprepared(Exception):
    """A prepared statement is gone: something in the file has ended it."""


class _NotNow(Exception):
    """It is not our turn, or the history is not as we know it; nothing of the file was run."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.outcome)
        self.result = result


async def run_whole(run: Run, migration: Migration, direction: Direction, mark: Mark) -> Result:
    """Run a migration if it is our turn and the history still is as ``mark`` says."""
    try:
        return await _run(run, migration, direction, mark)
    except _NotNow as told:
        return told.result
    except psycopg.OperationalError as error:
        if not run.connection.closed:
            raise
        raise ConnectionLost(
            f"{migration.file}: the connection ended while it ran: {str(error).strip().rstrip('.')}.",
            hint="It is applied whole or not at all: see holdfast migrate status, then run the same again.",
        ) from error


async def _run(run: Run, migration: Migration, direction: Direction, mark: Mark) -> Result:
    if any(not _UNPREPARES.isdisjoint(each.words) for each in statements_of(migration, direction)):
        run.prepared.asked, run.prepared.names = True, {}
    try:
        return await _in_transaction(run, lambda: _attempt(run, migration, direction, mark))
    except _Unprepared:
        run.prepared.names = {}
        return await _in_transaction(run, lambda: _attempt(run, migration, direction, mark))


async def _in_transaction(run: Run, attempt: Callable[[], Awaitable[Result]]) -> Result:
    try:
        return await attempt()
    except BaseException:
        if not run.connection.closed:
            with suppress(psycopg.OperationalError):
                await run.connection.rollback()
        raise


def _taking(run: Run) -> str:
    """Return the command that takes the turn, and fails with a division by zero where others have it."""
    taking = run.turn.taking(run.connection)
    return f"WITH taken AS MATERIALIZED (\n{taking}\n) SELECT 1 / count(*) FROM taken"  # noqa: S608  our own


async def _get_ready(run: Run, migration: Migration) -> None:
    """Prepare what every file needs, where the session is our own and not a pooler's."""
    run.prepared.asked = True
    if not run.database.hears:
        return
    names = {name: f"holdfast_{name}_{run.turn.holder[-8:]}" for name in _PREPARED}
    limit = with_values(run.connection, limit_transaction(run.connection), _places(("milliseconds",)))
    values = {**recording(migration), **_places(_ROW)}
    record = with_values(run.connection, STATEMENTS["record"], values)
    unchanged = with_values(run.connection, STATEMENTS["unchanged"], _places(_MARK))
    await send(
        run.connection,
        [
            f"PREPARE {names['limit']} (TEXT) AS {limit}",
            f"PREPARE {names['take']} AS {_taking(run)}",
            f"PREPARE {names['unchanged']} (BIGINT, BIGINT, BIGINT) AS {unchanged}",
            f"PREPARE {names['record']} (TEXT, BIGINT, TEXT, TEXT, TEXT) AS {record}",
        ],
    )
    run.prepared.names = names


def _places(names: Sequence[str]) -> dict[str, Verbatim]:
    return {name: Verbatim(f"${place}") for place, name in enumerate(names, start=1)}


def _unchanged(run: Run, mark: Mark) -> str:
    """Return the command that fails with a division by zero where the history's mark is another one."""
    values = {name: getattr(mark, name) for name in _MARK}
    if name := run.prepared.names.get("unchanged"):
        return f"EXECUTE {name} {literals(run.connection, list(values.values()))}"
    return with_values(run.connection, STATEMENTS["unchanged"], values)


def _record(run: Run, migration: Migration) -> str:
    """Return the command that writes a migration's row into the history."""
    values = recording(migration)
    if name := run.prepared.names.get("record"):
        return f"EXECUTE {name} {literals(run.connection, [values[each] for each in _ROW])}"
    return with_values(run.connection, STATEMENTS["record"], values)


class _Messages:
    """Commands of one migration, sent together as far as nothing stands between them."""

    def __init__(self, run: Run, migration: Migration) -> None:
        self._run = run
        self._migration = migration
        self._waiting: list[tuple[str, SqlStatement | None, Result | None]] = []
        self.results: list[pq.abc.PGresult] = []

    def add(
        self, text: str, statement: SqlStatement | None = None, *, otherwise: Result | None = None
    ) -> int:
        """Add a command, of the file or of our own; return where in ``results`` its result will be.

        ``otherwise`` is the migration's result where the command fails with a division by zero.
        """
        self._waiting.append((text, statement, otherwise))
        return len(self.results) + len(self._waiting) - 1

    async def send(self) -> None:
        """Send what waits. Raises what is to be told of a command that was refused."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            self.results += await send(self._run.connection, [text for text, _, _ in waiting])
        except Refused as found:
            raise self._told(found, *waiting[found.index]) from found.error

    def _told(
        self, found: Refused, text: str, statement: SqlStatement | None, otherwise: Result | None
    ) -> Exception:
        error = found.error
        if statement is not None:
            self._run.turn.taken()
            return refused(self._migration, statement, error, position=found.position)
        if otherwise is not None and isinstance(error, errors.DivisionByZero):
            return _NotNow(otherwise)
        if isinstance(error, errors.InvalidSqlStatementName):
            return _Unprepared()
        if text == _COMMIT or text in RESETS:
            return refused_at_end(self._migration, error)
        return refused_of_ours(self._migration, error)

    async def reach(self, place: str) -> None:
        """Send what waits, and tell that a place is reached; nothing where nobody wants to know."""
        if self._run.at is not None:
            await self.send()
            await self._run.reach(place)


async def _attempt(run: Run, migration: Migration, direction: Direction, mark: Mark) -> Result:
    began = time.monotonic()
    messages = _Messages(run, migration)
    await _begin(run, migration, messages, mark)
    for number, statement in enumerate(statements_of(migration, direction), start=1):
        await messages.reach(f"before {number}")
        messages.add(statement.text, statement)
        await messages.reach(f"after {number}")
    # The limits hold for what is generated, and for what is checked at the commit.
    for command in (*RESETS, _limits(run, migration)):
        messages.add(command)
    if migration.id.system in run.generating:
        await messages.send()
        await _generate(run, migration, run.generating[migration.id.system])
    if direction == "up":
        row = messages.add(_record(run, migration))
    else:
        messages.add(with_values(run.connection, STATEMENTS["remove"], removing(migration)))
        row = messages.add(STATEMENTS["mark"].text)
    await messages.reach("before commit")
    messages.add(_COMMIT)
    await messages.send()
    run.turn.taken()
    if direction == "down":
        now = Mark(*(int(messages.results[row].get_value(0, column) or 0) for column in range(3)))
        return Result("done", now, round((time.monotonic() - began) * 1000))
    position, duration_ms = (int(messages.results[row].get_value(0, column) or 0) for column in range(2))
    return Result("done", Mark(mark.count + 1, position, mark.unfinished), duration_ms)


def _limits(run: Run, migration: Migration) -> str:
    """Return the command that sets the migration's limits for its transaction."""
    budget = run.budget(migration)
    if name := run.prepared.names.get("limit"):
        return f"EXECUTE {name} {literals(run.connection, [milliseconds(budget)])}"
    return limits(run.connection, budget)


async def _begin(run: Run, migration: Migration, messages: _Messages, mark: Mark) -> None:
    if not run.prepared.asked:
        try:
            await _get_ready(run, migration)
        except Refused as found:
            raise refused_of_ours(migration, found.error) from found.error
    messages.add(_BEGIN)
    messages.add(_limits(run, migration))
    if run.connection.pgconn.parameter_status(b"standard_conforming_strings") != b"on":
        # The server takes a message apart before it runs any of it.
        await messages.send()
    name = run.prepared.names.get("take")
    messages.add(f"EXECUTE {name}" if name else _taking(run), otherwise=Result("busy", mark))
    messages.add(_unchanged(run, mark), otherwise=Result("overtaken", mark))


async def _generate(run: Run, migration: Migration, system: System) -> None:
    try:
        await generating.generate(run.connection, [system])
    except psycopg.Error as error:
        if run.connection.closed:
            raise
        raise refused_at_end(migration, error) from error
