"""The database itself refuses every step that a job's status cannot take."""

from __future__ import annotations

import itertools

import psycopg
import pytest
from psycopg import sql

from holdfast.queue.claims import JobId
from tests.queue.queues import Filled

STATUSES = ("queued", "running", "retrying", "succeeded", "dead", "cancelled")
STEPS = {
    ("queued", "running"),
    ("queued", "cancelled"),
    ("running", "succeeded"),
    ("running", "retrying"),
    ("running", "dead"),
    ("running", "cancelled"),
    ("retrying", "running"),
    ("retrying", "cancelled"),
    ("dead", "queued"),
}
ROUTES: dict[str, tuple[str, ...]] = {
    "queued": (),
    "running": ("running",),
    "retrying": ("running", "retrying"),
    "succeeded": ("running", "succeeded"),
    "dead": ("running", "dead"),
    "cancelled": ("cancelled",),
}


async def step(jobs: Filled, job_id: JobId, status: str) -> None:
    leased = status == "running"
    ended = status in ("succeeded", "dead", "cancelled")
    await jobs.database.execute(
        sql.SQL(
            "UPDATE holdfast.jobs SET status = {}, last_error = 'x', leased_by = {}, leased_until = {},"
            " finished_at = {} WHERE id = {}"
        ).format(
            sql.Literal(status),
            sql.SQL("'one'" if leased else "NULL"),
            sql.SQL("now()" if leased else "NULL"),
            sql.SQL("now()" if ended else "NULL"),
            sql.Literal(job_id),
        )
    )


async def made(jobs: Filled, status: str) -> JobId:
    async with jobs.database.connection() as connection:
        (job_id,) = await jobs.add(connection)
    for each in ROUTES[status]:
        await step(jobs, job_id, each)
    return job_id


@pytest.mark.parametrize(
    ("before", "after"), [pair for pair in itertools.product(STATUSES, STATUSES) if pair[0] != pair[1]]
)
async def test_only_the_steps_of_the_life_of_a_job_are_taken(jobs: Filled, before: str, after: str) -> None:
    job_id = await made(jobs, before)
    if (before, after) in STEPS:
        await step(jobs, job_id, after)
        assert (await jobs.row(job_id))["status"] == after
        return
    with pytest.raises(psycopg.errors.CheckViolation, match=f"cannot go from {before} to {after}"):
        await step(jobs, job_id, after)
    assert (await jobs.row(job_id))["status"] == before


async def test_a_lease_does_not_pass_from_one_worker_to_another_without_being_given_back(
    jobs: Filled,
) -> None:
    job_id = await made(jobs, "running")
    with pytest.raises(psycopg.errors.CheckViolation, match="cannot go from running to running"):
        await jobs.database.execute(sql.SQL("UPDATE holdfast.jobs SET leased_by = 'two'"))
    assert (await jobs.row(job_id))["leased_by"] == "one"


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO holdfast.jobs (kind, status, finished_at) VALUES ('a', 'succeeded', now())",
        "INSERT INTO holdfast.jobs (kind) VALUES ('')",
        "INSERT INTO holdfast.jobs (kind, max_attempts) VALUES ('a', 0)",
        "INSERT INTO holdfast.jobs (kind, leased_by, leased_until) VALUES ('a', 'one', now())",
        "INSERT INTO holdfast.jobs (kind, finished_at) VALUES ('a', now())",
        "UPDATE holdfast.jobs SET status = 'done'",
        "UPDATE holdfast.jobs SET status = 'running'",
        "UPDATE holdfast.jobs SET status = 'running', leased_by = 'one'",
        "UPDATE holdfast.jobs SET status = 'cancelled'",
        "UPDATE holdfast.jobs SET attempts = -1",
    ],
)
async def test_a_row_that_contradicts_itself_is_refused(jobs: Filled, change: str) -> None:
    job_id = await made(jobs, "queued")
    before = await jobs.row(job_id)
    with pytest.raises(psycopg.errors.CheckViolation):
        await jobs.database.execute(sql.SQL(change))
    assert await jobs.row(job_id) == before


async def test_a_dead_letter_without_a_reason_is_refused(jobs: Filled) -> None:
    job_id = await made(jobs, "running")
    with pytest.raises(psycopg.errors.CheckViolation):
        await jobs.database.execute(
            sql.SQL(
                "UPDATE holdfast.jobs SET status = 'dead', last_error = NULL, finished_at = now(),"
                " leased_by = NULL, leased_until = NULL"
            )
        )
    assert (await jobs.row(job_id))["status"] == "running"
