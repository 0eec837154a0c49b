"""Drives a follower step by step, so that a test decides when anything happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from holdfast.chain.chains import Chain
from holdfast.chain.follower import Follower, Pace
from holdfast.chain.ledger import Ledger
from holdfast.chain.opening import open_source
from holdfast.chain.subscription import Subscription
from holdfast.chain.telling import Teller
from holdfast.postgres.database import Database
from holdfast.settings import Settings

PACE = Pace(poll=0.01, patience=0.5, window=100, largest_range=1000, concurrency=2)


class Told:
    """Collects reported events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, event: str, /, **details: object) -> None:
        self.events.append((event, details))

    def named(self, event: str) -> list[dict[str, Any]]:
        return [details for name, details in self.events if name == event]


@asynccontextmanager
async def following(
    database: Database,
    chain: Chain,
    subscription: Subscription,
    *,
    pace: Pace = PACE,
    told: Told | None = None,
    settings: Settings | None = None,
) -> AsyncIterator[Follower]:
    """Open a chain's source where its checkpoint stands, and a follower on it."""
    ledger = Ledger(database, subscription, chain.chain_id)
    checkpoint = await ledger.open()
    source = await asyncio.to_thread(
        open_source, chain, checkpoint, settings or Settings({}), waiting=lambda _message, _seconds: None
    )
    teller = Teller(database, told or Told(), subscription.name, chain.chain_id)
    follower = Follower(chain, source, ledger, subscription, teller, pace)
    try:
        yield follower
    finally:
        follower.close()
        source.close()


async def to_end(follower: Follower, seconds: float = 60) -> int:
    """Step until there is nothing to do; return how many steps it took."""
    deadline = time.monotonic() + seconds
    steps = 0
    while not await follower.step():
        steps += 1
        assert time.monotonic() < deadline, f"not at the end after {steps} steps"
    return steps


async def until(true: Callable[[], Awaitable[bool]], what: str, seconds: float = 30) -> None:
    """Poll until something is true."""
    deadline = time.monotonic() + seconds
    while not await true():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        await asyncio.sleep(0.02)
