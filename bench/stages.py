"""Where the time goes between node and database: each stage of following, one after the other."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from datetime import UTC, datetime

import httpx
import orjson
from psycopg import sql

from holdfast.chain.subscription import Decoded
from holdfast.postgres.copy import copy_text
from holdfast.postgres.database import Database
from holdfast.postgres.statements import Statements
from holdfast.settings import Settings
from holdfast.systems.triggers.events.catalogue import COLUMNS
from holdfast.systems.triggers.events.subscription import SUBSCRIPTION
from holdfast.systems.triggers.matching.matching import Batch, match
from tests.fixtures.anvil import CHAIN_ID

BLOCKS_A_RANGE = 40


def print_stages(conninfo: str, url: str, contract: str, head: int, logs: int) -> None:
    """Run every stage by itself over the whole chain, and print events/s and the share of each."""
    spent = asyncio.run(_run(conninfo, url, contract, head))
    whole = sum(spent.values())
    print("stages, one after the other (Holdfast runs fetching and decoding beside writing):")
    for stage, seconds in spent.items():
        print(f"  {stage:<7} {logs / seconds:9,.0f} events/s  {seconds / whole:4.0%}")


async def _run(conninfo: str, url: str, contract: str, head: int) -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float)
    columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    copy = Statements("holdfast.systems.triggers.events", "events.sql")["copy_events"].format(columns=columns)
    async with (
        Database.open(conninfo, Settings({}), min_size=1) as database,
        database.connection() as connection,
        httpx.AsyncClient(timeout=60) as client,
    ):
        watch = await SUBSCRIPTION.watch(connection, CHAIN_ID)
        for first in range(0, head + 1, BLOCKS_A_RANGE):
            last = min(first + BLOCKS_A_RANGE - 1, head)
            span = {"fromBlock": hex(first), "toBlock": hex(last), "address": contract}
            question = {"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [span]}
            began = time.perf_counter()
            answer = (await client.post(url, json=question)).content
            fetched = time.perf_counter()
            found = orjson.loads(answer)["result"]
            parsed = time.perf_counter()
            decoded: Decoded = SUBSCRIPTION.decode(CHAIN_ID, watch, found)
            done = time.perf_counter()
            spent["fetch"] += fetched - began
            spent["parse"] += parsed - fetched
            spent["decode"] += done - parsed
            if not decoded.count:
                continue
            first_time = datetime.fromtimestamp(decoded.first_time, UTC)
            last_time = datetime.fromtimestamp(decoded.last_time, UTC)
            async with connection.transaction():
                began = time.perf_counter()
                await copy_text(connection, copy, [decoded.rows])
                copied = time.perf_counter()
                await match(connection, Batch(CHAIN_ID, first, last, first_time, last_time))
                matched = time.perf_counter()
            spent["COPY"] += copied - began
            spent["match"] += matched - copied
            spent["commit"] += time.perf_counter() - matched
    return spent
