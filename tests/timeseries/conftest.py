"""A partitioned table with all that a partition must take over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import LiteralString

import pytest
import pytest_asyncio
from psycopg import sql

from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.system import Partitioned

DAILY = Partitioned("ts.events", "block_time", "1 day", ahead=1)
TABLE: LiteralString = """
CREATE SCHEMA ts;
CREATE TABLE ts.events (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    block_time TIMESTAMPTZ NOT NULL,
    amount NUMERIC(78, 0) NOT NULL DEFAULT 0 CHECK (amount >= 0),
    twice NUMERIC(79, 0) GENERATED ALWAYS AS (amount * 2) STORED,
    kind TEXT NOT NULL DEFAULT 'x',
    PRIMARY KEY (id, block_time)
) PARTITION BY RANGE (block_time);
CREATE INDEX events_kind ON ts.events (kind, block_time) WHERE amount > 0;
CREATE FUNCTION ts.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'events are never taken away (%)', TG_ARGV[0]; END $$;
CREATE TRIGGER keep_rows BEFORE DELETE ON ts.events FOR EACH ROW EXECUTE FUNCTION ts.refuse('row');
CREATE TRIGGER "Keep all" BEFORE TRUNCATE ON ts.events
    FOR EACH STATEMENT EXECUTE FUNCTION ts.refuse('it''s all');
ALTER TABLE ts.events ENABLE ALWAYS TRIGGER "Keep all";
"""


@pytest.fixture(params=["empty_conninfo", "debian_conninfo"], ids=["embedded", "debian"])
def events_conninfo(request: pytest.FixtureRequest) -> str:
    """An empty database: PostgreSQL 15, 17 and 18 attach and detach partitions each in their own way."""
    return str(request.getfixturevalue(request.param))


@pytest_asyncio.fixture
async def events(events_conninfo: str, settings: Settings) -> AsyncIterator[Database]:
    """A database with the table ``ts.events``, which has no partition yet."""
    async with Database.open(events_conninfo, settings, min_size=1) as database:
        await database.execute(sql.SQL(TABLE))
        yield database
