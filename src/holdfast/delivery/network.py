"""Connections that pass the guard: the one place where a request's socket is opened."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from holdfast.delivery.errors import Blocked, TimedOut
from holdfast.delivery.guard import Guard
from holdfast.delivery.resolver import Resolver

_MOST_ADDRESSES = 4  # a name with hundreds of addresses must not become a scan of them

_Option = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Resolves a host, has every address checked, and connects to a checked one by its number.

    The host's name stays what TLS and the Host header say.
    """

    def __init__(self, guard: Guard, resolver: Resolver) -> None:
        self._guard = guard
        self._resolver = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_Option] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect within ``timeout`` seconds, lookup included; raises ``Blocked`` or ``TimedOut``."""
        try:
            async with asyncio.timeout(timeout):
                resolved = await self._resolver(host, port)
                addresses = self._guard.admit(host, port, resolved)[:_MOST_ADDRESSES]
                return _Stream(await self._connect_first(list(map(str, addresses)), port, timeout))
        except TimeoutError:
            raise TimedOut(
                f"{host} port {port} did not accept a connection within {timeout or 0:g} s.",
                hint="Check that it is up and reachable from here.",
                host=host,
                port=port,
            ) from None

    async def _connect_first(
        self, addresses: list[str], port: int, timeout: float | None
    ) -> httpcore.AsyncNetworkStream:
        share = None if timeout is None else timeout / len(addresses)
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(address, port, timeout=share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(addresses[-1], port)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[_Option] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: nothing that leaves the house goes to a socket of this machine."""
        raise Blocked("A request may not go to a local socket.", hint="Give a URL.")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that is closed when its TLS handshake is cut off: the pool does not know it yet."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except asyncio.CancelledError:
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
