"""One process of Holdfast from its beginning to its end."""

from __future__ import annotations

import asyncio
import signal
import socket
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from holdfast.migrate.engine import migrate_up
from holdfast.postgres.database import Database
from holdfast.postgres.endpoint import Endpoint
from holdfast.queue.work import WorkContext, stopped_within
from holdfast.service.demo import demos
from holdfast.service.interpreter import share_interpreter
from holdfast.service.presence import PresenceNote
from holdfast.service.recordings import take_up_recording
from holdfast.service.settings import STOP_WITHIN
from holdfast.service.sums import pending, totals
from holdfast.service.workers import SERVE, chosen_roles, run_workers
from holdfast.settings import Settings
from holdfast.system import DemoStart
from holdfast.web.app import create_app
from holdfast.web.server import serve
from holdfast.web.settings import API_HOST, API_PORT

_ASK_WHETHER_DONE = 0.25


@dataclass(frozen=True)
class Plan:
    """What this process is to run, on which server.

    ``sole`` says that nobody else works on this database; ``recording`` names a recorded chain's file
    to follow, if any.
    """

    settings: Settings
    endpoint: Endpoint
    data_dir: Path
    sole: bool
    demo: bool
    recording: Path | None
    exit_when_done: bool


class View(Protocol):
    """Shows what the service does, on a terminal or as JSON lines."""

    def report(self, event: str, /, **details: object) -> None:
        """Tell an event of note (``holdfast.system.Report``)."""

    async def show(self, database: Database, stop: asyncio.Event) -> None:
        """Keep showing until ``stop`` is set."""


async def run_service(plan: Plan, note: PresenceNote, view: View) -> dict[str, object]:
    """Run everything that the plan says until a signal, or until all is done; return the totals.

    SIGINT and SIGTERM end it within HOLDFAST_STOP_WITHIN seconds and a little more.
    """
    share_interpreter()
    stop = asyncio.Event()
    with _stopped_by_signals(stop):
        async with Database.open(plan.endpoint, plan.settings, application_name="holdfast") as database:
            for applied in await migrate_up(database):
                view.report("migration.applied", system=applied.system, number=applied.number)
            async with AsyncExitStack() as stack:
                starts = []
                if plan.demo:
                    starts = await stack.enter_async_context(demos(database, plan.data_dir, view.report))
                recordings = [Path(start.recording) for start in starts]
                for file in recordings if plan.recording is None else [plan.recording]:
                    await take_up_recording(database, file)
                context = WorkContext(
                    database=database,
                    settings=plan.settings.with_overrides(_overrides(starts)),
                    instance=f"{socket.gethostname()}:{uuid.uuid4().hex[:12]}",
                    stop=stop,
                    report=view.report,
                    sole=plan.sole,
                )
                for line in (line for start in starts for line in start.notes):
                    view.report("demo.note", note=line)
                await _run_parts(plan, context, note, view)
            return await totals(database)


def _overrides(starts: list[DemoStart]) -> dict[str, str]:
    return {name: value for start in starts for name, value in start.overrides.items()}


async def _run_parts(plan: Plan, context: WorkContext, note: PresenceNote, view: View) -> None:
    roles = chosen_roles(context.settings)
    parts = {asyncio.create_task(run_workers(context, roles), name="workers")}
    parts.add(asyncio.create_task(view.show(context.database, context.stop), name="view"))
    if SERVE in roles:
        parts.add(asyncio.create_task(_serve(plan, context, note), name="serve"))
    if plan.exit_when_done:
        parts.add(asyncio.create_task(_stop_when_done(context), name="done"))
    try:
        await asyncio.wait(
            [asyncio.create_task(context.stop.wait()), *parts], return_when=asyncio.FIRST_EXCEPTION
        )
    finally:
        context.stop.set()
        await _end(parts, context.settings.get(STOP_WITHIN))
    for part in parts:
        if part.done() and not part.cancelled():
            part.result()


async def _end(parts: set[asyncio.Task[None]], within: float) -> None:
    _, late = await asyncio.wait(parts, timeout=within)
    for part in late:
        part.cancel()
    if late:
        await asyncio.wait(late, timeout=1.0)


async def _serve(plan: Plan, context: WorkContext, note: PresenceNote) -> None:
    host = context.settings.get(API_HOST)

    def ready(port: int) -> None:
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        note.serving(address)
        context.report("serving", address=address, data_dir=str(plan.data_dir))

    app = create_app(database=context.database, settings=context.settings, data_dir=plan.data_dir)
    await serve(app, host=host, port=context.settings.get(API_PORT), stop=context.stop, ready=ready)


async def _stop_when_done(context: WorkContext) -> None:
    while not context.stop.is_set():
        if await pending(context.database) == 0:
            context.stop.set()
        await stopped_within(context.stop, _ASK_WHETHER_DONE)


@contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
