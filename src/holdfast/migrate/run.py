"""What a migration is run with, and how a statement that is refused is told."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import psycopg
from psycopg import errors

from holdfast.migrate.batch import with_values
from holdfast.migrate.errors import MigrationFailed, NotReversible
from holdfast.migrate.files import Migration
from holdfast.migrate.history import Direction, Mark
from holdfast.migrate.splitting import SqlStatement
from holdfast.migrate.turn import Turn
from holdfast.postgres.database import Database
from holdfast.postgres.statements import Statement, Statements
from holdfast.system import Connection, System

Outcome = Literal["done", "busy", "overtaken"]
At = Callable[[str], Awaitable[None] | None]
NEEDS_ITS_OWN = (errors.ActiveSqlTransaction, errors.InvalidTransactionTermination)
STEP_BACK = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)
_STATEMENTS = Statements("holdfast.migrate", "run.sql")
_HAS_TRANSACTION_TIMEOUT = 170000
# Ends what a file has set, whose rights it took on, and the temporary tables that it made.
RESETS = ("RESET ALL", "RESET SESSION AUTHORIZATION", "RESET ROLE", "DISCARD TEMP")
_SECRET = re.compile(r"password|secret|://[^/\s]*:[^/\s]*@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a migration: ``busy`` and ``overtaken`` mean that nothing was done.

    ``mark`` is the history's after it, ``duration_ms`` what it took.
    """

    outcome: Outcome
    mark: Mark
    duration_ms: int = 0


@dataclass(slots=True)
class Prepared:
    """The names of the statements that are prepared in the run's session, by what they do; maybe none."""

    asked: bool = False
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """What a migration is run with: times in seconds.

    ``at`` is called (and awaited, where that can be) at each place of a migration, for a proof: with
    ``before N`` and ``after N`` (N: the statement's number, from 1; after it, its effect is not yet
    committed unless it runs on its own), ``started N`` (it runs on its own and is recorded as begun),
    ``noted N`` (files without a transaction: it is committed and recorded), and ``before commit`` (the
    row of the history is written, nothing of it committed). ``generating`` are the systems by name for
    which something is generated after their files.
    """

    database: Database
    connection: Connection
    turn: Turn
    lock_timeout: float
    patience: float
    at: At | None = None
    generating: Mapping[str, System] = field(default_factory=dict)
    prepared: Prepared = field(default_factory=Prepared)

    async def reach(self, place: str) -> None:
        """Tell ``at`` that a place is reached."""
        told = self.at(place) if self.at is not None else None
        if told is not None:
            await told

    def budget(self, migration: Migration) -> float:
        """Return for how many seconds a statement of a migration may wait for a lock."""
        return self.lock_timeout if migration.lock_budget is None else migration.lock_budget


class LockedOut(Exception):
    """A statement stepped back because others held a lock; the transaction is rolled back."""

    def __init__(self, place: str, error: psycopg.Error) -> None:
        super().__init__(place)
        self.place = place
        self.message = error.diag.message_primary or str(error)
        self.error = error


def statements_of(migration: Migration, direction: Direction) -> Sequence[SqlStatement]:
    """Return what is to be run. Raises ``NotReversible`` for the way back of what has none."""
    if direction == "down" and migration.irreversible:
        raise NotReversible(
            f"{migration.id} ({migration.file}) cannot be undone: {migration.irreversible}.",
            hint="Restore a backup, or write a new migration that goes on from here.",
        )
    return migration.up if direction == "up" else migration.down


def limits(connection: Connection, seconds: float, *, session: bool = False) -> str:
    """Return the SQL that sets how long a lock is waited for, in this transaction or in the session.

    Statements may take their time. A role's own search_path ("$user") would put unqualified names
    elsewhere on every server. The server ends the work of a killed process, and its locks with it.
    """
    statement = _STATEMENTS["limit_session"] if session else limit_transaction(connection)
    return with_values(connection, statement, {"milliseconds": milliseconds(seconds)})


def milliseconds(seconds: float) -> str:
    """Return a time as PostgreSQL's settings take it; 0 would be no limit."""
    return str(max(1, round(seconds * 1000)))


def limit_transaction(connection: Connection) -> Statement:
    """Return the statement that limits a transaction, for the server's version."""
    has_own_timeout = connection.info.server_version >= _HAS_TRANSACTION_TIMEOUT
    return _STATEMENTS["limit_from_17" if has_own_timeout else "limit_before_17"]


def refused(
    migration: Migration,
    statement: SqlStatement,
    error: psycopg.Error,
    *,
    position: int | None,
    changed: str = "",
) -> Exception:
    """Return what to raise for a statement that the server refused.

    ``position`` is where in its text the fault is; ``changed`` says what state the database is in, where
    that is not the one before the migration.
    """
    file = migration.file_of(statement)
    if isinstance(error, STEP_BACK):
        return LockedOut(f"{file}:{statement.line}", error)
    if isinstance(error, NEEDS_ITS_OWN) and not migration.transactional:
        return error
    line = statement.line + statement.text.count("\n", 0, position or 0)
    return _failed(error, file, line, changed, statement.text)


def refused_at_end(migration: Migration, error: psycopg.Error) -> Exception:
    """Return what to raise where the server refused to commit a migration, as a deferred constraint does."""
    if isinstance(error, STEP_BACK):
        return LockedOut(migration.file, error)
    return _failed(error, migration.file, None, "", "COMMIT")


def refused_of_ours(migration: Migration, error: psycopg.Error) -> Exception:
    """Return what to raise where the server refused what stands around a migration: the turn, the history."""
    if isinstance(error, STEP_BACK):
        return LockedOut(migration.file, error)
    advice = ""
    if isinstance(error, errors.InsufficientPrivilege):
        advice = "Migrate as the role that owns the schema holdfast, or grant it the rights. "
    return MigrationFailed(
        f"{migration.file}: the history of migrations could not be kept: {_message(error)}.",
        hint=f"{advice}The database is as it was before this migration.",
        file=migration.file,
        sqlstate=error.sqlstate,
    )


def _message(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).strip().rstrip(".")


def _failed(
    error: psycopg.Error, file: str, line: int | None, changed: str, statement: str
) -> MigrationFailed:
    parts = [error.diag.message_detail, error.diag.message_hint]
    if isinstance(error, NEEDS_ITS_OWN) and not statement.upper().startswith("SET"):
        parts.append("Write '-- no-transaction' above '-- UP' for what cannot run in a transaction.")
    parts.append(changed or "The database is as it was before this migration.")
    message = _message(error)
    return MigrationFailed(
        f"{file}: at its end: {message}." if line is None else f"{file}:{line}: {message}.",
        hint=" ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part),
        file=file,
        line=line,
        sqlstate=error.sqlstate,
        statement=_without_secrets(statement),
    )


def _without_secrets(statement: str) -> str:
    """Return a statement as it may be shown: where it may hold a password, no more than its first word."""
    if _SECRET.search(statement) is None:
        return statement
    return f"{statement.split(maxsplit=1)[0]} ... (left out: it may hold a password)"
