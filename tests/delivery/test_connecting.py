"""What is checked is what is connected to, and names stay what TLS and HTTP say."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from holdfast.delivery.allowlist import AllowList
from holdfast.delivery.errors import Blocked, TimedOut, Unreachable
from holdfast.delivery.guard import Guard
from holdfast.delivery.network import GuardedNetwork
from holdfast.delivery.resolver import SystemResolver
from holdfast.delivery.sender import Limits, Outbound, Sender, trusted
from holdfast.settings import Settings
from tests.delivery.servers import Exchange, Names, fine, listening, serving
from tests.fixtures.waiting import until

LOOPBACK = Guard(AllowList.read(["127.0.0.1"]))


async def test_a_name_that_answers_otherwise_the_second_time_changes_nothing() -> None:
    names = Names({"rebind.example": [["127.0.0.1"], ["127.0.0.2"]]})
    async with (
        serving(fine) as outside,
        serving(fine, host="127.0.0.2", port=outside.port) as inside,
        Sender(LOOPBACK, resolver=names) as sender,
    ):
        assert (await sender.send(Outbound("POST", outside.url("rebind.example")))).ok
        assert names.lookups == ["rebind.example"]
        assert (outside.connections, inside.connections) == (1, 0)


async def test_a_name_that_is_bound_anew_is_checked_anew() -> None:
    async def once(exchange: Exchange) -> None:
        await exchange.reply(Connection="close")

    names = Names({"rebind.example": [["127.0.0.1"], ["127.0.0.2"]]})
    async with (
        serving(once) as outside,
        serving(fine, host="127.0.0.2", port=outside.port) as inside,
        Sender(LOOPBACK, resolver=names) as sender,
    ):
        assert (await sender.send(Outbound("POST", outside.url("rebind.example")))).ok
        with pytest.raises(Blocked):
            await sender.send(Outbound("POST", outside.url("rebind.example")))
        assert inside.connections == 0


@pytest.mark.parametrize(
    "resolved",
    [
        ["127.0.0.1", "10.0.0.1"],
        ["10.0.0.1", "127.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["::1"],
        ["169.254.169.254"],
    ],
)
async def test_nothing_is_connected_where_any_address_is_refused(resolved: Sequence[str]) -> None:
    async with serving(fine) as server, Sender(LOOPBACK, resolver=Names({"a.example": [resolved]})) as sender:
        with pytest.raises(Blocked):
            await sender.send(Outbound("POST", server.url("a.example")))
    assert server.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433"])  # noqa: S104  a target here
async def test_the_guard_as_it_comes_lets_nothing_into_this_machine(host: str) -> None:
    async with serving(fine) as server, Sender(Guard()) as sender:
        with pytest.raises(Blocked):
            await sender.send(Outbound("POST", server.url(host)))
    assert server.connections == 0


async def test_the_next_address_is_tried_where_one_does_not_answer_but_not_all_of_many() -> None:
    guard = Guard(AllowList.read(["127.0.0.0/8"]))
    others = [f"127.0.0.{number}" for number in range(2, 30)]
    names = Names({"some.example": [[*others[:3], "127.0.0.1"]], "many.example": [[*others, "127.0.0.1"]]})
    async with serving(fine) as server, Sender(guard, resolver=names) as sender:
        assert (await sender.send(Outbound("POST", server.url("some.example")))).ok
        with pytest.raises(Unreachable):
            await sender.send(Outbound("POST", server.url("many.example")))


async def test_a_lookup_that_hangs_ends_at_the_connection_s_limit() -> None:
    async def hang(host: str, port: int, /) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with Sender(LOOPBACK, Limits(timeout_seconds=30, connect_seconds=0.1), resolver=hang) as sender:
        began = time.monotonic()
        with pytest.raises(TimedOut):
            await sender.send(Outbound("POST", "http://hangs.example/"))
        assert time.monotonic() - began < 5


async def test_a_connection_that_hangs_ends_at_its_limit() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with (
        listening(silent) as server,
        Sender(LOOPBACK, Limits(timeout_seconds=30, connect_seconds=0.2)) as sender,
    ):
        with pytest.raises(TimedOut):  # it accepts the connection and never the TLS handshake
            await sender.send(Outbound("POST", server.url(scheme="https")))
        await until(lambda: server.open == 0)


async def test_a_request_that_is_cancelled_in_its_tls_handshake_leaves_no_connection() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as server, Sender(LOOPBACK) as sender:
        task = asyncio.create_task(sender.send(Outbound("POST", server.url(scheme="https"))))
        await until(lambda: server.open == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: server.open == 0)


async def test_no_local_socket_is_opened() -> None:
    pool = httpcore.AsyncConnectionPool(
        uds="/var/run/docker.sock", network_backend=GuardedNetwork(LOOPBACK, Names({}))
    )
    async with pool:
        with pytest.raises(Blocked):
            await pool.request("GET", "http://127.0.0.1/")


async def test_the_system_s_resolver_finds_names_and_says_where_there_is_none() -> None:
    resolver = SystemResolver()
    assert set(await resolver("localhost", 80)) <= {"127.0.0.1", "::1"}
    assert await resolver("127.0.0.1", 80) == ["127.0.0.1"]
    with pytest.raises(Unreachable, match="does not resolve"):
        await resolver("a..b", 80)


def test_a_lookup_that_hangs_does_not_hold_the_process_up() -> None:
    script = """
import asyncio, socket, time
socket.getaddrinfo = lambda *a, **k: time.sleep(60)
from holdfast.delivery.resolver import SystemResolver
async def main():
    resolver = SystemResolver(lookups=1)
    for _ in range(2):
        try:
            await asyncio.wait_for(resolver("hangs.example", 80), 0.1)
        except TimeoutError:
            print("given up")
asyncio.run(main())
"""
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert ran.stdout == "given up\ngiven up\n"
    assert time.monotonic() - began < 20


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    cert_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert_file, key_file


async def test_tls_is_checked_for_the_name_while_the_connection_goes_to_the_address(tmp_path: Path) -> None:
    cert_file, key_file = certificate(tmp_path, "hooks.example")
    asked: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert_file, key_file)
    tls.sni_callback = lambda _, name, __: asked.append(name)
    names = Names({"hooks.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]})
    async with (
        serving(fine, tls=tls) as server,
        Sender(LOOPBACK, resolver=names, tls=trusted(str(cert_file))) as trusting,
        Sender(LOOPBACK, resolver=names) as wary,
    ):
        assert (await trusting.send(Outbound("POST", server.url("hooks.example", "https")))).ok
        assert asked == ["hooks.example"]
        assert server.requests[0].headers["host"] == f"hooks.example:{server.port}"
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            await trusting.send(Outbound("POST", server.url("other.example", "https")))
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            await wary.send(Outbound("POST", server.url("hooks.example", "https")))
        with pytest.raises(Unreachable):
            await trusting.send(Outbound("POST", server.url("hooks.example", "http")))
        await until(lambda: server.open == 1)
    assert len(server.requests) == 1


async def test_tls_to_what_speaks_none_is_unreachable() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        await reader.read()

    async with listening(plain) as server, Sender(LOOPBACK) as sender:
        with pytest.raises(Unreachable, match="TLS"):
            await sender.send(Outbound("POST", server.url(scheme="https")))


async def test_an_authority_of_one_s_own_is_trusted_by_a_setting(tmp_path: Path) -> None:
    cert_file, key_file = certificate(tmp_path, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert_file, key_file)
    settings = Settings({"HOLDFAST_OUTBOUND_CA_FILE": str(cert_file), "HOLDFAST_OUTBOUND_ALLOW": "localhost"})
    async with serving(fine, tls=tls) as server, Sender.from_settings(settings) as sender:
        assert (await sender.send(Outbound("POST", server.url("localhost", "https")))).ok
