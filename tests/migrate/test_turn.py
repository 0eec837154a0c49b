"""Whose turn it is to migrate: leases that end, and renewals that fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from psycopg import sql

from holdfast.migrate import history, turn
from holdfast.migrate.turn import Turn, TurnLost
from holdfast.postgres.database import Database
from holdfast.system import Connection


@pytest.fixture
async def base(empty_database: Database) -> Database:
    async with empty_database.connection() as connection:
        await history.ensure_history(connection)
    return empty_database


async def test_who_takes_the_turn_after_a_lease_ended_is_seen_by_who_had_the_lease(base: Database) -> None:
    """A transaction leaves no name of its own: the slow one would pass for the holder afterwards."""
    slow, quick = Turn(1.0, print), Turn(1.0, print)
    async with base.connection() as connection, base.connection() as other:
        assert await slow.lease(connection, "slowly")
        await connection.execute(
            sql.SQL("UPDATE holdfast.migration_lock SET lease_until = now() - interval '1s'")
        )
        async with other.transaction():
            assert await quick.take(other)
        with pytest.raises(TurnLost):
            async with connection.transaction():
                await slow.confirm(connection)


async def test_an_ended_lease_is_not_renewed_behind_the_back_of_others(
    base: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "LEASE_SECONDS", 0.2)
    slow = Turn(1.0, print)
    async with base.direct() as connection:
        assert await slow.lease(connection, "slowly")
        await connection.execute(
            sql.SQL("UPDATE holdfast.migration_lock SET lease_until = now() - interval '1s'")
        )
        async with slow.renewed(base):
            await asyncio.sleep(0.3)
            with pytest.raises(TurnLost):
                async with connection.transaction():
                    await slow.confirm(connection)


async def test_a_renewal_that_fails_is_tried_again(base: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "LEASE_SECONDS", 0.4)
    renewed = asyncio.Event()
    failures = [ValueError("of a kind that nobody thought of"), RuntimeError("and another")]
    real = Database.connection

    @asynccontextmanager
    async def connection(self: Database) -> AsyncIterator[Connection]:
        if failures:
            raise failures.pop()
        async with real(self) as taken:
            renewed.set()
            yield taken

    monkeypatch.setattr(Database, "connection", connection)
    holding = Turn(1.0, print)
    async with base.direct() as own:
        assert await holding.lease(own, "long work")
        async with holding.renewed(base), asyncio.timeout(10):
            await renewed.wait()
    assert not failures


async def test_what_went_wrong_is_told_also_where_the_lease_cannot_be_given_back(base: Database) -> None:
    holding = Turn(1.0, print)

    async def work(connection: Connection) -> None:
        async with holding.renewed(base):
            await connection.execute("ALTER TABLE holdfast.migration_lock RENAME COLUMN doing TO done")
            raise LookupError("what went wrong")

    async with base.direct() as own:
        assert await holding.lease(own, "work")
        with pytest.raises(LookupError, match="what went wrong"):
            await work(own)
