"""What a worker is given and what it must do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a value of the type is handed in; nothing here makes one
    from holdfast.postgres.database import Database
    from holdfast.settings import Settings
    from holdfast.system import Report


@dataclass
class WorkContext:
    """What every worker of a process is given.

    ``instance`` names the process and is unique among all that live or lived: leases are held under
    it. ``sole`` says that this process has just started the embedded server, so that no other worker
    lives and leases left by a crash may be taken over at once.
    """

    database: Database
    settings: Settings
    instance: str
    stop: asyncio.Event
    report: Report
    sole: bool


class Work(Protocol):
    """Something that runs for as long as the service does (``System.workers``)."""

    async def __call__(self, context: WorkContext, /) -> None:
        """Work until ``context.stop`` is set, and return within a second of it."""
