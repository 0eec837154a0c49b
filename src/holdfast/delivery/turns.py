"""Turns: no more than so many requests to one host at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class _Host:
    free: asyncio.Semaphore
    users: int = field(default=0)


class Turns:
    """Limits what is under way to each place; forgets a place as soon as nothing goes there."""

    def __init__(self, per_place: int) -> None:
        self._per_place = per_place
        self._places: dict[str, _Host] = {}

    def __len__(self) -> int:
        return len(self._places)

    @asynccontextmanager
    async def turn(self, place: str, seconds: float) -> AsyncIterator[None]:
        """Hold one of the place's turns; raises ``TimeoutError`` where none is free within ``seconds``."""
        host = self._places.setdefault(place, _Host(asyncio.Semaphore(self._per_place)))
        host.users += 1
        try:
            async with asyncio.timeout(seconds):
                await host.free.acquire()
            try:
                yield
            finally:
                host.free.release()
        finally:
            host.users -= 1
            if host.users == 0:
                del self._places[place]
