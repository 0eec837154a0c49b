"""Leases: one holder at a time, by the server's clock, with fences that only grow."""

from __future__ import annotations

import asyncio
import time

import pytest
from psycopg.sql import SQL

from holdfast.postgres.database import Database
from holdfast.postgres.leases import (
    LeaseHeld,
    LeaseLost,
    confirm,
    hold_lease,
    release,
    renew,
    try_acquire,
)
from holdfast.settings import Settings
from tests.fixtures.doors import open_door
from tests.fixtures.waiting import eventually


async def expire(database: Database, name: str) -> None:
    """Let the term of a lease be over."""
    statement = SQL(
        "UPDATE holdfast.leases SET expires_at = clock_timestamp() - interval '1 ms' WHERE name = %(n)s"
    )
    assert await database.execute(statement, {"n": name}) == 1


async def test_one_of_many_gets_it(database: Database) -> None:
    fences = await asyncio.gather(
        *(try_acquire(database, "race", f"holder {number}", 60) for number in range(30))
    )
    assert sorted(fence for fence in fences if fence is not None) == [1]


async def test_it_is_taken_over_when_its_term_is_over_or_it_is_given_up(database: Database) -> None:
    assert await try_acquire(database, "turns", "a", 60) == 1
    assert await try_acquire(database, "turns", "b", 60) is None
    await expire(database, "turns")
    assert await try_acquire(database, "turns", "b", 60) == 2
    await release(database, "turns", 1)  # a former holder cannot give up what is another's
    assert await try_acquire(database, "turns", "a", 60) is None
    await release(database, "turns", 2)
    assert await try_acquire(database, "turns", "a", 60) == 3


async def test_many_take_it_over_but_one_gets_it(database: Database) -> None:
    assert await try_acquire(database, "takeover", "first", 60) == 1
    for round_number in range(2, 6):
        await expire(database, "takeover")
        fences = await asyncio.gather(
            *(try_acquire(database, "takeover", f"{round_number} {number}", 60) for number in range(20))
        )
        assert [fence for fence in fences if fence is not None] == [round_number]


async def test_a_former_holder_can_neither_renew_nor_confirm(database: Database) -> None:
    assert await try_acquire(database, "former", "a", 60) == 1
    assert await renew(database, "former", 1, 60)
    await expire(database, "former")
    assert not await renew(database, "former", 1, 60)
    assert await try_acquire(database, "former", "a", 60) == 2
    assert not await renew(database, "former", 1, 60)
    with pytest.raises(LeaseLost):
        async with database.transaction() as connection:
            await confirm(connection, "former", 1)
    async with database.transaction() as connection:
        await confirm(connection, "former", 2)


async def test_a_confirmed_lease_is_not_taken_over_before_the_transaction_ends(database: Database) -> None:
    assert await try_acquire(database, "confirmed", "a", 0.2) == 1
    async with database.transaction() as connection:
        await confirm(connection, "confirmed", 1)
        taking = asyncio.create_task(try_acquire(database, "confirmed", "b", 60))

        async def waits_for_us() -> bool:
            row = await database.fetch_one(
                SQL(
                    "SELECT expires_at < clock_timestamp() AND EXISTS (SELECT FROM pg_stat_activity "
                    "WHERE wait_event_type = 'Lock' AND datname = current_database()) AS waits "
                    "FROM holdfast.leases WHERE name = 'confirmed'"
                )
            )
            return row == {"waits": True}

        # it may ask before the term is over, and be refused: then it asks again
        while not await waits_for_us():
            if taking.done():
                assert taking.result() is None
                taking = asyncio.create_task(try_acquire(database, "confirmed", "b", 60))
            await asyncio.sleep(0.01)
        assert not taking.done()
    assert await taking == 2


async def test_it_is_renewed_while_the_block_runs_and_given_up_at_its_end(database: Database) -> None:
    async with hold_lease(database, "held", "a", 0.6) as lease:
        until = time.monotonic() + 2.0  # more than three terms
        while time.monotonic() < until:
            assert await try_acquire(database, "held", "b", 60) is None
            await asyncio.sleep(0.05)
        assert not lease.lost.is_set()
        with pytest.raises(LeaseHeld, match="a holds it"):
            async with hold_lease(database, "held", "b", 0.6):
                pass
    assert await try_acquire(database, "held", "b", 60) == 2


async def test_it_is_given_up_after_a_failure_too(database: Database) -> None:
    async def fail() -> None:
        async with hold_lease(database, "failed", "a", 60):
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await try_acquire(database, "failed", "b", 60) == 2


async def test_who_lost_it_is_told_and_does_not_give_up_the_next_ones(database: Database) -> None:
    async with hold_lease(database, "lost", "a", 0.6) as lease:
        await expire(database, "lost")
        assert await try_acquire(database, "lost", "b", 60) == 2
        async with asyncio.timeout(2):
            await lease.lost.wait()
    assert await try_acquire(database, "lost", "c", 60) is None


async def test_it_counts_as_lost_before_another_can_have_it_where_the_database_is_away(
    conninfo: str, database: Database
) -> None:
    settings = Settings({"HOLDFAST_POOL_MIN": "1", "HOLDFAST_ACQUIRE_TIMEOUT": "500ms"})
    async with (
        open_door(conninfo) as door,
        Database.open(door.conninfo, settings) as away,
        hold_lease(away, "cut off", "a", 1.5) as lease,
    ):
        await door.shut()

        async def taken_over() -> bool:
            fence = await try_acquire(database, "cut off", "b", 60)
            # who takes it over must never meet a holder that believes to have it
            assert fence is None or lease.lost.is_set()
            return fence is not None

        await eventually(taken_over)
        await door.open()
    assert await try_acquire(database, "cut off", "c", 60) is None  # b's stays


async def test_a_short_outage_costs_no_lease(conninfo: str, database: Database) -> None:
    settings = Settings({"HOLDFAST_POOL_MIN": "1", "HOLDFAST_ACQUIRE_TIMEOUT": "300ms"})
    expires = SQL("SELECT expires_at FROM holdfast.leases WHERE name = 'short'")
    async with (
        open_door(conninfo) as door,
        Database.open(door.conninfo, settings) as away,
        hold_lease(away, "short", "a", 6) as lease,
    ):
        before = await database.fetch_one(expires)
        await door.shut()
        await asyncio.sleep(2.5)  # past the first renewal, which fails
        assert await database.fetch_one(expires) == before
        await door.open()

        async def renewed() -> bool:
            return await database.fetch_one(expires) != before

        await eventually(renewed)
        assert not lease.lost.is_set()
