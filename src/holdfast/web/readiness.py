"""Whether this process can serve: the database answers and its migrations are current.

What is not well beyond that (a chain that lags, a queue that waits) is told and fails nothing: taking
the process out of service would not help it. The answer is kept for a second, so that however often
it is asked, the database is asked once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from holdfast.errors import HoldfastError
from holdfast.migrate.engine import pending
from holdfast.migrate.plan import Entry, Files, declared_files
from holdfast.postgres.database import Database
from holdfast.system import Connection, Status, StatusLine, in_order, resolve

_KEPT = 1.0
_MOST_NAMED = 10
logger = logging.getLogger("holdfast.web")


@dataclass(frozen=True)
class Readiness:
    """What is missing before this process can serve (nothing: it can), and how each part stands."""

    missing: tuple[str, ...]
    details: tuple[tuple[str, StatusLine], ...]


class ReadinessCheck:
    """Looks whether one database is ready, within ``within`` seconds, at most once a second."""

    def __init__(self, database: Database, within: float) -> None:
        self._database = database
        self._within = within
        self._lock = asyncio.Lock()
        self._known: tuple[float, Readiness] | None = None
        self._files: Files | None = None

    async def __call__(self) -> Readiness:
        """Return how the process stands now, or stood within the last second."""
        async with self._lock:
            if self._known is None or time.monotonic() - self._known[0] > _KEPT:
                readiness = await self._look()
                self._known = (time.monotonic(), readiness)
            return self._known[1]

    async def _look(self) -> Readiness:
        try:
            async with asyncio.timeout(self._within):
                async with self._database.connection() as connection:
                    self._files = self._files or declared_files()
                    entries = await pending(connection, files=self._files)
                    newer = [("migrate", _newer(entry)) for entry in entries if entry.state == "unknown"]
                    missing = _missing([entry for entry in entries if entry.state != "unknown"])
                    return Readiness(missing, (*newer, *await _details(connection)))
        except TimeoutError:
            return Readiness((f"The database did not answer within {self._within:g} s.",), ())
        except (psycopg.Error, OSError) as error:
            logger.warning("not ready: %s", error)
            return Readiness(("The database cannot be reached.",), ())
        except HoldfastError as error:
            return Readiness((error.message,), ())


def _missing(entries: Sequence[Entry]) -> tuple[str, ...]:
    named = [f"The migration {entry.id} ({entry.name}) is {entry.state}." for entry in entries[:_MOST_NAMED]]
    if len(entries) > _MOST_NAMED:
        named.append(f"{len(entries) - _MOST_NAMED} more migrations are not current.")
    return tuple(named)


def _newer(entry: Entry) -> StatusLine:
    """Tell of a migration of a later version, as a rolling upgrade has it for a while: it fails nothing."""
    return StatusLine(
        "migrations", f"{entry.id} is newer than this process", "warning", "Upgrade this process too."
    )


async def _details(connection: Connection) -> list[tuple[str, StatusLine]]:
    """Return what is not as it should be; what is well stays inside, since anybody may ask."""
    found: list[tuple[str, StatusLine]] = []
    for system in in_order():
        if not system.status:
            continue
        tell: Status = resolve(system.status)
        try:
            found += [(system.name, line) for line in await tell(connection) if line.state != "ok"]
        except (HoldfastError, psycopg.Error) as error:
            logger.warning("%s cannot say how it stands: %s", system.name, error)
            found.append((system.name, StatusLine("status", "unknown", "error", "See the server's log.")))
    return found
