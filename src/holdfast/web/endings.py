"""Ends what is still being answered when the service stops.

A stream for a browser ends only when its reader goes. Once the service stops, each open answer has a
moment to end by itself; then it is cut off cleanly: one that has begun is closed, any other becomes a
problem of status 503.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.errors import TryAgain
from holdfast.http.problems import problem_response


class Stopping(TryAgain):
    """The service stops."""

    code = "stopping"


class Endings:
    """ASGI middleware that can end every answer that is being given."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._answering: set[asyncio.Task[object]] = set()
        self._cut_off: set[asyncio.Task[object]] = set()

    def cut_off(self) -> None:
        """End every answer that is still being given."""
        for task in self._answering - self._cut_off:
            self._cut_off.add(task)
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, until it is cut off."""
        task = asyncio.current_task()
        if scope["type"] != "http" or task is None:
            await self.app(scope, receive, send)
            return
        started = ended = False

        async def noticing(message: Message) -> None:
            nonlocal started, ended
            started = started or message["type"] == "http.response.start"
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        self._answering.add(task)
        try:
            await self.app(scope, receive, noticing)
        except asyncio.CancelledError:
            if task not in self._cut_off:
                raise
            task.uncancel()
            if not started:
                error = Stopping("The service stops.", hint="Try again when it runs.")
                await problem_response(error, path=scope["path"])(scope, receive, send)
            elif not ended:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._answering.discard(task)
            self._cut_off.discard(task)
