"""Runs a migration that is one transaction, together with its row in the history.

Each message to the server begins the next file's transaction with the last one's commit, so that a
file costs one round trip. Before anything of a file is sent, the answer has said that it is our turn
and that the history is as we know it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

import psycopg
from psycopg import pq

from holdfast.migrate import generating
from holdfast.migrate.batch import Refused, Verbatim, literals, send, with_values
from holdfast.migrate.files import Migration
from holdfast.migrate.history import STATEMENTS, Direction, Mark, recording, removing
from holdfast.migrate.run import Guard, Result, Run, limits, refused, refused_at_commit, statements_of
from holdfast.migrate.splitting import SqlStatement

_COMMIT = "COMMIT"
_UNPREPARES = {"DEALLOCATE", "DISCARD"}
_VARYING = {
    name: Verbatim(f"${place}")
    for place, name in enumerate(("system", "number", "name", "checksum"), start=1)
}


async def run_whole(
    run: Run, migration: Migration, direction: Direction, mark: Mark, *, more: bool
) -> Result:
    """Run a migration if it is our turn and the history still is as ``mark`` says.

    With ``more``, the next transaction is begun at once; the caller goes on with a migration of this kind.
    """
    try:
        if run.ahead.guard is None:
            if not run.ahead.begin:
                await _get_ready(run, migration)
            run.ahead.guard = _guard(run, await send(run.connection, run.ahead.begin))
        guard = run.ahead.guard
        if not guard.taken or guard.mark != mark:
            await _abandon(run)
            return Result("overtaken" if guard.taken else "busy", mark)
        return await _apply(run, migration, direction, mark, more=more)
    except BaseException:
        await _abandon(run)
        raise


async def _abandon(run: Run) -> None:
    run.ahead.guard = None
    if not run.connection.closed:
        with suppress(psycopg.OperationalError):
            await run.connection.rollback()


async def _get_ready(run: Run, migration: Migration) -> None:
    """Prepare what every file needs, where the session is our own and not a pooler's."""
    if not run.database.hears:
        _do_without_preparing(run)
        return
    names = {name: f"holdfast_{name}_{run.turn.holder[-8:]}" for name in ("take", "mark", "record")}
    record = with_values(run.connection, STATEMENTS["record"], {**recording(migration), **_VARYING})
    await send(
        run.connection,
        [
            f"PREPARE {names['take']} AS {run.turn.taking(run.connection)}",
            f"PREPARE {names['mark']} AS {STATEMENTS['mark'].text}",
            f"PREPARE {names['record']} (TEXT, BIGINT, TEXT, TEXT) AS {record}",
        ],
    )
    run.ahead.begin = ("BEGIN", f"EXECUTE {names['take']}", f"EXECUTE {names['mark']}")
    run.ahead.record = f"EXECUTE {names['record']} "


def _do_without_preparing(run: Run) -> None:
    run.ahead.begin = ("BEGIN", run.turn.taking(run.connection), STATEMENTS["mark"].text)
    run.ahead.record = ""


def _record(run: Run, migration: Migration) -> str:
    """Return the command that writes a migration's row into the history."""
    values = recording(migration)
    if run.ahead.record:
        return run.ahead.record + literals(run.connection, [values[name] for name in _VARYING])
    return with_values(run.connection, STATEMENTS["record"], values)


def _guard(run: Run, results: Sequence[pq.abc.PGresult]) -> Guard:
    taken, mark = results[-2:]
    if taken.ntuples:
        run.turn.taken()
    return Guard(bool(taken.ntuples), _mark(mark))


def _mark(result: pq.abc.PGresult) -> Mark:
    return Mark(*(int(result.get_value(0, column) or 0) for column in range(3)))


class _Messages:
    """Commands of one migration, sent together as far as nothing stands between them."""

    def __init__(self, run: Run, migration: Migration) -> None:
        self._run = run
        self._migration = migration
        self._waiting: list[tuple[str, SqlStatement | None]] = []
        self.results: list[pq.abc.PGresult] = []

    def add(self, text: str, statement: SqlStatement | None = None) -> int:
        """Add a command, of the file or of our own; return where in ``results`` its result will be."""
        self._waiting.append((text, statement))
        return len(self.results) + len(self._waiting) - 1

    async def send(self) -> None:
        """Send what waits. Raises what is to be told of a command that was refused."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            self.results += await send(self._run.connection, [text for text, _ in waiting])
        except Refused as found:
            text, statement = waiting[found.index]
            if statement is not None:
                position = found.position
                raise refused(self._migration, statement, found.error, position=position) from found.error
            if text == _COMMIT:
                raise refused_at_commit(self._migration, found.error) from found.error
            raise found.error from None

    async def reach(self, place: str) -> None:
        """Send what waits, and tell that a place is reached; nothing where nobody wants to know."""
        if self._run.at is not None:
            await self.send()
            await self._run.reach(place)


async def _apply(run: Run, migration: Migration, direction: Direction, mark: Mark, *, more: bool) -> Result:
    began = time.monotonic()
    messages = _Messages(run, migration)
    statements = statements_of(migration, direction)
    if any(not _UNPREPARES.isdisjoint(statement.words) for statement in statements):
        _do_without_preparing(run)
    messages.add(limits(run.connection, run.budget(migration)))
    for number, statement in enumerate(statements, start=1):
        await messages.reach(f"before {number}")
        messages.add(statement.text, statement)
        await messages.reach(f"after {number}")
    messages.add("RESET ALL")
    messages.add("RESET ROLE")
    if migration.id.system in run.generating:
        await messages.send()
        await generating.generate(run.connection, [run.generating[migration.id.system]])
    if direction == "up":
        row = messages.add(_record(run, migration))
    else:
        messages.add(with_values(run.connection, STATEMENTS["remove"], removing(migration)))
        row = messages.add(STATEMENTS["mark"].text)
    await messages.reach("before commit")
    messages.add(_COMMIT)
    for command in run.ahead.begin if more else ():
        messages.add(command)
    run.ahead.guard = None
    await messages.send()
    if more:
        run.ahead.guard = _guard(run, messages.results)
    if direction == "down":
        return Result("done", _mark(messages.results[row]), round((time.monotonic() - began) * 1000))
    position, duration_ms = (int(messages.results[row].get_value(0, column) or 0) for column in range(2))
    return Result("done", Mark(mark.count + 1, position, mark.unfinished), duration_ms)
