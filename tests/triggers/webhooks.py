"""A receiver of webhooks whose answers a test decides, and a worker that delivers to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send

from holdfast.chain.following import follow
from holdfast.postgres.database import Database
from holdfast.queue.work import WorkContext
from holdfast.settings import Settings
from holdfast.systems.triggers.actions.worker import deliver
from holdfast.systems.triggers.demo.receiver import receiving


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The message's id."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Webhooks:
    """Answers each request with the next of ``answers`` (204 when there is none), and keeps all.

    While ``open`` is not set, requests are kept and not answered.
    """

    answers: list[int] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        body += message.get("body", b"")
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.received.append(Received(scope["method"], scope["path"], headers, body))
        await self.open.wait()
        status = self.answers.pop(0) if self.answers else 204
        content = b"" if status == 204 else b"the answer\0's body"
        await send({"type": "http.response.start", "status": status, "headers": self.headers})
        await send({"type": "http.response.body", "body": content})


@asynccontextmanager
async def listening() -> AsyncIterator[Webhooks]:
    """Receive webhooks while the block runs, and answer them."""
    webhooks = Webhooks()
    webhooks.open.set()
    async with receiving(webhooks) as port:
        webhooks.port = port
        try:
            yield webhooks
        finally:
            webhooks.open.set()


def worker_settings(port: int, **more: str) -> dict[str, str]:
    """Return settings with which a worker reaches a receiver and tries again at once."""
    return {
        "HOLDFAST_OUTBOUND_ALLOW": f"127.0.0.1:{port}",
        "HOLDFAST_DELIVERY_RETRY_DELAYS": "0s,10ms,10ms",
        **more,
    }


def quiet(_event: str, /, **_details: object) -> None:
    """Take a report and tell nobody."""


@asynccontextmanager
async def working(
    database: Database, port: int, *, instance: str = "worker", sole: bool = False, **more: str
) -> AsyncIterator[asyncio.Event]:
    """Run a worker while the block runs; yield the event that stops it."""
    stop = asyncio.Event()
    context = WorkContext(
        database=database,
        settings=Settings(worker_settings(port, **more)),
        instance=instance,
        stop=stop,
        report=quiet,
        sole=sole,
    )
    task = asyncio.create_task(deliver(context))
    try:
        yield stop
        assert not task.done() or stop.is_set(), task
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


@asynccontextmanager
async def following(database: Database) -> AsyncIterator[None]:
    """Follow the declared chains while the block runs."""
    stop = asyncio.Event()
    context = WorkContext(
        database=database, settings=Settings({}), instance="follower", stop=stop, report=quiet, sole=True
    )
    task = asyncio.create_task(follow(context))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)
