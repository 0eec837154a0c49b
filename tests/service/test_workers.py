"""Workers run until the service stops, and one that fails is started again."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import WrongUse
from holdfast.postgres.database import Database
from holdfast.queue.work import WorkContext
from holdfast.service import workers
from holdfast.settings import Settings
from holdfast.system import Worker
from tests.fixtures.waiting import until

_RUNS: list[str] = []


async def fails_at_first(context: WorkContext) -> None:
    """Fail once, then work until the stop."""
    _RUNS.append("fails_at_first")
    if _RUNS.count("fails_at_first") == 1:
        raise RuntimeError("no luck")
    await context.stop.wait()


async def works(context: WorkContext) -> None:
    """Work until the stop."""
    _RUNS.append("works")
    await context.stop.wait()


async def test_a_worker_that_fails_is_told_and_started_again(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _RUNS.clear()
    declared = {
        name: Worker(name, f"{__name__}:{name}", "A worker of this test.")
        for name in ("fails_at_first", "works")
    }
    monkeypatch.setattr(workers, "declared_workers", lambda: declared)
    told: list[tuple[str, object]] = []
    stop = asyncio.Event()

    def report(event: str, /, **details: object) -> None:
        told.append((event, details["worker"]))

    context = WorkContext(database, settings, "test", stop, report, sole=False)
    running = asyncio.create_task(workers.run_workers(context, frozenset(declared)))
    await until(lambda: _RUNS.count("fails_at_first") == 2)
    stop.set()
    async with asyncio.timeout(2):
        await running
    assert told == [("worker.failed", "fails_at_first")]
    assert _RUNS.count("works") == 1, "the failure of one must not touch the other"


def test_roles_are_all_by_default_and_an_unknown_one_is_refused() -> None:
    everything = workers.chosen_roles(Settings({}))
    assert {"serve", "follow", "jobs"} <= everything
    assert workers.chosen_roles(Settings({"HOLDFAST_ROLES": "serve"})) == {"serve"}
    with pytest.raises(WrongUse, match="sirve"):
        workers.chosen_roles(Settings({"HOLDFAST_ROLES": "sirve"}))
