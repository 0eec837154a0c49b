"""The rules of claims, on the platform's jobs and on a table that a system owns."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from itertools import pairwise

import psycopg
import pytest
from psycopg import sql

from holdfast.errors import WrongUse
from holdfast.queue.claims import (
    OUTCOME_UNKNOWN,
    JobId,
    Lease,
    QueueTable,
    Retry,
    bury,
    bury_many,
    cancel,
    claim,
    complete,
    complete_many,
    extend,
    extend_many,
    lease_of,
    release_expired,
    retry,
    retry_many,
    revive,
    seconds_to_next,
)
from tests.queue.queues import Filled


async def claimed(filled: Filled, limit: int = 100, worker: str = "one", seconds: float = 60) -> list[Lease]:
    async with filled.database.connection() as connection:
        rows = await claim(connection, filled.queue, worker=worker, limit=limit, lease_seconds=seconds)
    return [lease_of(row) for row in rows]


async def test_a_claim_leases_what_is_due_in_order_of_priority_due_time_and_id(filled: Filled) -> None:
    async with filled.database.connection() as connection:
        later = await filled.add(connection, priority=2, due_in=-50)
        first = await filled.add(connection, priority=1, due_in=-5)
        earlier = await filled.add(connection, priority=1, due_in=-10)
        await filled.add(connection, priority=0, due_in=60)
        same = sorted(await filled.add(connection, 3, priority=3, due_in=-1))
        rows = await claim(connection, filled.queue, worker="one", limit=100, lease_seconds=60)
    assert [row["id"] for row in rows] == [*earlier, *first, *later, *same]
    for row in rows:
        assert (row["status"], row["leased_by"], row["attempts"]) == (filled.queue.running, "one", 1)
        assert 59 <= (row["leased_until"] - row["updated_at"]).total_seconds() <= 61
    assert await claimed(filled) == []


async def test_the_best_are_claimed_where_more_are_due_than_asked_for(filled: Filled) -> None:
    async with filled.database.connection() as connection:
        await filled.add(connection, 5, priority=5)
        best = await filled.add(connection, 2, priority=1)
    assert {lease.id for lease in await claimed(filled, limit=2)} == set(best)
    assert await filled.counts() == {"queued": 5, filled.queue.running: 2}


async def test_a_claim_passes_over_what_another_is_taking_and_waits_for_nobody(filled: Filled) -> None:
    async with filled.database.transaction() as first:
        await filled.add(first, 4)
    async with filled.database.transaction() as first, filled.database.transaction() as second:
        await second.execute("SET LOCAL lock_timeout = '1s'")
        taken = await claim(first, filled.queue, worker="one", limit=3, lease_seconds=60)
        others = await claim(second, filled.queue, worker="two", limit=3, lease_seconds=60)
    assert len(taken) == 3
    assert len(others) == 1
    assert {row["id"] for row in taken}.isdisjoint(row["id"] for row in others)


async def test_a_claim_that_does_not_commit_leaves_the_row_to_others(filled: Filled) -> None:
    async with filled.database.transaction() as connection:
        await filled.add(connection)
    async with filled.database.connection() as connection, connection.transaction(force_rollback=True):
        assert await claim(connection, filled.queue, worker="one", limit=1, lease_seconds=60)
    assert [lease.attempt for lease in await claimed(filled)] == [1]


async def test_a_claim_may_be_limited_to_kinds(filled: Filled) -> None:
    async with filled.database.connection() as connection:
        await filled.add(connection, 2, kind="a")
        await filled.add(connection, 1, kind="b", due_in=30)
        await filled.add(connection, 1, kind="c")
        rows = await claim(
            connection, filled.queue, worker="one", limit=9, lease_seconds=60, kinds=["a", "b"]
        )
        assert [row["kind"] for row in rows] == ["a", "a"]
        assert 25 < (await seconds_to_next(connection, filled.queue, kinds=["a", "b"]) or 0) <= 30
        assert await seconds_to_next(connection, filled.queue, kinds=["x"]) is None
        assert await seconds_to_next(connection, filled.queue) == 0.0
        unkinded = QueueTable(filled.queue.schema, filled.queue.table, filled.queue.running)
        with pytest.raises(WrongUse):
            await claim(connection, unkinded, worker="one", limit=9, lease_seconds=60, kinds=["a"])


async def test_a_row_is_ended_once_whoever_tries_again(filled: Filled) -> None:
    async with filled.database.connection() as connection:
        await filled.add(connection)
        (lease,) = await claimed(filled)
        assert await complete(connection, filled.queue, lease)
        assert not await complete(connection, filled.queue, lease)
        assert not await extend(connection, filled.queue, lease, lease_seconds=60)
        assert not await bury(connection, filled.queue, lease, reason="no")
        assert await retry(connection, filled.queue, lease, delay_seconds=0, error="no") is None
    row = await filled.row(lease.id)
    assert row["status"] == "succeeded"
    assert row["finished_at"] is not None
    assert row["leased_by"] is None


@pytest.mark.parametrize("ending", ["complete", "retry", "bury", "extend"])
async def test_who_lost_the_lease_can_do_nothing_even_under_the_same_name(
    filled: Filled, ending: str
) -> None:
    async with filled.database.connection() as connection:
        await filled.add(connection)
        (lost,) = await claimed(filled, seconds=0)
        assert [row["lost_by"] for row in await release_expired(connection, filled.queue)] == ["one"]
        for worker in ("one", "two"):
            (held,) = await claimed(filled, worker=worker, seconds=0)
            before = await filled.row(held.id)
            for stale in (
                lost,
                Lease(held.id, "three", held.attempt),
                Lease(held.id, worker, held.attempt - 1),
            ):
                if ending == "complete":
                    assert not await complete(connection, filled.queue, stale)
                elif ending == "retry":
                    assert not await retry(connection, filled.queue, stale, delay_seconds=0, error="x")
                elif ending == "bury":
                    assert not await bury(connection, filled.queue, stale, reason="x")
                else:
                    assert not await extend(connection, filled.queue, stale, lease_seconds=60)
            assert await filled.row(held.id) == before
            await release_expired(connection, filled.queue)


async def test_a_lease_is_extended_while_it_is_held_and_then_not_released(filled: Filled) -> None:
    async with filled.database.connection() as connection:
        await filled.add(connection, 3)
        leases = await claimed(filled, seconds=0)
        assert await extend_many(connection, filled.queue, leases[:2], lease_seconds=60) == {
            lease.id for lease in leases[:2]
        }
        released = await release_expired(connection, filled.queue)
        assert [row["id"] for row in released] == [leases[2].id]
        assert await complete_many(connection, filled.queue, leases) == {lease.id for lease in leases[:2]}


async def test_extending_does_not_wait_for_a_row_that_is_just_being_ended(filled: Filled) -> None:
    async with filled.database.connection() as connection:
        await filled.add(connection, 3)
    leases = await claimed(filled)
    async with filled.database.transaction() as ending, filled.database.transaction() as extending:
        await extending.execute("SET LOCAL lock_timeout = '1s'")
        assert await complete(ending, filled.queue, leases[1])
        held = await extend_many(extending, filled.queue, leases, lease_seconds=60)
        assert held == {lease.id for lease in leases}
        assert await complete_many(extending, filled.queue, [leases[0]])


async def test_a_failure_is_tried_again_later_until_none_is_left(filled: Filled) -> None:
    async with filled.database.connection() as connection:
        await filled.add(connection, max_attempts=2)
        (lease,) = await claimed(filled)
        assert await retry(connection, filled.queue, lease, delay_seconds=30, error="refused\x00\ud800") == (
            "retrying"
        )
        row = await filled.row(lease.id)
        assert (row["status"], row["last_error"], row["finished_at"]) == ("retrying", "refused?", None)
        assert await claimed(filled) == []
        assert 25 < (await seconds_to_next(connection, filled.queue) or 0) <= 30
        await connection.execute(sql.SQL("UPDATE {} SET due_at = statement_timestamp()").format(filled.name))
        (lease,) = await claimed(filled)
        assert lease.attempt == 2
        assert await retry(connection, filled.queue, lease, delay_seconds=30, error="refused again") == "dead"
        row = await filled.row(lease.id)
        assert (row["status"], row["last_error"]) == ("dead", "refused again")
        assert row["finished_at"] is not None


async def test_a_dead_letter_has_its_reason_and_can_be_revived(filled: Filled) -> None:
    async with filled.database.connection() as connection:
        await filled.add(connection, 2, max_attempts=1)
        leases = await claimed(filled)
        reasons = [(leases[0], "gone"), (leases[1], "")]
        assert await bury_many(connection, filled.queue, reasons) == {lease.id for lease in leases}
        assert (await filled.row(leases[0].id))["last_error"] == "gone"
        assert (await filled.row(leases[1].id))["last_error"] == "No reason was given."
        assert await claimed(filled) == []
        assert await revive(connection, filled.queue, [leases[0].id], more_attempts=2) == {leases[0].id}
        assert await revive(connection, filled.queue, [leases[0].id], more_attempts=2) == set()
        with pytest.raises(WrongUse):
            await revive(connection, filled.queue, [leases[1].id], more_attempts=0)
        (again,) = await claimed(filled)
        assert again == Lease(leases[0].id, "one", 2)
        assert not await complete(connection, filled.queue, leases[0])
        assert await retry(connection, filled.queue, again, delay_seconds=0, error="x") == "retrying"


async def test_what_waits_can_be_cancelled_and_what_runs_cannot(filled: Filled) -> None:
    async with filled.database.connection() as connection:
        await filled.add(connection, 2)
        running = await claimed(filled, limit=1)
        waiting = [
            row["id"]
            for row in await filled.database.fetch(
                sql.SQL("SELECT id FROM {} WHERE status = 'queued'").format(filled.name)
            )
        ]
        everything: list[JobId] = [*waiting, running[0].id]
        assert await cancel(connection, filled.queue, everything, reason="retracted") == set(waiting)
        assert await complete(connection, filled.queue, running[0])
        assert await cancel(connection, filled.queue, everything, reason="retracted") == set()
    assert await filled.counts() == {"cancelled": 1, "succeeded": 1}


async def test_leases_that_ran_out_are_taken_back_with_who_held_them(filled: Filled) -> None:
    async with filled.database.connection() as connection:
        await filled.add(connection, 4)
        lost = await claimed(filled, limit=2, worker="gone", seconds=0)
        held = await claimed(filled, limit=2, worker="alive")
        rows = await release_expired(connection, filled.queue)
        assert {row["id"] for row in rows} == {lease.id for lease in lost}
        for row in rows:
            assert (row["status"], row["lost_by"], row["leased_by"]) == ("retrying", "gone", None)
            assert (row["attempts"], row["last_error"]) == (1, OUTCOME_UNKNOWN)
        assert await release_expired(connection, filled.queue) == []
        assert {lease.attempt for lease in await claimed(filled)} == {2}
        taken = await release_expired(connection, filled.queue, all_leases=True)
        assert {row["id"] for row in taken} == {lease.id for lease in [*lost, *held]}


async def test_a_row_that_loses_its_worker_each_time_dies_unless_it_is_known_to_be_innocent(
    filled: Filled,
) -> None:
    async with filled.database.connection() as connection:
        await filled.add(connection, max_attempts=1)
        await claimed(filled, seconds=0)
        (row,) = await release_expired(connection, filled.queue, bury_exhausted=False)
        assert (row["status"], row["attempts"]) == ("retrying", 1)
        await claimed(filled, seconds=0)
        (row,) = await release_expired(connection, filled.queue)
        assert (row["status"], row["last_error"]) == ("dead", OUTCOME_UNKNOWN)
        assert row["finished_at"] is not None


async def test_many_are_taken_back_a_part_at_a_time(filled: Filled) -> None:
    async with filled.database.connection() as connection:
        await filled.add(connection, 5)
        await claimed(filled, seconds=0)
        counts = [len(await release_expired(connection, filled.queue, limit=2)) for _ in range(4)]
    assert counts == [2, 2, 1, 0]


async def test_sets_end_each_by_its_own_lease(filled: Filled) -> None:
    async with filled.database.connection() as connection:
        await filled.add(connection, 4, max_attempts=2)
        leases = await claimed(filled)
        foreign = Lease(leases[3].id, "two", 1)
        assert await retry_many(
            connection,
            filled.queue,
            [Retry(leases[0], 0, "a"), Retry(leases[1], 99, "b"), Retry(foreign, 0, "c")],
        ) == {leases[0].id: "retrying", leases[1].id: "retrying"}
        assert (await filled.row(leases[1].id))["last_error"] == "b"
        assert [lease.id for lease in await claimed(filled)] == [leases[0].id]
        for nothing in (
            await complete_many(connection, filled.queue, []),
            await extend_many(connection, filled.queue, [], lease_seconds=1),
            await bury_many(connection, filled.queue, []),
            await cancel(connection, filled.queue, [], reason="x"),
            await revive(connection, filled.queue, [], more_attempts=1),
            set(await retry_many(connection, filled.queue, [])),
        ):
            assert nothing == set()


async def test_one_notification_a_statement_tells_the_range_of_what_was_added(filled: Filled) -> None:
    async with filled.database.direct() as listening:
        await listening.execute(sql.SQL("LISTEN {}").format(sql.Identifier(filled.queue.channel)))
        async with filled.database.transaction() as connection:
            many = await filled.add(connection, 500)
            one = await filled.add(connection)
            await filled.add(connection, 0)
        told = [json.loads(notice.payload) async for notice in listening.notifies(timeout=10, stop_after=2)]
        assert told == [
            {"first": min(many), "last": max(many), "count": 500},
            {"first": one[0], "last": one[0], "count": 1},
        ]
        (lease,) = await claimed(filled, limit=1)
        async with filled.database.connection() as connection:
            await bury(connection, filled.queue, lease, reason="no")
            await revive(connection, filled.queue, [lease.id], more_attempts=1)
        woken = [notice async for notice in listening.notifies(timeout=10, stop_after=1)]
        assert [json.loads(notice.payload) for notice in woken] == [{"count": 1}]


async def test_many_workers_at_once_do_every_row_once(filled: Filled) -> None:
    rows = 600
    done: Counter[JobId] = Counter()
    async with filled.database.connection() as connection:
        await filled.add(connection, rows, max_attempts=100)

    async def work(name: str, lose: bool) -> None:
        async with filled.database.connection() as connection:
            while (await filled.counts()).keys() - {"succeeded"}:
                taken = await claim(connection, filled.queue, worker=name, limit=37, lease_seconds=30)
                leases = [lease_of(row) for row in taken]
                if lose:
                    await release_expired(connection, filled.queue, all_leases=True, limit=20)
                await extend_many(connection, filled.queue, leases, lease_seconds=30)
                done.update(await complete_many(connection, filled.queue, leases))

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(work(f"worker {number}", lose=number == 0))
    assert await filled.counts() == {"succeeded": rows}
    assert set(done.values()) == {1}
    assert len(done) == rows


async def test_priorities_and_times_are_kept_over_several_claims(filled: Filled) -> None:
    async with filled.database.connection() as connection:
        for priority in (3, 1, 2):
            await filled.add(connection, 5, priority=priority)
        taken = [
            row["priority"]
            for _ in range(4)
            for row in await claim(connection, filled.queue, worker="one", limit=4, lease_seconds=9)
        ]
    assert len(taken) == 15
    assert all(before <= after for before, after in pairwise(taken))


async def test_a_table_that_is_none_says_so(filled: Filled) -> None:
    missing = QueueTable("post office", 'x"; DROP TABLE holdfast.jobs; --')
    async with filled.database.connection() as connection:
        with pytest.raises(psycopg.errors.Error):
            await claim(connection, missing, worker="one", limit=1, lease_seconds=1)
        await claim(connection, filled.queue, worker="one", limit=1, lease_seconds=1)
