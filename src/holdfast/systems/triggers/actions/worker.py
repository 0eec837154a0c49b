"""The worker that delivers actions: claims, sends, records.

Claim and ``started`` attempts commit in one transaction before anything is sent, so that a delivery
in the state ``sending`` always has the row of its attempt. Delivery is at-least-once: the receiver
tells a repetition by its ``webhook-id``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.delivery.errors import DeliveryFailed
from holdfast.delivery.reply import Reply
from holdfast.delivery.schedule import RetrySchedule
from holdfast.delivery.sender import Sender
from holdfast.errors import HoldfastError
from holdfast.queue.claims import Lease, Row, lease_of
from holdfast.queue.consumer import Consumer, Pace
from holdfast.queue.work import WorkContext
from holdfast.system import Connection
from holdfast.systems.triggers.actions import attempts
from holdfast.systems.triggers.actions.attempts import Ending, Endings
from holdfast.systems.triggers.actions.jobs import JOBS
from holdfast.systems.triggers.actions.rest import outbound, read_config
from holdfast.systems.triggers.settings import BATCH, CONCURRENCY, LEASE, POLL

_KEPT_CHARACTERS = 2000


async def deliver(context: WorkContext) -> None:
    """Deliver actions until the service stops."""
    settings = context.settings
    pace = Pace(
        poll_seconds=settings.get(POLL),
        batch=settings.get(BATCH),
        concurrency=settings.get(CONCURRENCY),
        lease_seconds=settings.get(LEASE),
        bury_exhausted=False,  # an interruption is not the receiver's failure: it must not bury a delivery
    )
    endings = Endings(context.database)
    async with Sender.from_settings(settings) as sender:
        delivering = Delivering(sender, endings, RetrySchedule.from_settings(settings))
        try:
            await Consumer(context, JOBS, delivering, pace).run()
        finally:
            await endings.drain()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An attempt that has begun: its row, and what it tells and where it goes."""

    result_id: str
    told: Row


class Delivering:
    """What is done with claimed deliveries (a ``Consuming``)."""

    def __init__(self, sender: Sender, endings: Endings, schedule: RetrySchedule) -> None:
        self._sender = sender
        self._endings = endings
        self._schedule = schedule
        self._begun: dict[Lease, _Attempt] = {}

    async def claimed(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Write the attempts and read what they need, in the transaction of the claim."""
        ids = [row["id"] for row in rows]
        other = [row["id"] for row in rows if row["max_attempts"] != self._schedule.attempts]
        if other:
            await attempts.set_attempts(connection, other, self._schedule.attempts)
        results = await attempts.start(connection, ids)
        told = await attempts.load(connection, ids)
        self._begun.update((lease_of(row), _Attempt(results[row["id"]], told[row["id"]])) for row in rows)

    async def released(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Write that the attempts of lost deliveries ended in a way that nobody knows."""
        await attempts.end_unknown(connection, rows)

    async def handle(self, row: Row) -> None:
        """Send one delivery and record how that ended."""
        lease = lease_of(row)
        attempt = self._begun.pop(lease)
        try:
            ending = await self._send(lease, attempt)
        except asyncio.CancelledError:
            # The service stops (or the lease is lost, and then this changes nothing).
            self._endings.add(
                Ending(
                    lease,
                    attempt.result_id,
                    "retry",
                    "The service stopped while this was being sent; what became of it is unknown.",
                )
            )
            raise
        await asyncio.shield(self._endings.add(ending))

    async def _send(self, lease: Lease, attempt: _Attempt) -> Ending:
        told = attempt.told
        if told["action_config"] is None:
            return Ending(lease, attempt.result_id, "cancelled", "The action was deleted.")
        if told["id"] is None:
            return Ending(lease, attempt.result_id, "dead", "The event is no longer stored.")
        try:
            request = outbound(read_config(told["action_config"]), told["action_secret"], told)
            reply = await self._sender.send(request)
        except DeliveryFailed as error:
            return self._failed(lease, attempt, str(error), retryable=error.retryable)
        except HoldfastError as error:  # the action's configuration: the same again ends the same
            return Ending(lease, attempt.result_id, "dead", str(error))
        return self._answered(lease, attempt, reply)

    def _answered(self, lease: Lease, attempt: _Attempt, reply: Reply) -> Ending:
        kept = reply.body.decode("utf-8", "replace").replace("\0", "�")[:_KEPT_CHARACTERS]
        response = {"status": reply.status, "body": kept, "truncated": reply.truncated}
        if reply.ok:
            return Ending(
                lease,
                attempt.result_id,
                "succeeded",
                duration_ms=reply.duration_ms,
                response=response,
            )
        return self._failed(
            lease,
            attempt,
            f"The receiver answered {reply.status}.",
            retryable=True,
            retry_after=reply.retry_after_seconds,
            duration_ms=reply.duration_ms,
            response=response,
        )

    def _failed(
        self,
        lease: Lease,
        attempt: _Attempt,
        error: str,
        *,
        retryable: bool,
        retry_after: float | None = None,
        duration_ms: int | None = None,
        response: dict[str, object] | None = None,
    ) -> Ending:
        wait = self._schedule.wait_seconds(lease.attempt, retry_after=retry_after) if retryable else None
        return Ending(
            lease,
            attempt.result_id,
            "dead" if wait is None else "retry",
            error,
            wait or 0.0,
            duration_ms,
            response,
        )
