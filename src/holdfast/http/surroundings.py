"""What stands around every route: checks before it, headers and a line of the log after it.

All are plain ASGI middleware, so that streams pass through untouched.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.errors import WrongUse
from holdfast.http.problems import TooLarge, problem_response
from holdfast.http.request_ids import request_id

access_logger = logging.getLogger("holdfast.access")


class SecurityHeaders:
    """Tells browsers to take answers as what they say they are, and to keep none about signing in.

    ``no_store`` are the beginnings of the paths whose answers nobody may keep.
    """

    def __init__(self, app: ASGIApp, no_store: tuple[str, ...]) -> None:
        self.app = app
        self.no_store = no_store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("X-Frame-Options", "DENY")
                headers.setdefault("Referrer-Policy", "no-referrer")
                if scope["path"].startswith(self.no_store):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, guarded)


class UnknownHost(WrongUse):
    """The request was sent to a name that this server does not go by."""

    code = "unknown_host"
    http_status = 421


class KnownHosts:
    """Refuses requests for names that are not this server's.

    A web page can make a name of its own resolve to a loopback address and so reach, from its visitor's
    browser, a server that listens there only (DNS rebinding); such a request carries the page's name as its
    ``Host``. Addresses and ``localhost`` cannot be rebound and are always known; ``names`` are further
    ones, and ``*`` among them turns the check off.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self.app = app
        self.names = frozenset(name.lower().rstrip(".") for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on where its ``Host`` is known or absent (HTTP/1.0, which no browser speaks)."""
        if scope["type"] in {"http", "websocket"}:
            host = Headers(scope=scope).get("host", "")
            if host and not self._knows(host):
                error = UnknownHost(
                    "This server does not go by the name that the request was sent to.",
                    hint="Use its address or localhost, or add the name to HOLDFAST_API_HOSTS.",
                )
                await problem_response(error, path=scope["path"])(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _knows(self, host: str) -> bool:
        if "*" in self.names:
            return True
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        name = name.lower().rstrip(".")
        if name == "localhost" or name.endswith(".localhost") or name in self.names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class BodyLimit:
    """Refuses a body of more than ``largest`` bytes: at once where its length is told, else on the way."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self.app = app
        self.largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse its body with a problem of status 413."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "")
        if told.isascii() and told.isdigit() and int(told) > self.largest:
            await self._refuse(scope, receive, send)
            return
        taken = 0

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.largest:  # FastAPI passes this kind of exception on from wherever it reads a body
                raise HTTPException(413, self._too_large().message)
            return message

        await self.app(scope, counting, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"Connection": "close"}
        await problem_response(self._too_large(), path=scope["path"], headers=headers)(scope, receive, send)

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"The body of the request has more than {self.largest} bytes.",
            hint="Send less at once, or raise HOLDFAST_API_BODY_LIMIT.",
            limit_bytes=self.largest,
        )


class AccessLog:
    """Logs one line a request, by its id; the query is left out, since it may hold secrets."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and log how it went."""
        if scope["type"] != "http" or not access_logger.isEnabledFor(logging.INFO):
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def noticing(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noticing)
        finally:
            access_logger.info(
                "%s %s %s %d %.1f ms",
                request_id(),
                scope["method"],
                _safe_path(scope),
                status,
                (time.perf_counter() - began) * 1000,
            )


def _safe_path(scope: Scope) -> str:
    """Return the path as it was sent, percent-encoded: what it stands for may hold line ends."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("ascii", "backslashreplace").encode("unicode_escape").decode()
