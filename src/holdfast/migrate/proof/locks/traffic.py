"""Readers and writers that go on while a migration runs, and what it made them wait."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import psycopg
from psycopg import sql

from holdfast.migrate.files import Migration
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

STATEMENTS = Statements("holdfast.migrate.proof.locks", "locks.sql")
_MOST_TABLES = 8
_PAUSE = 0.0005
_NAME = re.compile(r'[\w$]+|"(?:[^"]|"")+"')
Kind = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view that stood before; ``column`` can be written to, and has no index where one is."""

    oid: int
    schema: str
    name: str
    kind: str
    column: str | None

    @property
    def shown(self) -> str:
        """The name for people."""
        return f"{self.schema}.{self.name}"


def named_in(migration: Migration, relations: Iterable[Relation]) -> list[Relation]:
    """Return the tables that a file's ``-- UP`` part names, in any place, at most eight."""
    words: set[str] = set()
    for statement in migration.up:
        for word in _NAME.findall(statement.text):
            words.add(word[1:-1].replace('""', '"') if word.startswith('"') else word.lower())
    found = [relation for relation in relations if relation.kind in "rp" and relation.name in words]
    return sorted(found, key=lambda relation: relation.oid)[:_MOST_TABLES]


class Traffic:
    """One session that reads and one that writes, on some tables in turn, while the block runs.

    Writing is an UPDATE of one row that changes no value, without the table's triggers.
    """

    def __init__(self, conninfo: str, relations: Sequence[Relation]) -> None:
        self.relations = relations
        self._conninfo = conninfo
        self._going = True
        self._tasks: list[asyncio.Task[None]] = []
        self._longest: dict[Kind, float] = {}

    def longest_ms(self, kind: Kind) -> float | None:
        """Return how long one of them took at most, or None where there was none."""
        longest = self._longest.get(kind)
        return None if longest is None else round(longest * 1000, 1)

    async def __aenter__(self) -> Self:
        if self.relations:
            started = asyncio.Barrier(3)
            kinds: tuple[Kind, ...] = ("read", "write")
            self._tasks = [asyncio.create_task(self._go_on(kind, started)) for kind in kinds]
            await started.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._going = False
        await asyncio.gather(*self._tasks)

    async def _go_on(self, kind: Kind, started: asyncio.Barrier) -> None:
        try:
            connection = await psycopg.AsyncConnection.connect(
                self._conninfo, autocommit=True, application_name=f"holdfast {kind}s"
            )
        except BaseException:
            await started.abort()
            raise
        async with connection:
            if kind == "write":
                await connection.execute(STATEMENTS["without_triggers"])
            statements = [_statement(relation, kind) for relation in self.relations]
            await started.wait()
            while self._going and statements:
                for statement in list(statements):
                    if not await self._once(connection, kind, statement):
                        statements.remove(statement)
                    await asyncio.sleep(_PAUSE)
                    if not self._going:
                        break

    async def _once(self, connection: Connection, kind: Kind, statement: sql.Composed) -> bool:
        """Run a statement; False where it can run no more: the migration took its table or column away."""
        began = time.monotonic()
        try:
            await connection.execute(statement, prepare=False)
        except psycopg.errors.OperationalError:  # a deadlock, a lock not to be had: it waited all the same
            pass
        except psycopg.Error:
            return False
        finally:
            self._longest[kind] = max(self._longest.get(kind, 0.0), time.monotonic() - began)
        return True


def _statement(relation: Relation, kind: Kind) -> sql.Composed:
    table = sql.Identifier(relation.schema, relation.name)
    if kind == "read":
        return sql.SQL("SELECT * FROM {} LIMIT 1").format(table)
    if relation.column is None:
        return sql.SQL("DELETE FROM {} WHERE false").format(table)
    return sql.SQL(
        "UPDATE {table} SET {column} = {column} WHERE ctid = (SELECT ctid FROM {table} LIMIT 1)"
    ).format(table=table, column=sql.Identifier(relation.column))
