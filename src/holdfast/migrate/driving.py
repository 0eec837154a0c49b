"""Works through what is to be applied or undone, together with others who do the same."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from holdfast.errors import HoldfastError
from holdfast.migrate import history
from holdfast.migrate.files import Migration
from holdfast.migrate.generating import declared_generators
from holdfast.migrate.header import MigrationId
from holdfast.migrate.history import Applied, Direction, Mark
from holdfast.migrate.plan import Files
from holdfast.migrate.run import At, Run
from holdfast.migrate.running import run
from holdfast.migrate.settings import LOCK_TIMEOUT, PATIENCE
from holdfast.migrate.turn import Tell, Turn
from holdfast.postgres.database import Database
from holdfast.system import Connection, System

_SHOWN_DONE = 5
logger = logging.getLogger("holdfast.migrate")


@dataclass(frozen=True, slots=True)
class Done:
    """A migration that this run has applied or undone."""

    system: str
    number: int
    name: str
    direction: Direction
    duration_ms: int

    @property
    def id(self) -> MigrationId:
        """Which migration it is."""
        return MigrationId(self.system, self.number)


Todo: TypeAlias = Sequence[tuple[Migration, Direction]]
# What is to be done, by the history as it stands and what this run has done already.
Choose = Callable[[Sequence[Applied], Sequence[Done]], Todo]
Approve = Callable[[Connection, Todo], Awaitable[None]]


def to_log(message: str) -> None:
    """Tell a message to the log."""
    logger.warning("%s", message)


async def work_through(
    database: Database,
    files: Files,
    choose: Choose,
    *,
    tell: Tell = to_log,
    at: At | None = None,
    approve: Approve | None = None,
    make_history: bool = False,
) -> list[Done]:
    """Do what ``choose`` says until it says nothing more, and return what was done.

    ``approve`` is asked before anything is done, and may raise. Without ``make_history``, nothing is
    done where the history's tables do not stand.
    """
    done: list[Done] = []
    settings = database.settings
    patience = settings.get(PATIENCE)
    async with database.direct() as connection:
        # psycopg deallocates all statements of a session, the engine's too, when it lets its own go.
        connection.prepare_threshold = None
        if make_history:
            await history.ensure_history(connection, patience=patience)
        turn = Turn(patience, tell)
        generating = _generating(files)
        prepared = Run(database, connection, turn, settings.get(LOCK_TIMEOUT), patience, at, generating)
        while todo := choose(rows := await history.read_history(connection), done):
            if approve is not None:
                await approve(connection, todo)
            try:
                await _work(prepared, todo, Mark.of(rows), done)
            except HoldfastError as error:
                _tell_what_stays(error, done)
                raise
    return done


def _tell_what_stays(error: HoldfastError, done: Sequence[Done]) -> None:
    """Say with an error what was done before it: that is committed."""
    if not done:
        return
    stays = [f"{each.id} was {'applied' if each.direction == 'up' else 'undone'}" for each in done]
    shown = ", ".join(stays[-_SHOWN_DONE:])
    more = f"{len(stays) - _SHOWN_DONE} more, " if len(stays) > _SHOWN_DONE else ""
    error.hint = f"{error.hint} Before it, and that stays: {more}{shown}.".strip()
    error.details["done"] = [
        {"system": each.system, "number": each.number, "direction": each.direction} for each in done
    ]


async def look_ahead(database: Database, choose: Choose) -> Todo:
    """Return what would be done, and do nothing."""
    async with database.connection() as connection:
        return choose(await history.read_history(connection), [])


def _generating(files: Files) -> dict[str, System]:
    """Return the systems for which something is generated: those that are installed, not a folder's."""
    installed = {name: system for name, system in files.systems.items() if system.package}
    return installed if installed and declared_generators() else {}


async def _work(prepared: Run, todo: Todo, mark: Mark, done: list[Done]) -> None:
    """Run migrations, each as soon as it is our turn, until another process has changed the history."""
    for migration, direction in todo:
        result = await run(prepared, migration, direction, mark)
        while result.outcome == "busy":
            await prepared.turn.wait(prepared.connection)
            result = await run(prepared, migration, direction, mark)
        if result.outcome == "overtaken":
            return
        mark = result.mark
        done.append(
            Done(migration.id.system, migration.id.number, migration.name, direction, result.duration_ms)
        )
        logger.info("%s %s took %d ms", migration.id, direction, result.duration_ms)
