"""Runs declared workers: each until the service stops, again after a failure, with growing pauses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from holdfast.errors import HoldfastError, WrongUse
from holdfast.queue.backoff import backoff_seconds
from holdfast.queue.work import Work, WorkContext, stopped_within
from holdfast.service.settings import ROLES
from holdfast.settings import Settings
from holdfast.system import Worker, in_order, resolve

SERVE = "serve"
_CALM_AFTER = 60.0
logger = logging.getLogger("holdfast.service")


def declared_workers() -> dict[str, Worker]:
    """Return every worker that a room or system declares, by name."""
    return {worker.name: worker for system in in_order() for worker in system.workers}


def chosen_roles(settings: Settings) -> frozenset[str]:
    """Return what this process is to do: ``serve`` and names of workers.

    Raises ``WrongUse`` where HOLDFAST_ROLES names something that is not declared.
    """
    known = {SERVE, *declared_workers()}
    named: tuple[str, ...] = settings.get(ROLES)
    chosen = frozenset(named or known)
    if not chosen <= known:
        raise WrongUse(
            f"HOLDFAST_ROLES names {', '.join(sorted(chosen - known))}, which no room or system declares.",
            hint=f"Choose among {', '.join(sorted(known))}.",
        )
    return chosen


async def run_workers(context: WorkContext, roles: frozenset[str]) -> None:
    """Run the chosen workers until ``context.stop`` is set and each has returned."""
    chosen: Sequence[Worker] = [worker for name, worker in declared_workers().items() if name in roles]
    async with asyncio.TaskGroup() as group:
        for worker in chosen:
            group.create_task(_keep_running(worker, context), name=worker.name)


async def _keep_running(worker: Worker, context: WorkContext) -> None:
    work: Work = resolve(worker.path)
    loop = asyncio.get_running_loop()
    failures = 0
    while not context.stop.is_set():
        began = loop.time()
        try:
            await work(context)
        except HoldfastError as error:
            logger.warning("%s: %s", worker.name, error)
            context.report("worker.failed", worker=worker.name, error=error.message, hint=error.hint)
        except Exception as error:  # the edge of a worker: the others go on, and this one is tried again
            logger.exception("%s failed unexpectedly", worker.name)
            context.report(
                "worker.failed", worker=worker.name, error=type(error).__name__, hint="See the log."
            )
        failures = 1 if loop.time() - began > _CALM_AFTER else failures + 1
        await stopped_within(context.stop, backoff_seconds(failures, base=0.5, cap=30.0))
