"""What follows when blocks are replaced, and when they come back."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from holdfast.queue.claims import claim, lease_of
from holdfast.system import Connection
from holdfast.systems.triggers.actions import attempts
from holdfast.systems.triggers.actions.attempts import Ending, end_many
from holdfast.systems.triggers.actions.jobs import JOBS
from holdfast.systems.triggers.events.subscription import SUBSCRIPTION
from tests.triggers.chain import Chain, feedback
from tests.triggers.conftest import Maker, until_blocked

URL = "http://127.0.0.1:9/hook"


async def begin(connection: Connection, *, worker: str = "a worker") -> list[Ending]:
    """Claim what is due and start an attempt of each, as a worker does; return how each would succeed."""
    rows = await claim(connection, JOBS, worker=worker, limit=100, lease_seconds=60)
    results = await attempts.start(connection, [row["id"] for row in rows])
    return [Ending(lease_of(row), results[row["id"]], "succeeded") for row in rows]


async def test_events_are_retracted_and_restored_as_a_new_generation(chain: Chain, maker: Maker) -> None:
    trigger = await maker.trigger(url=URL)
    block = await chain.add(feedback(), number=1)
    other = await chain.add(feedback(), number=2)
    await chain.retract(block)
    assert await maker.rows("SELECT block_number, canonical, generation FROM triggers.events ORDER BY 1") == [
        {"block_number": 1, "canonical": False, "generation": 0},
        {"block_number": 2, "canonical": True, "generation": 0},
    ]
    await chain.restore(block)
    await chain.retract(block)
    await chain.restore(block)
    (row,) = await maker.rows("SELECT canonical, generation FROM triggers.events WHERE block_number = 1")
    assert row == {"canonical": True, "generation": 2}
    assert await maker.matched(trigger) == [(1, 0, 0), (1, 0, 1), (1, 0, 2), (2, 0, 0)]
    assert len({job["id"] for job in await maker.jobs()}) == 4
    assert other.header.number == 2


async def test_a_delivery_that_was_not_started_is_cancelled(chain: Chain, maker: Maker) -> None:
    await maker.trigger(url=URL)
    block = await chain.add(feedback(), feedback())
    await chain.retract(block)
    assert await maker.statuses() == [("match", "cancelled")] * 2
    async with chain.database.transaction() as connection:
        assert await begin(connection) == []
    await chain.restore(block)
    assert sorted(await maker.statuses()) == [("match", "cancelled")] * 2 + [("match", "queued")] * 2


async def test_a_delivery_that_was_sent_is_followed_by_one_that_retracts_it(
    chain: Chain, maker: Maker
) -> None:
    await maker.trigger(url=URL)
    block = await chain.add(feedback())
    async with chain.database.transaction() as connection:
        await end_many(connection, await begin(connection))
    await chain.retract(block)
    match, retraction = await maker.jobs()
    assert (match["status"], match["retracted_at"] is not None) == ("succeeded", True)
    assert (retraction["kind"], retraction["status"]) == ("retraction", "queued")
    assert retraction["retracts"] == match["id"]
    assert retraction["id"] != match["id"]
    # the same block retracted again takes nothing back twice
    await chain.restore(block)
    await chain.retract(block)
    kinds = [(job["kind"], job["status"], job["generation"]) for job in await maker.jobs()]
    assert kinds == [("match", "succeeded", 0), ("match", "cancelled", 1), ("retraction", "queued", 0)]


async def test_a_delivery_that_failed_is_not_tried_again_and_is_retracted(chain: Chain, maker: Maker) -> None:
    await maker.trigger(url=URL)
    block = await chain.add(feedback())
    async with chain.database.transaction() as connection:
        (begun,) = await begin(connection)
        await end_many(connection, [Ending(begun.lease, begun.result_id, "retry", "no answer", 3600)])
    assert await maker.statuses() == [("match", "retrying")]
    await chain.retract(block)
    assert await maker.statuses() == [("match", "cancelled"), ("retraction", "queued")]


async def test_a_retraction_waits_for_the_delivery_that_is_being_sent(chain: Chain, maker: Maker) -> None:
    await maker.trigger(url=URL)
    block = await chain.add(feedback())
    async with chain.database.transaction() as connection:
        (begun,) = await begin(connection)
    await chain.retract(block)
    assert await maker.statuses() == [("match", "sending"), ("retraction", "queued")]
    async with chain.database.transaction() as connection:
        assert await begin(connection) == []
        failed = Ending(begun.lease, begun.result_id, "retry", "no answer", 0)
        await end_many(connection, [failed])
    # no further attempt of what was overtaken; its retraction goes at once
    assert await maker.statuses() == [("match", "cancelled"), ("retraction", "queued")]
    async with chain.database.transaction() as connection:
        assert [ending.lease.id for ending in await begin(connection)] == [(await maker.jobs())[1]["id"]]
    results = await maker.rows(
        "SELECT status, error_message FROM triggers.action_results ORDER BY executed_at"
    )
    assert [row["status"] for row in results] == ["failed", "started"]


async def test_a_worker_that_is_claiming_and_a_retraction_do_not_miss_each_other(
    chain: Chain, maker: Maker
) -> None:
    await maker.trigger(url=URL)
    block = await chain.add(feedback(), feedback())
    async with chain.database.transaction() as claiming:
        await begin(claiming)
        retracting = asyncio.create_task(chain.retract(block))
        pids: list[int] = []
        while not pids:
            rows = await maker.rows(
                "SELECT pid FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
            )
            pids = [row["pid"] for row in rows]
        await until_blocked(maker, pids[0])
    await retracting
    # the attempts committed first: both deliveries are followed by a retraction
    assert sorted(await maker.statuses()) == [("match", "sending")] * 2 + [("retraction", "queued")] * 2


async def test_a_retraction_that_is_not_committed_is_passed_over_by_a_worker(
    chain: Chain, maker: Maker
) -> None:
    await maker.trigger(url=URL)
    block = await chain.add(feedback())
    async with chain.database.transaction() as retracting:
        await SUBSCRIPTION.retract(retracting, chain.chain_id, [block.header])
        async with chain.database.transaction() as claiming:
            assert await begin(claiming) == []
    assert await maker.statuses() == [("match", "cancelled")]
    assert await maker.value("SELECT count(*) FROM triggers.action_results") == 0


async def test_deleting_a_trigger_cancels_what_waits_and_keeps_what_was_done(
    chain: Chain, maker: Maker
) -> None:
    trigger = await maker.trigger(url=URL)
    kept = await maker.trigger(name="another", url=URL)
    await chain.add(feedback(), number=1)
    async with chain.database.transaction() as connection:
        await end_many(connection, await begin(connection))
    await chain.add(feedback(), number=2)
    await maker.run("DELETE FROM triggers.triggers WHERE id = %(id)s", id=trigger)
    mine = [job["status"] for job in await maker.jobs() if job["trigger_id"] == trigger]
    assert sorted(mine) == ["cancelled", "succeeded"]
    assert await maker.matched(trigger) == []
    assert await maker.matched(kept) == [(1, 0, 0), (2, 0, 0)]
    results = await maker.rows("SELECT trigger_id, user_id FROM triggers.action_results ORDER BY trigger_id")
    assert [row["trigger_id"] for row in results] == [kept, None]
    assert {row["user_id"] for row in results} == {await maker.user()}


async def test_an_ended_attempt_does_not_change(chain: Chain, maker: Maker) -> None:
    await maker.trigger(url=URL)
    await chain.add(feedback())
    async with chain.database.transaction() as connection:
        await end_many(connection, await begin(connection))
    with pytest.raises(psycopg.errors.RestrictViolation):
        await maker.run("UPDATE triggers.action_results SET status = 'failed'")
    with pytest.raises(psycopg.errors.CheckViolation):
        await maker.run("UPDATE triggers.action_jobs SET status = 'queued', finished_at = NULL")
