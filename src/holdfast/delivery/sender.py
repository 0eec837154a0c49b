"""Sends a request out of the house and reads the answer, within limits of time and size."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Self, cast

import httpcore
import httpx

from holdfast import __version__
from holdfast.delivery.destination import Destination
from holdfast.delivery.errors import Busy, NotSendable, Redirected, TimedOut, Unreachable
from holdfast.delivery.guard import Guard
from holdfast.delivery.network import GuardedNetwork
from holdfast.delivery.reply import Reply
from holdfast.delivery.resolver import Resolver, SystemResolver
from holdfast.delivery.settings import (
    CA_FILE,
    CONNECT_TIMEOUT,
    CONNECTIONS,
    PER_HOST,
    RESPONSE_BYTES,
    TIMEOUT,
)
from holdfast.delivery.turns import Turns
from holdfast.errors import WrongUse
from holdfast.settings import Settings

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x20-\x7e\t\xa1-\xff]*")
# What frames the message or speaks to the next hop is ours to say.
_OURS = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "proxy-authorization",
        "proxy-connection",
    }
)
_KEEP_OPEN = 30.0  # seconds that an idle connection is kept for the next request to its host


@dataclass(frozen=True, slots=True)
class Outbound:
    """A request that is to leave the house.

    ``timeout_seconds`` is for all of it, ``max_response_bytes`` for the body that is kept; None takes
    HOLDFAST_DELIVERY_TIMEOUT and HOLDFAST_DELIVERY_RESPONSE_BYTES. Neither URL, headers nor body are
    shown: all three can hold secrets.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    timeout_seconds: float | None = None
    max_response_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much a sender waits for, reads and keeps open."""

    timeout_seconds: float = 15.0
    connect_seconds: float = 5.0
    response_bytes: int = 65536
    connections: int = 100
    per_host: int = 8

    @classmethod
    def from_settings(cls, settings: Settings) -> Limits:
        """Read the limits from this room's settings."""
        return cls(
            settings.get(TIMEOUT),
            settings.get(CONNECT_TIMEOUT),
            settings.get(RESPONSE_BYTES),
            settings.get(CONNECTIONS),
            settings.get(PER_HOST),
        )


class Sender:
    """Sends requests through the guard over connections that it keeps and reuses.

    Goes past proxies that the environment names, follows no redirect, sends no cookie, decompresses
    nothing. Use it as an async context: leaving it closes its connections. ``resolver`` and ``tls``
    replace the system's resolver and trusted authorities.
    """

    def __init__(
        self,
        guard: Guard,
        limits: Limits | None = None,
        *,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._guard = guard
        self._limits = limits or Limits()
        self._turns = Turns(self._limits.per_host)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or trusted(),
            max_connections=self._limits.connections,
            max_keepalive_connections=self._limits.connections,
            keepalive_expiry=_KEEP_OPEN,
            network_backend=GuardedNetwork(guard, resolver or SystemResolver()),
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Sender:
        """Make a sender as this room's settings describe it; raises ``WrongUse`` where one is wrong."""
        ca_file = settings.get(CA_FILE)
        try:
            tls = trusted(str(ca_file) if ca_file else None)
        except (OSError, ssl.SSLError):
            raise WrongUse(
                f"{CA_FILE.name}: {ca_file} cannot be read as certificates.", hint="Name a file in PEM form."
            ) from None
        return cls(Guard.from_settings(settings), Limits.from_settings(settings), tls=tls)

    @property
    def guard(self) -> Guard:
        """The guard that every connection passes."""
        return self._guard

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.aclose()

    async def send(self, outbound: Outbound) -> Reply:
        """Send a request and return the answer, of whatever status but a redirect.

        Raises ``Blocked`` and ``NotSendable`` (not worth a retry: nothing was sent and the same again
        ends the same), ``Busy`` (nothing was sent), and ``Unreachable``, ``TimedOut`` and
        ``Redirected`` (the request may have arrived). Waiting for a turn at a busy host is not part
        of the request's own time, and is limited to as much again.
        """
        destination = self._guard.destination(outbound.url)
        request = self._request(outbound, destination)
        seconds = (
            self._limits.timeout_seconds if outbound.timeout_seconds is None else outbound.timeout_seconds
        )
        try:
            async with self._turns.turn(destination.shown, seconds):
                return await self._send_in_time(request, outbound, destination, seconds)
        except TimeoutError:  # the turn's own: the request's is told as TimedOut
            raise Busy(
                f"{destination.shown} was busy with earlier requests for {seconds:g} s.",
                hint="It answers too slowly; try again later.",
            ) from None

    async def _send_in_time(
        self, request: httpcore.Request, outbound: Outbound, destination: Destination, seconds: float
    ) -> Reply:
        request.extensions["timeout"] = {"connect": min(self._limits.connect_seconds, seconds)}
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(request, outbound, destination)
        except (TimeoutError, httpcore.TimeoutException):
            raise TimedOut(
                f"{destination.shown} did not answer within {seconds:g} s.",
                hint="Check that it is up; an answer should come before the work that it confirms.",
            ) from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise Unreachable(
                f"{destination.shown} did not answer: {_told(error)}.",
                hint="Check that it is up and speaks HTTP over the URL's scheme.",
            ) from error

    def _request(self, outbound: Outbound, destination: Destination) -> httpcore.Request:
        if outbound.method not in _METHODS:
            raise NotSendable(
                "The method is not one that is sent.", hint=f"Use {', '.join(sorted(_METHODS))}."
            )
        headers = {"User-Agent": f"Holdfast/{__version__}", "Accept": "*/*"}
        for name, value in outbound.headers.items():
            if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
                raise NotSendable("A header holds a character that none may hold.", hint="Correct it.")
            if name.lower() in _OURS:
                raise NotSendable(
                    f"The header {name} cannot be set.", hint="Leave it out: it is set as needed."
                )
            headers = {kept: said for kept, said in headers.items() if kept.lower() != name.lower()}
            headers[name] = value
        if outbound.body or outbound.method in ("POST", "PUT", "PATCH"):
            headers["Content-Length"] = str(len(outbound.body))
        return httpcore.Request(
            outbound.method,
            httpcore.URL(
                scheme=destination.scheme.encode(),
                host=destination.host.encode(),
                port=destination.port,
                target=destination.target.encode(),
            ),
            headers=[
                (b"Host", destination.host_header.encode()),
                *((name.encode(), value.encode("latin-1")) for name, value in headers.items()),
            ],
            content=outbound.body,
            extensions={},
        )

    async def _exchange(
        self, request: httpcore.Request, outbound: Outbound, destination: Destination
    ) -> Reply:
        began = time.perf_counter()
        response = await self._pool.handle_async_request(request)
        try:
            if response.status < 200:
                raise Unreachable(
                    f"{destination.shown} answered {response.status} and no more.",
                    hint="It must answer with a final status.",
                )
            if 300 <= response.status < 400:
                raise Redirected(
                    f"{destination.shown} answered {response.status}: redirects are not followed.",
                    hint="Give the URL that answers by itself.",
                    status=response.status,
                )
            limit = (
                self._limits.response_bytes
                if outbound.max_response_bytes is None
                else outbound.max_response_bytes
            )
            body, truncated = await _read_start(response, limit)
        finally:
            await response.aclose()
        return Reply(
            response.status,
            _joined(response.headers),
            body,
            round((time.perf_counter() - began) * 1000),
            truncated,
        )


def trusted(ca_file: str | None = None) -> ssl.SSLContext:
    """Return what TLS trusts: httpx's bundle of authorities, the system's, and those of ``ca_file`` (PEM).

    Raises ``OSError`` (also ``ssl.SSLError``) where the file cannot be read.
    """
    context = httpx.create_ssl_context()
    context.load_default_certs()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


async def _read_start(response: httpcore.Response, limit: int) -> tuple[bytes, bool]:
    start = bytearray()
    stream = cast("AsyncGenerator[bytes, None]", response.aiter_stream())
    async with aclosing(stream):
        async for chunk in stream:
            room = limit - len(start)
            start += chunk[:room]
            if len(chunk) > room:
                return bytes(start), True
    return bytes(start), False


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _told(error: Exception) -> str:
    """Say what went wrong in our own words: the library's may repeat bytes that the other side sent."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and isinstance(
        cause, Exception
    ):
        causes.append(cause)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "it does not speak TLS as it should"
    if isinstance(error, httpcore.ConnectError):
        return "no connection could be made"
    if isinstance(error, httpcore.NetworkError) or "disconnected" in str(error):
        return "the connection broke"
    return "what came back is not HTTP, or its headers are too long"
