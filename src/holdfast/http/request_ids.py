"""A name for each request, in its response, its problems and the log.

A client's own ``X-Request-ID`` is kept where it is 1 to 128 characters of ``A-Z a-z 0-9 . _ -``;
anything else is replaced, so that nothing a client sends can break a line of the log.
"""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")
_current: ContextVar[str] = ContextVar("holdfast_request_id", default="")


def request_id() -> str:
    """Return the id of the request that is being answered, or an empty text outside of one."""
    return _current.get()


class RequestIds:
    """ASGI middleware that names each request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request under its own or a new name."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        name = given if _SANE.fullmatch(given) else uuid.uuid4().hex

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = name
            await send(message)

        token = _current.set(name)
        try:
            await self.app(scope, receive, named)
        finally:
            _current.reset(token)
