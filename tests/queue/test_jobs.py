"""General jobs: enqueued with what causes them, run by their kind's handler, ended by how that ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from holdfast.errors import NotFound, TryAgain, WrongUse
from holdfast.queue.claims import LeaseLost, bury, claim, complete, lease_of
from holdfast.queue.consumer import Consumer, Pace
from holdfast.queue.jobs import (
    JOBS,
    JobRunner,
    LeasedJob,
    declared_handlers,
    enqueue,
    enqueue_many,
    pace,
    run_jobs,
)
from holdfast.queue.status import pending, status
from holdfast.queue.work import Job, JobHandler, WorkContext
from holdfast.settings import Settings
from tests.fixtures.waiting import until
from tests.queue.queues import Filled


def context(jobs: Filled, events: list[tuple[str, object]] | None = None) -> WorkContext:
    def report(event: str, /, **details: object) -> None:
        if events is not None:
            events.append((event, details.get("error")))

    return WorkContext(jobs.database, Settings({}), "one", asyncio.Event(), report, sole=False)


@asynccontextmanager
async def running(
    jobs: Filled, handlers: Mapping[str, JobHandler], events: list[tuple[str, object]] | None = None
) -> AsyncIterator[None]:
    given = context(jobs, events)
    consumer = Consumer(given, JOBS, JobRunner(given, handlers), Pace(), kinds=sorted(handlers))
    task = asyncio.create_task(consumer.run())
    try:
        yield
    finally:
        given.stop.set()
        await task


async def counts_are(jobs: Filled, expected: Mapping[str, int]) -> None:
    for _ in range(1000):
        if await jobs.counts() == expected:
            return
        await asyncio.sleep(0.01)
    assert await jobs.counts() == expected


async def test_jobs_are_queued_in_order_with_the_transaction_that_causes_them(jobs: Filled) -> None:
    async with jobs.database.connection() as connection:
        async with connection.transaction(force_rollback=True):
            await enqueue(connection, "test.a", {"n": 0})
        first = await enqueue(connection, "test.a", {"n": 1})
        others = await enqueue_many(connection, "test.a", [{"n": 2}, ["x"], None, "text"], priority=5)
        assert await enqueue_many(connection, "test.a", []) == []
        rows = await claim(connection, JOBS, worker="one", limit=9, lease_seconds=60)
    assert [first, *others] == sorted([first, *others])
    assert [row["id"] for row in rows] == [*others, first]
    assert [row["payload"] for row in rows] == [{"n": 2}, ["x"], None, "text", {"n": 1}]


@pytest.mark.parametrize("wrong", [{"kind": ""}, {"max_attempts": 0}, {"delay_seconds": -1}])
async def test_a_job_that_means_nothing_is_refused(jobs: Filled, wrong: dict[str, object]) -> None:
    given = {"kind": "test.a", "max_attempts": 8, "delay_seconds": 0, **wrong}
    async with jobs.database.connection() as connection:
        with pytest.raises(WrongUse):
            await enqueue(
                connection,
                str(given["kind"]),
                {},
                max_attempts=int(str(given["max_attempts"])),
                delay_seconds=float(str(given["delay_seconds"])),
            )


async def test_a_job_ends_as_its_handler_does(jobs: Filled) -> None:
    seen: list[tuple[str, object, int]] = []

    async def handler(given: WorkContext, job: Job) -> None:
        seen.append((job.kind, job.payload, job.attempt))
        match job.payload:
            case "retry":
                raise TryAgain("The other side rests.", hint="Wait.")
            case "give up":
                raise NotFound("There is no such thing.")
            case "fault":
                raise ValueError("a secret may be in here")

    events: list[tuple[str, object]] = []
    async with jobs.database.connection() as connection:
        ids = await enqueue_many(connection, "test.a", ["well", "retry", "give up", "fault"])
        (last,) = await enqueue_many(connection, "test.a", ["retry"], max_attempts=1)
        await enqueue(connection, "test.unknown", {})
    async with running(jobs, {"test.a": handler}, events):
        await counts_are(jobs, {"succeeded": 1, "retrying": 2, "dead": 2, "queued": 1})
    assert len(seen) == 5
    rows = [await jobs.row(job_id) for job_id in (*ids, last)]
    assert [row["last_error"] for row in rows] == [
        None,
        "The other side rests. (Wait.)",
        "There is no such thing.",
        "ValueError (the log of this time says more)",
        "The other side rests. (Wait.)",
    ]
    assert sorted(events, key=str) == [
        ("job.dead", "The other side rests. (Wait.)"),
        ("job.dead", "There is no such thing."),
    ]


async def test_a_handler_may_end_its_job_with_its_own_work(jobs: Filled) -> None:
    async def handler(given: WorkContext, job: Job) -> None:
        async with given.database.transaction() as connection:
            await enqueue(connection, "test.next", {"after": job.id})
            await job.complete(connection)

    async with jobs.database.connection() as connection:
        await enqueue(connection, "test.a", {})
    async with running(jobs, {"test.a": handler}):
        await counts_are(jobs, {"succeeded": 1, "queued": 1})


async def test_a_job_taken_away_cannot_be_completed_and_what_it_did_is_undone(jobs: Filled) -> None:
    async with jobs.database.connection() as connection:
        await enqueue(connection, "test.a", {})
        (row,) = await claim(connection, JOBS, worker="one", limit=1, lease_seconds=60)
        await bury(connection, JOBS, lease_of(row), reason="taken")
    job = LeasedJob(row["id"], row["kind"], row["payload"], 1, 8, lease_of(row))

    async def record() -> None:
        async with jobs.database.transaction() as connection:
            await enqueue(connection, "test.next", {})
            await job.complete(connection)

    with pytest.raises(LeaseLost):
        await record()
    assert await jobs.counts() == {"dead": 1}


async def test_status_and_pending_tell_what_waits_and_for_whom(jobs: Filled) -> None:
    async with jobs.database.connection() as connection:
        assert [line.state for line in await status(connection)] == ["ok"]
        await enqueue_many(connection, "test.homeless", [{}, {}, {}])
        rows = await claim(connection, JOBS, worker="one", limit=2, lease_seconds=60)
        await bury(connection, JOBS, lease_of(rows[0]), reason="no")
        await complete(connection, JOBS, lease_of(rows[1]))
        lines = await status(connection)
        assert lines[0].value == "1 queued, 0 running, 0 retrying, 1 dead"
        assert lines[0].state == "warning"
        assert "test.homeless" in lines[1].value
        assert await pending(connection) == 0


async def test_the_worker_of_the_service_runs_until_it_is_told_to_stop(jobs: Filled) -> None:
    given = context(jobs)
    task = asyncio.create_task(run_jobs(given))
    await asyncio.sleep(0)
    assert not task.done()
    given.stop.set()
    async with asyncio.timeout(5):
        await task


def test_declared_handlers_are_found_and_the_pace_is_a_setting() -> None:
    assert all(callable(handler) for handler in declared_handlers().values())
    said = pace(
        Settings(
            {
                "HOLDFAST_JOBS_POLL": "1s",
                "HOLDFAST_JOBS_BATCH": "7",
                "HOLDFAST_JOBS_CONCURRENCY": "3",
                "HOLDFAST_JOBS_LEASE": "2m",
            }
        )
    )
    assert said == Pace(1.0, 7, 3, 120.0)


async def test_many_small_jobs_are_done_by_one_process_in_good_time(jobs: Filled) -> None:
    done = 0

    async def handler(given: WorkContext, job: Job) -> None:
        nonlocal done
        done += 1

    async with jobs.database.connection() as connection:
        await enqueue_many(connection, "test.a", [{}] * 300)
    async with running(jobs, {"test.a": handler}):
        await until(lambda: done == 300)
    assert await jobs.counts() == {"succeeded": 300}
