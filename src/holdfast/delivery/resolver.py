"""Turns names into addresses with the system's resolver, in threads that cannot hold the process up."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Sequence
from typing import Protocol

from holdfast.delivery.errors import Unreachable


class Resolver(Protocol):
    """Finds the addresses of a host."""

    async def __call__(self, host: str, port: int, /) -> Sequence[str]:
        """Return the addresses as text; raises ``Unreachable`` where the name has none."""


class SystemResolver:
    """Asks ``getaddrinfo``, at most ``lookups`` at a time.

    A lookup cannot be interrupted, only no longer waited for: its thread ends by itself, counts until
    then, and never delays the end of the process (threads of a pool would).
    """

    def __init__(self, lookups: int = 32) -> None:
        self._slots = asyncio.Semaphore(lookups)

    async def __call__(self, host: str, port: int, /) -> Sequence[str]:
        """Return the addresses of a host, in the order of the system's preference."""
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()

        def tell(result: Sequence[str] | Exception) -> None:
            self._slots.release()
            if answer.done():
                return
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)

        def look_up() -> None:
            result = _look_up(host, port)
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(tell, result)

        threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
        return await answer


def _look_up(host: str, port: int) -> Sequence[str] | Exception:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return Unreachable(
            f"The name {host} does not resolve.", hint="Correct the URL or the name's records.", host=host
        )
    return [str(entry[4][0]) for entry in found]
