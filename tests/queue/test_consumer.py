"""A consumer wakes, holds leases, bounds its work, stops at once, and survives what goes wrong."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from psycopg import sql

from holdfast.postgres.database import Database
from holdfast.queue.claims import JobId, QueueTable, Row, claim, complete, lease_of
from holdfast.queue.consumer import Consumer, Pace
from holdfast.queue.work import WorkContext
from holdfast.settings import Settings
from holdfast.system import Connection
from tests.fixtures.waiting import until
from tests.queue.queues import Filled

PACE = Pace(poll_seconds=30, batch=10, concurrency=4, lease_seconds=30)
Doing = Callable[[Row], Awaitable[None]]


@dataclass
class Desk:
    """Completes each row after ``doing`` it, and remembers what happened."""

    database: Database
    queue: QueueTable
    doing: Doing
    done: Counter[JobId] = field(default_factory=Counter)
    began: Counter[JobId] = field(default_factory=Counter)
    cancelled: list[JobId] = field(default_factory=list)
    claims: list[int] = field(default_factory=list)
    taken_back: list[Row] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    async def claimed(self, connection: Connection, rows: Sequence[Row]) -> None:
        self.claims.append(len(rows))

    async def released(self, connection: Connection, rows: Sequence[Row]) -> None:
        self.taken_back.extend(rows)

    async def handle(self, row: Row) -> None:
        self.began[row["id"]] += 1
        try:
            await self.doing(row)
        except asyncio.CancelledError:
            self.cancelled.append(row["id"])
            raise
        async with self.database.connection() as connection:
            if await complete(connection, self.queue, lease_of(row)):
                self.done[row["id"]] += 1

    def context(self, *, instance: str = "one", sole: bool = False) -> WorkContext:
        def report(event: str, /, **details: object) -> None:
            self.events.append(event)

        return WorkContext(self.database, Settings({}), instance, asyncio.Event(), report, sole)


@asynccontextmanager
async def consuming(
    desk: Desk, pace: Pace = PACE, context: WorkContext | None = None, kinds: Sequence[str] | None = None
) -> AsyncIterator[WorkContext]:
    context = context or desk.context()
    task = asyncio.create_task(Consumer(context, desk.queue, desk, pace, kinds=kinds).run())
    try:
        yield context
    finally:
        context.stop.set()
        began = time.monotonic()
        await task
        assert time.monotonic() - began < 1.5


async def at_once(row: Row) -> None:
    """Take no time."""


async def for_ever(row: Row) -> None:
    await asyncio.Event().wait()


async def test_what_is_added_is_done_at_once_though_the_poll_is_far_away(filled: Filled) -> None:
    desk = Desk(filled.database, filled.queue, at_once)
    async with consuming(desk):
        for round_number in range(1, 4):
            began = time.monotonic()
            async with filled.database.connection() as connection:
                await filled.add(connection)
            await until(lambda: sum(desk.done.values()) == round_number)  # noqa: B023  awaited within the round
            assert time.monotonic() - began < 5


async def test_without_notifications_the_poll_finds_it(filled: Filled) -> None:
    silent = QueueTable(filled.queue.schema, filled.queue.table, filled.queue.running)
    desk = Desk(filled.database, silent, at_once)
    async with consuming(desk, Pace(poll_seconds=0.1)):
        async with filled.database.connection() as connection:
            await filled.add(connection, 3)
        await until(lambda: len(desk.done) == 3)


async def test_what_is_due_later_is_done_then_and_not_before(filled: Filled) -> None:
    desk = Desk(filled.database, filled.queue, at_once)
    async with filled.database.connection() as connection:
        await filled.add(connection, due_in=0.7)
    began = time.monotonic()
    async with consuming(desk):
        await until(lambda: len(desk.done) == 1)
    assert 0.5 < time.monotonic() - began < 10


async def test_no_more_run_at_a_time_than_told_and_each_once(filled: Filled) -> None:
    running, most = 0, 0

    async def counted(row: Row) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    desk = Desk(filled.database, filled.queue, counted)
    async with filled.database.connection() as connection:
        await filled.add(connection, 60)
    async with consuming(desk):
        await until(lambda: len(desk.done) == 60)
    assert most == 4
    assert set(desk.done.values()) == {1}
    assert max(desk.claims) <= 4
    assert await filled.counts() == {"succeeded": 60}


async def test_two_consumers_share_a_queue(filled: Filled) -> None:
    desks = [Desk(filled.database, filled.queue, at_once) for _ in range(2)]
    async with filled.database.connection() as connection:
        await filled.add(connection, 100)
    async with (
        consuming(desks[0], context=desks[0].context(instance="one")),
        consuming(desks[1], context=desks[1].context(instance="two")),
    ):
        await until(lambda: len(desks[0].done) + len(desks[1].done) == 100)
    assert set((desks[0].done + desks[1].done).values()) == {1}


async def test_the_lease_of_a_long_one_is_extended(filled: Filled) -> None:
    release = asyncio.Event()

    async def long(row: Row) -> None:
        await release.wait()

    desk = Desk(filled.database, filled.queue, long)
    async with filled.database.connection() as connection:
        (job_id,) = await filled.add(connection)
    async with consuming(desk, Pace(poll_seconds=0.1, lease_seconds=0.8)):
        await until(lambda: bool(desk.began))
        await asyncio.sleep(2.0)  # more than two leases long: this is the time that is under test
        release.set()
        await until(lambda: bool(desk.done))
    assert desk.began == {job_id: 1}
    assert desk.taken_back == []


async def test_a_handler_whose_lease_was_lost_is_cancelled_and_the_row_is_done_again(filled: Filled) -> None:
    lost = asyncio.Event()

    async def first_hangs(row: Row) -> None:
        if row["attempts"] == 1:
            await lost.wait()

    desk = Desk(filled.database, filled.queue, first_hangs)
    async with filled.database.connection() as connection:
        (job_id,) = await filled.add(connection)
    async with consuming(desk, Pace(poll_seconds=0.1, lease_seconds=1.0)):
        await until(lambda: bool(desk.began))
        await filled.database.execute(
            sql.SQL(
                "UPDATE {} SET status = 'retrying', leased_by = NULL, leased_until = NULL,"
                " due_at = statement_timestamp()"
            ).format(filled.name)
        )
        await until(lambda: bool(desk.done) and bool(desk.cancelled))
    assert desk.cancelled == [job_id]
    assert desk.done == {job_id: 1}


async def test_a_stop_ends_handlers_within_a_second_and_leaves_their_rows_leased(filled: Filled) -> None:
    desk = Desk(filled.database, filled.queue, for_ever)
    async with filled.database.connection() as connection:
        await filled.add(connection, 6)
    async with consuming(desk):
        await until(lambda: len(desk.began) == 4)
    assert len(desk.cancelled) == 4
    assert await filled.counts() == {"queued": 2, filled.queue.running: 4}

    # the same rows are taken up again by the next process, the attempt's outcome unknown
    after = Desk(filled.database, filled.queue, at_once)
    async with consuming(after, context=after.context(instance="after", sole=True)):
        await until(lambda: len(after.done) == 6)
    assert {row["lost_by"] for row in after.taken_back} == {"one"}
    assert "queue.released" in after.events


async def test_a_stop_is_obeyed_at_whatever_moment_it_comes(jobs: Filled) -> None:
    desk = Desk(jobs.database, jobs.queue, at_once)
    for moment in range(40):
        async with consuming(desk):
            async with jobs.database.connection() as connection:
                await jobs.add(connection, 3)
            for _ in range(moment):
                await asyncio.sleep(0.001)
    async with consuming(desk, context=desk.context(instance="last", sole=True)):
        await until(lambda: len(desk.done) == 120)
    assert set(desk.done.values()) == {1}


async def test_a_handler_that_is_nearly_done_may_end_when_told_to_stop(filled: Filled) -> None:
    async def soon(row: Row) -> None:
        await asyncio.sleep(0.1)

    desk = Desk(filled.database, filled.queue, soon)
    async with filled.database.connection() as connection:
        await filled.add(connection)
    async with consuming(desk):
        await until(lambda: bool(desk.began))
    assert await filled.counts() == {"succeeded": 1}


async def test_leases_of_living_others_are_left_alone_also_when_started_again(filled: Filled) -> None:
    desk = Desk(filled.database, filled.queue, at_once)
    context = desk.context(instance="restarted", sole=True)
    async with filled.database.connection() as connection:
        await filled.add(connection)
    async with consuming(desk, context=context):
        await until(lambda: len(desk.done) == 1)
    async with filled.database.connection() as connection:
        await filled.add(connection)
        assert await claim(connection, filled.queue, worker="guest", limit=1, lease_seconds=60)
    again = desk.context(instance="restarted", sole=True)
    async with consuming(desk, context=again):
        async with filled.database.connection() as connection:
            await filled.add(connection)
        await until(lambda: len(desk.done) == 2)
    assert desk.taken_back == []
    assert await filled.counts() == {filled.queue.running: 1, "succeeded": 2}


async def test_what_a_dead_worker_held_is_taken_up_when_its_lease_runs_out(filled: Filled) -> None:
    desk = Desk(filled.database, filled.queue, at_once)
    async with filled.database.connection() as connection:
        await filled.add(connection)
        assert await claim(connection, filled.queue, worker="dead", limit=1, lease_seconds=0.5)
    async with consuming(desk, Pace(poll_seconds=30, lease_seconds=1)):
        await until(lambda: len(desk.done) == 1)
    assert [row["lost_by"] for row in desk.taken_back] == ["dead"]


async def test_a_handler_that_fails_without_ending_its_row_stops_nothing(
    filled: Filled, caplog: pytest.LogCaptureFixture
) -> None:
    async def first_breaks(row: Row) -> None:
        if row["attempts"] == 1:
            raise ZeroDivisionError

    desk = Desk(filled.database, filled.queue, first_breaks)
    async with filled.database.connection() as connection:
        await filled.add(connection, 3)
    async with consuming(desk, Pace(poll_seconds=30, lease_seconds=1)):
        await until(lambda: len(desk.done) == 3)
    assert set(desk.began.values()) == {2}
    assert "was not ended" in caplog.text


async def test_a_claim_s_own_rows_commit_with_it_or_not_at_all(filled: Filled) -> None:
    class Refusing(Desk):
        async def claimed(self, connection: Connection, rows: Sequence[Row]) -> None:
            raise ZeroDivisionError

    desk = Refusing(filled.database, filled.queue, at_once)
    async with filled.database.connection() as connection:
        await filled.add(connection)
    with pytest.raises(ZeroDivisionError):
        await Consumer(desk.context(), filled.queue, desk, PACE).run()
    assert await filled.counts() == {"queued": 1}


async def test_it_goes_on_after_every_connection_was_cut(filled: Filled) -> None:
    desk = Desk(filled.database, filled.queue, at_once)
    async with consuming(desk, Pace(poll_seconds=0.2, lease_seconds=1)):
        async with filled.database.connection() as connection:
            await filled.add(connection)
        await until(lambda: len(desk.done) == 1)
        async with filled.database.direct() as cutting:
            await cutting.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await filled.add(cutting)
        await until(lambda: len(desk.done) == 2)
