"""Tells how a follower stands: in the database for whoever looks, and as events of note.

The state is written when it changes and otherwise every few seconds, so that a look at it costs no
request and a stopped follower shows by its age. Events are told once when something begins, not
again while it lasts.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from holdfast.chain.errors import NodeTrouble
from holdfast.chain.standing import SQL
from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from holdfast.chain.ledger import Checkpoint, Committed
    from holdfast.chain.source import Look
    from holdfast.chain.subscription import Header
    from holdfast.postgres.database import Database
    from holdfast.system import Report

WRITE_EVERY = 2.0
QUIET_SECONDS = 30.0


class Teller:
    """Says how one subscription stands on one chain."""

    def __init__(self, database: Database, report: Report, subscription: str, chain_id: int) -> None:
        self._database = database
        self._report = report
        self._key = {"subscription": subscription, "chain_id": chain_id}
        self._said = ("", "")
        self._written = 0.0
        self._told: dict[str, float] = {}
        self._caught_up = False
        self.worked = False

    async def state(
        self, state: str, message: str = "", look: Look | None = None, retry: float | None = None
    ) -> None:
        """Write the state where it changed or was not written for a while."""
        now = time.monotonic()
        if (state, message) == self._said and now - self._written < WRITE_EVERY:
            return
        self._said, self._written = (state, message), now
        await self._database.execute(
            SQL["set_state"],
            {
                **self._key,
                "state": state,
                "message": message,
                "head": look.head.number if look else None,
                "finalized": look.finalized if look and look.finalized >= 0 else None,
                "retry_seconds": retry,
            },
        )

    async def at_end(self, look: Look, *, ended: bool) -> None:
        """Say that everything that there is was read."""
        await self.state("at_end" if ended else "following", "", look)
        if not self._caught_up:
            self._caught_up = True
            self._report("chain.caught_up", **self._key, block=look.head.number)

    async def reading(self, look: Look, block: int) -> None:
        """Say how far reading is; the head is some way off."""
        self._caught_up = self._caught_up and look.head.number - block < 16
        await self.state("reading", "", look)

    async def lagging(self, look: Look, message: str) -> None:
        """Say that the node is behind what was read before."""
        await self.state("lagging", message, look)
        self._tell_once("chain.lagging", message=message, head=look.head.number)

    async def trouble(self, error: HoldfastError, retry: float) -> None:
        """Say what is wrong, and when it is tried again."""
        state = error.state if isinstance(error, NodeTrouble) else "failing"
        await self.state(state, str(error), retry=retry)
        self._tell_once(f"chain.{state}", code=error.code, message=str(error), retry_seconds=round(retry, 3))

    def reorganised(
        self, ours: Checkpoint, ancestor: Header | None, head: Header, committed: Committed
    ) -> None:
        """Tell of a reorganisation."""
        common = ancestor.number if ancestor else -1
        self._report(
            "chain.reorganised",
            **self._key,
            depth=ours.number - common,
            ancestor=common,
            from_block=ours.number,
            from_hash=ours.hash,
            to_block=head.number,
            to_hash=head.hash,
            blocks_retracted=committed.retracted,
        )

    def committed(self, committed: Committed) -> None:
        """Take note that work was done, and tell of logs that went to quarantine."""
        self.worked = True
        if committed.quarantined:
            self._tell_once(
                "chain.quarantined", logs=committed.quarantined, block=committed.checkpoint.number
            )

    def _tell_once(self, event: str, **details: object) -> None:
        """Tell an event unless the same kind was told a moment ago."""
        now = time.monotonic()
        if now - self._told.get(event, -QUIET_SECONDS) >= QUIET_SECONDS:
            self._told[event] = now
            self._report(event, **self._key, **details)
