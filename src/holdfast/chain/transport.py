"""One node's HTTP connections: POST a body, get an answer of a bounded size, stop at once.

Blocking, for use in threads. ``close`` may be called from another thread: it shuts the sockets, so
that a thread that waits for an answer wakes and fails; nothing waits for a slow node at the end.
The node's address is the operator's own choice: it may be private, and is not behind the guard of
requests that users cause. Redirects are not followed; proxies from the environment are not used.
"""

from __future__ import annotations

import base64
import socket
import ssl
import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import httpcore

from holdfast.chain.errors import NodeNonsense, NodeUnreachable, TooMuch
from holdfast.errors import WrongUse

CONNECT_SECONDS = 3.0
READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status, headers by lower-case name, and the body, decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Connections to one URL, shared by threads."""

    def __init__(self, url: str, *, timeout: float, connections: int, max_response_bytes: int) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise WrongUse(
                "The RPC URL is neither http(s)://HOST... nor recording:FILE.",
                hint="A node's HTTP endpoint is meant, not its WebSocket.",
            )
        self._target = urlunsplit(
            (parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, "")
        )
        self._headers: dict[bytes | str, bytes | str] = {
            "Content-Type": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "holdfast",
        }
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
        self._max_response_bytes = max_response_bytes
        self._timeouts = {"connect": CONNECT_SECONDS, "read": timeout, "write": timeout, "pool": timeout}
        self._sockets = _Sockets()
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context() if parts.scheme == "https" else None,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30,
            network_backend=_Backend(self._sockets),
        )

    def post(self, body: bytes) -> Answer:
        """Send a body and return the answer.

        Raises ``NodeUnreachable`` without an answer in time, ``TooMuch`` when the answer is larger
        than allowed, ``NodeNonsense`` when it is not what HTTP says.
        """
        try:
            with self._pool.stream(
                "POST",
                self._target,
                headers=self._headers,
                content=body,
                extensions={"timeout": self._timeouts},
            ) as response:
                headers = {
                    name.decode("latin-1").lower(): value.decode("latin-1")
                    for name, value in response.headers
                }
                packed = headers.get("content-encoding", "").lower() == "gzip"
                content = self._read(response.iter_stream(), packed=packed)
                return Answer(response.status, headers, content)
        except httpcore.TimeoutException as error:
            raise NodeUnreachable("The node did not answer in time.", hint="Is it overloaded?") from error
        except (httpcore.ProtocolError, zlib.error) as error:
            raise NodeNonsense(f"The node's HTTP answer is broken: {error}.") from error
        except (httpcore.NetworkError, OSError) as error:
            raise NodeUnreachable(f"The node cannot be reached: {error}.", hint="Is it running?") from error

    def close(self) -> None:
        """End every connection; threads that wait on one fail at once."""
        self._sockets.shut()
        self._pool.close()

    def _read(self, chunks: Iterable[bytes], *, packed: bool) -> bytes:
        unpack = zlib.decompressobj(wbits=31) if packed else None
        content = bytearray()
        for chunk in chunks:
            room = self._max_response_bytes - len(content) + 1
            content += unpack.decompress(chunk, room) if unpack else chunk
            if len(content) > self._max_response_bytes:
                raise TooMuch(f"The node's answer is larger than {self._max_response_bytes} bytes.")
        if unpack and not unpack.eof:
            raise NodeNonsense("The node's compressed answer ends early.")
        return bytes(content)


class _Sockets:
    """The open sockets of a transport, so that another thread can shut them."""

    def __init__(self) -> None:
        self._open: set[_Stream] = set()
        self._lock = threading.Lock()
        self._shut = False

    def add(self, stream: _Stream) -> None:
        with self._lock:
            if not self._shut:
                self._open.add(stream)
                return
        stream.shut()

    def remove(self, stream: _Stream) -> None:
        with self._lock:
            self._open.discard(stream)

    def shut(self) -> None:
        with self._lock:
            self._shut = True
            streams = list(self._open)
        for stream in streams:
            stream.shut()


class _Stream(httpcore.NetworkStream):
    """A network stream that its transport can shut while another thread reads it."""

    def __init__(self, inner: httpcore.NetworkStream, sockets: _Sockets) -> None:
        self._inner = inner
        self._sockets = sockets
        sockets.add(self)

    def shut(self) -> None:
        raw = self._inner.get_extra_info("socket")
        try:
            # The class's own method: an SSLSocket's would first try to say goodbye in TLS.
            socket.socket.shutdown(raw, socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        # Whatever has come at once: every read waits for its turn among Python's threads.
        return self._inner.read(max(max_bytes, READ_BYTES), timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._sockets.remove(self)
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._inner.start_tls(ssl_context, server_hostname, timeout)
        self._sockets.remove(self)
        return _Stream(secured, self._sockets)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Opens streams that their transport knows."""

    def __init__(self, sockets: _Sockets) -> None:
        self._inner = httpcore.SyncBackend()
        self._sockets = sockets

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(
            self._inner.connect_tcp(host, port, timeout, local_address, socket_options), self._sockets
        )

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)
