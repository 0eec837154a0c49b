"""Serves the application on a port until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Generator

import uvicorn
from starlette.types import ASGIApp

from holdfast.errors import Conflict, WrongUse
from holdfast.web.endings import Endings

_MOMENT = 0.5  # seconds that answers have to end by themselves once the service stops
_GRACE = 2  # seconds after which uvicorn drops what is still open; whole seconds are what it takes


class _Server(uvicorn.Server):
    """uvicorn without handlers of signals, since the service has its own, that tells when it serves."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


async def serve(
    app: ASGIApp, *, host: str, port: int, stop: asyncio.Event, ready: Callable[[int], None]
) -> None:
    """Serve until ``stop`` is set; ``ready`` is called with the port once requests are accepted.

    A port of 0 picks a free one. After ``stop`` no request is accepted, open ones have half a second to
    end by themselves, and all is over within 3 s. Raises ``Conflict`` where something listens on the port
    already, ``WrongUse`` where the address or port cannot be this machine's.
    """
    endings = Endings(app)
    with contextlib.closing(_listen(host, port)) as listener:
        config = uvicorn.Config(
            endings,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=_GRACE,
        )
        actual_port = listener.getsockname()[1]
        server = _Server(config, lambda: ready(actual_port))
        stopping = asyncio.create_task(_stop(server, endings, stop), name="stop-serving")
        try:
            await server.serve(sockets=[listener])
        finally:
            stopping.cancel()
            await asyncio.wait([stopping])


async def _stop(server: uvicorn.Server, endings: Endings, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
    await asyncio.sleep(_MOMENT)
    while True:  # a request may have begun on a connection that was open already
        endings.cut_off()
        await asyncio.sleep(0.1)


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:  # the resolver would wrap it around silently
        raise WrongUse(f"{port} is not a port.", hint="Choose one of 0 to 65535 for HOLDFAST_API_PORT.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise WrongUse(
            f"The API cannot listen on {host} port {port}: no such address.",
            hint="Correct HOLDFAST_API_HOST.",
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(
            socket.SOMAXCONN
        )  # asyncio listens again with its own backlog; a taken port shows here
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error) from error
    return listener


def _cannot_listen(host: str, port: int, error: OSError) -> Conflict | WrongUse:
    if error.errno == errno.EADDRINUSE:
        return Conflict(
            f"Something listens on {host} port {port} already.",
            hint="Choose another port with --port or HOLDFAST_API_PORT; 0 picks a free one.",
        )
    if error.errno == errno.EACCES:
        return WrongUse(
            f"Port {port} takes rights that this process does not have.", hint="Choose one of 1024 or more."
        )
    return WrongUse(
        f"The API cannot listen on {host} port {port}: {error.strerror}.",
        hint="Correct HOLDFAST_API_HOST: it must be an address of this machine.",
    )
