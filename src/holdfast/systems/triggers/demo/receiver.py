"""The demo's receiver of webhooks: checks signatures, answers 204 and counts what it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import uvicorn
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.types import ASGIApp, Receive, Scope, Send

_LARGEST_BODY = 1_000_000


@dataclass
class Counts:
    """What a receiver was sent: messages, those that retract one, repetitions, and what it refused."""

    received: int = 0
    retractions: int = 0
    repeated: int = 0
    refused: int = 0
    _seen: set[str] = field(default_factory=set, repr=False)

    def take(self, message_id: str, *, retracts: bool) -> None:
        """Count a message whose signature holds; the same id again is a repetition."""
        if message_id in self._seen:
            self.repeated += 1
            return
        self._seen.add(message_id)
        self.received += 1
        self.retractions += retracts


class Receiver:
    """An ASGI application that takes webhooks at the paths for which it holds secrets.

    Set ``secrets`` (path to signing secret) before anything is sent to it. Every message that it takes
    is a line of ``journal`` (JSON: ``id``, ``path``, ``retracts``) before it is answered.
    """

    def __init__(self, journal: Path) -> None:
        self.secrets: Mapping[str, str] = {}
        self.counts = Counts()
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 204 to a message that is signed as it should be, 401 to another, 404 elsewhere."""
        if scope["type"] != "http":
            return
        body = await _read(receive)
        secret = self.secrets.get(scope["path"])
        if secret is None:
            return await _answer(send, 404)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            Webhook(secret).verify(body, headers)
        except WebhookVerificationError:
            self.counts.refused += 1
            return await _answer(send, 401)
        self._note(headers["webhook-id"], scope["path"], headers.get("holdfast-retracts"))
        self.counts.take(headers["webhook-id"], retracts="holdfast-retracts" in headers)
        return await _answer(send, 204)

    def _note(self, message_id: str, path: str, retracts: str | None) -> None:
        line = orjson.dumps(
            {"id": message_id, "path": path, "retracts": retracts}, option=orjson.OPT_APPEND_NEWLINE
        )
        with self._journal.open("ab") as journal:  # one write: a kill leaves whole lines
            journal.write(line)


async def _read(receive: Receive) -> bytes:
    body = b""
    while len(body) <= _LARGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body


async def _answer(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


class _Server(uvicorn.Server):
    """uvicorn without handlers of signals: whoever runs the demo has their own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def receiving(receiver: ASGIApp) -> AsyncIterator[int]:
    """Serve a receiver (or any application) on a free port of 127.0.0.1 for the block; yield the port."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0), backlog=128)) as listener:
        listener.setblocking(False)
        config = uvicorn.Config(
            receiver,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="demo receiver")
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await asyncio.wait([serving])
