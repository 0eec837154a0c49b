"""Fixtures of the queue's tests."""

from __future__ import annotations

import pytest
import pytest_asyncio

from holdfast.postgres.database import Database
from holdfast.queue.jobs import JOBS
from tests.queue.queues import LETTERS, Filled, emptied


@pytest_asyncio.fixture(params=[JOBS, LETTERS], ids=["jobs", "letters"])
async def filled(request: pytest.FixtureRequest, database: Database) -> Filled:
    return await emptied(request.param, database)


@pytest_asyncio.fixture
async def jobs(database: Database) -> Filled:
    return await emptied(JOBS, database)
