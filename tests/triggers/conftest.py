"""A chain with registries, a user, and triggers made by plain SQL in the seed's tables."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from psycopg import sql

from holdfast.postgres.database import Database
from holdfast.system import Connection
from tests.triggers.chain import CHAIN_ID, Chain

Condition = tuple[str, str, str, str]


class Maker:
    """Makes users and triggers in the database itself, as the seed's statements do."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run a statement and return its rows."""
        return await self.database.fetch(sql.SQL(statement), parameters)

    async def run(self, statement: str, **parameters: Any) -> int:
        """Run a statement and return how many rows it touched."""
        return await self.database.execute(sql.SQL(statement), parameters)

    async def value(self, statement: str, **parameters: Any) -> Any:
        """Return the one value that a statement answers."""
        return next(iter((await self.rows(statement, **parameters))[0].values()))

    async def user(self, name: str = "ada") -> str:
        """Return the id of a user of that name, made where there is none."""
        await self.run(
            "INSERT INTO holdfast.users (username, email, password_hash) "
            "VALUES (%(name)s, %(name)s || '@example.org', 'x') ON CONFLICT DO NOTHING",
            name=name,
        )
        return str(await self.value("SELECT id FROM holdfast.users WHERE username = %(name)s", name=name))

    async def trigger(
        self,
        *conditions: Condition,
        registry: str = "reputation",
        url: str = "",
        config: dict[str, Any] | None = None,
        chain_id: int = CHAIN_ID,
        user: str = "ada",
        name: str = "a trigger",
    ) -> str:
        """Make a trigger with conditions (type, field, operator, value), and with a URL an action."""
        user_id = await self.user(user)
        async with self.database.transaction() as connection:
            row = await (
                await connection.execute(
                    "INSERT INTO triggers.triggers (user_id, name, chain_id, registry) "
                    "VALUES (%s, %s, %s, %s) RETURNING id",
                    [user_id, name, chain_id, registry],
                )
            ).fetchone()
            assert row is not None
            await add_conditions(connection, row["id"], conditions)
            if url:
                await connection.execute(
                    "INSERT INTO triggers.trigger_actions (trigger_id, action_type, config) "
                    "VALUES (%s, 'rest', %s)",
                    [row["id"], json.dumps({"url": url, **(config or {})})],
                )
        return str(row["id"])

    async def matched(self, trigger_id: str) -> list[tuple[int, int, int]]:
        """Return (block number, log index, generation) of a trigger's matches, in order."""
        rows = await self.rows(
            "SELECT block_number, log_index, generation FROM triggers.matches WHERE trigger_id = %(id)s "
            "ORDER BY block_number, log_index, generation",
            id=trigger_id,
        )
        return [(row["block_number"], row["log_index"], row["generation"]) for row in rows]

    async def jobs(self) -> list[dict[str, Any]]:
        """Return all jobs, matches first, in the order in which they were made."""
        return await self.rows("SELECT * FROM triggers.action_jobs ORDER BY kind, created_at, id")

    async def statuses(self) -> list[tuple[str, str]]:
        """Return (kind, status) of all jobs."""
        return [(job["kind"], job["status"]) for job in await self.jobs()]


async def add_conditions(connection: Connection, trigger_id: str, conditions: Sequence[Condition]) -> None:
    """Add conditions to a trigger."""
    for condition in conditions:
        await connection.execute(
            "INSERT INTO triggers.trigger_conditions (trigger_id, condition_type, field, operator, value) "
            "VALUES (%s, %s, %s, %s, %s)",
            [trigger_id, *condition],
        )


async def until_blocked(maker: Maker, pid: int) -> None:
    """Wait until a session waits for a lock."""

    async def blocked() -> bool:
        return bool(await maker.value("SELECT cardinality(pg_blocking_pids(%(pid)s)) > 0", pid=pid))

    await until(blocked)


async def until(met: Callable[[], Awaitable[bool]], *, seconds: float = 30) -> None:
    """Ask again and again until a condition is met; fail when it takes too long."""
    async with asyncio.timeout(seconds):
        while not await met():  # noqa: ASYNC110  what is asked stands in the database
            await asyncio.sleep(0.02)


@pytest.fixture
async def maker(fresh_database: Database) -> Maker:
    """Return a maker on a database of this test's own."""
    return Maker(fresh_database)


@pytest.fixture
async def chain(fresh_database: Database) -> Chain:
    """Return a chain whose registries are named, on a database of this test's own."""
    made = Chain(fresh_database)
    await made.register()
    return made
