"""The worker ``follow``: a follower for every enabled chain and every declared subscription.

The list of chains is read again every second, or at once on the notification ``holdfast_chains``.
Each pair of a subscription and a chain is followed under a lease of its own, by one process only,
and by itself: a chain in trouble backs off and tells, and no other chain waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg

from holdfast.chain.chains import Chain, all_chains
from holdfast.chain.errors import CheckpointMoved, NodeBusy, NodeChanged, OtherChain, WrongRecording
from holdfast.chain.follower import Follower, Pace
from holdfast.chain.ledger import Checkpoint, Ledger
from holdfast.chain.opening import open_source
from holdfast.chain.recording import Recording
from holdfast.chain.source import Source
from holdfast.chain.subscription import Subscription
from holdfast.chain.telling import Teller
from holdfast.errors import HoldfastError
from holdfast.postgres.leases import LeaseHeld, hold_lease
from holdfast.postgres.listener import Listener
from holdfast.postgres.statements import Statements
from holdfast.queue.work import WorkContext, stopped_within
from holdfast.system import in_order, resolve

log = logging.getLogger(__name__)
SQL = Statements("holdfast.chain", "following.sql")

RECONCILE_SECONDS = 1.0
LEASE_SECONDS = 15.0
LONGEST_BACKOFF = 60.0
QUIET_RETRIES = 3


async def follow(context: WorkContext) -> None:
    """Follow every enabled chain for every declared subscription until the service stops."""
    subscriptions: list[Subscription] = [
        resolve(path) for system in in_order() for path in system.subscriptions
    ]
    await follow_for(context, subscriptions)


async def follow_for(context: WorkContext, subscriptions: list[Subscription]) -> None:
    """Follow every enabled chain for the subscriptions given until the service stops."""
    running: dict[tuple[str, int], Running] = {}
    if context.sole:
        await _take_over(context)
    try:
        async with Listener(context.database, ["holdfast_chains"]) as listener:
            while not context.stop.is_set():
                await _reconcile(context, subscriptions, running)
                await _wait(context.stop, listener)
    finally:
        for one in running.values():
            one.stop.set()
        await asyncio.gather(*(one.task for one in running.values()), return_exceptions=True)


async def _take_over(context: WorkContext) -> None:
    """Free the leases that a process held which was killed: nobody else lives to hold one."""
    try:
        await context.database.execute(SQL["free_leases"], {"holder": context.instance})
    except (psycopg.OperationalError, HoldfastError) as error:
        log.warning("Leases left by a crash run out by themselves: %s", error)


@dataclass
class Running:
    """A follower that runs, and the chain as it was when it was started."""

    chain: Chain
    stop: asyncio.Event
    task: asyncio.Task[None]


async def _reconcile(
    context: WorkContext, subscriptions: list[Subscription], running: dict[tuple[str, int], Running]
) -> None:
    """Start what should run and does not; stop what runs and should not, or otherwise than it does."""
    try:
        async with context.database.connection() as connection:
            chains = [chain for chain in await all_chains(connection) if chain.enabled]
    except (psycopg.OperationalError, HoldfastError) as error:
        log.warning("The list of chains cannot be read: %s", error)
        return
    wanted = {
        (subscription.name, chain.chain_id): (subscription, chain)
        for subscription in subscriptions
        for chain in chains
    }
    for key, one in list(running.items()):
        if key not in wanted or wanted[key][1] != one.chain:
            one.stop.set()
            await one.task
        if one.task.done():
            del running[key]
    for key, (subscription, chain) in wanted.items():
        if key not in running:
            stop = asyncio.Event()
            task = asyncio.create_task(
                Keeper(context, subscription, chain, stop).keep(), name=f"follow {key}"
            )
            running[key] = Running(chain, stop, task)


async def _wait(stop: asyncio.Event, listener: Listener) -> None:
    """Wait for a change of the list, a second, or the end."""
    stopping = asyncio.create_task(stop.wait())
    listening = asyncio.create_task(listener.wait(RECONCILE_SECONDS))
    _, pending = await asyncio.wait({stopping, listening}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(stopping, listening, return_exceptions=True)


class Keeper:
    """Keeps one subscription on one chain going: opens its source, steps, and backs off in trouble."""

    def __init__(
        self, context: WorkContext, subscription: Subscription, chain: Chain, stop: asyncio.Event
    ) -> None:
        self._context = context
        self._subscription = subscription
        self._chain = chain
        self._stop = stop
        self._ledger = Ledger(context.database, subscription, chain.chain_id)
        self._teller = Teller(context.database, context.report, subscription.name, chain.chain_id)
        self._failures = 0

    async def keep(self) -> None:
        """Follow until told to stop, under the lease, whatever goes wrong."""
        name = f"follow:{self._subscription.name}:{self._chain.chain_id}"
        while not self._stop.is_set():
            work = asyncio.create_task(self._under_lease(name))
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (work, stopping):
                task.cancel()
            await asyncio.gather(work, stopping, return_exceptions=True)
            if work.done() and not work.cancelled():
                await self._after(work.exception())

    async def _under_lease(self, name: str) -> None:
        held = hold_lease(self._context.database, name, self._context.instance, LEASE_SECONDS)
        async with held as lease:
            working = asyncio.create_task(self._attempt())
            losing = asyncio.create_task(lease.lost.wait())
            try:
                await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (working, losing):
                    task.cancel()
                await asyncio.gather(working, losing, return_exceptions=True)
            if working.done() and not working.cancelled():
                working.result()

    async def _attempt(self) -> None:
        """Open the source and step until something goes wrong."""
        checkpoint = await self._ledger.open()
        if not self._failures:
            await self._teller.state("starting")
        source = await self._open(checkpoint)
        try:
            if isinstance(source, Recording) and checkpoint.position == 0:
                await self._take_up(source.header)
            pace = Pace.from_settings(self._context.settings, self._chain.rpc_url)
            follower = Follower(self._chain, source, self._ledger, self._subscription, self._teller, pace)
            try:
                while True:
                    pause = await follower.step()
                    if self._teller.worked or pause:
                        self._failures = 0
                    await asyncio.sleep(pause)
            finally:
                follower.close()
        finally:
            source.close()

    async def _after(self, error: BaseException | None) -> None:
        """Note what went wrong and wait as long as it needs."""
        if isinstance(error, LeaseHeld):
            await self._pause(RECONCILE_SECONDS)  # another process follows, and tells how it stands
            return
        if error is None or isinstance(error, CheckpointMoved):
            log.warning("Following chain %s begins anew: %s", self._chain.chain_id, error or "lease lost")
            await self._pause(RECONCILE_SECONDS)
            return
        self._failures += 1
        told = error.seconds if isinstance(error, NodeBusy) else None
        retry = told if told is not None else min(LONGEST_BACKOFF, 0.5 * 2 ** min(self._failures, 10))
        if isinstance(error, NodeChanged) and self._failures <= QUIET_RETRIES:
            await self._pause(0.1 * self._failures)
            return
        if isinstance(error, OtherChain | WrongRecording):
            retry = LONGEST_BACKOFF / 4
        if isinstance(error, psycopg.OperationalError):
            log.warning("Following chain %s waits for the database: %s", self._chain.chain_id, error)
            await self._pause(min(retry, 5.0))
            return
        if not isinstance(error, HoldfastError):
            log.error("Following chain %s failed.", self._chain.chain_id, exc_info=error)
            error = HoldfastError(
                f"Following failed unexpectedly ({type(error).__name__}).", hint="The log says more."
            )
        try:
            await self._teller.trouble(error, retry)
        except (psycopg.Error, HoldfastError) as again:
            log.warning("How chain %s stands cannot be written: %s", self._chain.chain_id, again)
        await self._pause(retry)

    async def _pause(self, seconds: float) -> None:
        await stopped_within(self._stop, seconds)

    async def _open(self, checkpoint: Checkpoint) -> Source:
        loop = asyncio.get_running_loop()

        def waiting(message: str, seconds: float) -> None:
            loop.call_soon_threadsafe(self._waiting, message, seconds)

        return await asyncio.to_thread(
            open_source, self._chain, checkpoint, self._context.settings, waiting=waiting
        )

    def _waiting(self, message: str, seconds: float) -> None:
        """Say that the node asked to wait: called in the loop, from a thread of the RPC client."""
        telling = asyncio.create_task(self._teller.trouble(NodeBusy(message, seconds=seconds), seconds))
        telling.add_done_callback(partial(_forget, self._chain.chain_id))

    async def _take_up(self, header: Mapping[str, Any]) -> None:
        """Let every system register what a recording's header names, before anything of it is read."""
        for system in in_order():
            if system.recording:
                async with self._context.database.transaction() as connection:
                    await resolve(system.recording)(connection, header)


def _forget(chain_id: int, telling: asyncio.Task[None]) -> None:
    if not telling.cancelled() and telling.exception() is not None:
        log.warning("How chain %s stands cannot be written: %s", chain_id, telling.exception())
