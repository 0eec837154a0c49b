"""Requests over real connections: what arrives, what comes back, and how long it may take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from holdfast.delivery.allowlist import AllowList
from holdfast.delivery.errors import (
    Busy,
    DeliveryFailed,
    NotSendable,
    Redirected,
    TimedOut,
    Unreachable,
)
from holdfast.delivery.guard import Guard
from holdfast.delivery.sender import Limits, Outbound, Sender
from holdfast.errors import WrongUse
from holdfast.settings import Settings
from tests.delivery.servers import Exchange, LoopbackServer, fine, serving
from tests.fixtures.waiting import until


@asynccontextmanager
async def sending(limits: Limits | None = None) -> AsyncIterator[Sender]:
    async with Sender(Guard(AllowList.read(["127.0.0.0/8"])), limits) as sender:
        yield sender


async def closed(server: LoopbackServer) -> None:
    await until(lambda: server.open == 0)


async def test_a_request_arrives_as_it_was_given_and_its_answer_comes_back() -> None:
    async with serving(fine) as server, sending() as sender:
        reply = await sender.send(
            Outbound(
                "POST",
                server.url(path="/hook/ä?q=1&x=%2F#part"),
                {"Content-Type": "application/json", "X-One": "1", "user-agent": "mine"},
                b'{"a":1}',
            )
        )
    assert (reply.status, reply.ok, reply.body, reply.truncated) == (200, True, b"fine", False)
    assert reply.headers["content-length"] == "4"
    request = server.requests[0]
    assert request.line == "POST /hook/%C3%A4?q=1&x=%2F HTTP/1.1"
    assert request.body == b'{"a":1}'
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert request.headers["content-length"] == "7"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "mine"
    assert "accept-encoding" not in request.headers


async def test_an_answer_of_failure_is_an_answer() -> None:
    async def unwell(exchange: Exchange) -> None:
        await exchange.reply("503 Sorry", b"later", Retry_After="120")

    async with serving(unwell) as server, sending() as sender:
        reply = await sender.send(Outbound("POST", server.url()))
    assert (reply.status, reply.ok, reply.retry_after_seconds) == (503, False, 120.0)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "304 Same", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_a_failure_and_is_not_followed(status: str) -> None:
    async def elsewhere(exchange: Exchange) -> None:
        await exchange.reply(status, b"", Location=f"http://127.0.0.1:{exchange.headers['x-port']}/inside")

    async with serving(fine) as inside, serving(elsewhere) as server, sending() as sender:
        with pytest.raises(Redirected) as caught:
            await sender.send(Outbound("GET", server.url(), {"X-Port": str(inside.port)}))
    assert inside.connections == 0
    assert caught.value.details["status"] == int(status[:3])


async def test_slow_headers_end_at_the_deadline() -> None:
    async def slow(exchange: Exchange) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000:
            await exchange.send(bytes([byte]))
            await asyncio.sleep(0.02)

    async with serving(slow) as server, sending(Limits(timeout_seconds=0.3)) as sender:
        began = time.monotonic()
        with pytest.raises(TimedOut):
            await sender.send(Outbound("POST", server.url()))
        assert 0.25 < time.monotonic() - began < 3
        await closed(server)


async def test_a_body_that_drips_ends_at_the_deadline_of_the_request() -> None:
    async def drip(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await exchange.send(b"1\r\nx\r\n")
            await asyncio.sleep(0.02)

    async with serving(drip) as server, sending() as sender:
        with pytest.raises(TimedOut):
            await sender.send(Outbound("POST", server.url(), timeout_seconds=0.3))
        await closed(server)


async def test_informational_answers_without_end_end_at_the_deadline() -> None:
    async def hold_on(exchange: Exchange) -> None:
        while True:
            await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await asyncio.sleep(0.001)

    async with serving(hold_on) as server, sending(Limits(timeout_seconds=0.3)) as sender:
        with pytest.raises(TimedOut):
            await sender.send(Outbound("POST", server.url()))


async def test_of_a_body_without_end_only_the_start_is_read() -> None:
    sent = 0

    async def endless(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await exchange.send(b"x" * 65536)
            sent += 65536

    async with serving(endless) as server, sending(Limits(response_bytes=1000)) as sender:
        reply = await sender.send(Outbound("POST", server.url()))
        await closed(server)
    assert (reply.body, reply.truncated, reply.ok) == (b"x" * 1000, True, True)
    assert sent < 50_000_000


@pytest.mark.parametrize(("size", "truncated"), [(0, False), (999, False), (1000, False), (1001, True)])
async def test_a_body_is_whole_up_to_the_limit(size: int, truncated: bool) -> None:
    async def sized(exchange: Exchange) -> None:
        await exchange.reply(body=b"x" * size)

    async with serving(sized) as server, sending() as sender:
        reply = await sender.send(Outbound("GET", server.url(), max_response_bytes=1000))
    assert (len(reply.body), reply.truncated) == (min(size, 1000), truncated)


async def test_a_compressed_body_is_not_decompressed() -> None:
    async def bomb(exchange: Exchange) -> None:
        await exchange.reply(body=b"\x1f\x8b\x08", Content_Encoding="gzip")

    async with serving(bomb) as server, sending() as sender:
        assert (await sender.send(Outbound("GET", server.url()))).body == b"\x1f\x8b\x08"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Huge: " + b"a" * 2_000_000, id="huge header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X-Many: a\r\n" * 200_000, id="many headers"),
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", id="another protocol"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", id="two lengths"
        ),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", id="another protocol by 101"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x16", id="TLS to plain HTTP"),
    ],
)
async def test_what_is_no_answer_is_unreachable(raw: bytes) -> None:
    async def broken(exchange: Exchange) -> None:
        await exchange.send(raw)
        exchange.writer.write_eof()
        await exchange.reader.read()

    async with serving(broken) as server, sending(Limits(timeout_seconds=5)) as sender:
        with pytest.raises(Unreachable) as caught:
            await sender.send(Outbound("POST", server.url()))
        assert "OpenSSH" not in str(caught.value)
        await closed(server)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"]
)
async def test_a_connection_that_is_reset_is_unreachable(said: bytes) -> None:
    async def reset(exchange: Exchange) -> None:
        await exchange.send(said)
        transport = exchange.writer.transport
        transport.abort()
        raise ConnectionResetError

    async with serving(reset) as server, sending() as sender:
        with pytest.raises(Unreachable) as caught:
            await sender.send(Outbound("POST", server.url()))
    assert caught.value.retryable


async def test_a_closed_port_is_unreachable() -> None:
    async with serving(fine) as server:
        pass
    async with sending() as sender:
        with pytest.raises(Unreachable):
            await sender.send(Outbound("POST", server.url()))


async def test_a_connection_is_used_again_and_none_is_lost_to_timeouts() -> None:
    async def by_path(exchange: Exchange) -> None:
        if "slow" in exchange.line:
            await asyncio.sleep(30)
        await exchange.reply()

    async with serving(by_path) as server, sending(Limits(connections=2, per_host=2)) as sender:
        for _ in range(3):
            await sender.send(Outbound("GET", server.url()))
        assert server.connections == 1
        slow = [sender.send(Outbound("GET", server.url(path="/slow"), timeout_seconds=0.1)) for _ in range(6)]
        outcomes = await asyncio.gather(*slow, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} <= {TimedOut, Busy}
        for _ in range(3):
            assert (await sender.send(Outbound("GET", server.url(), timeout_seconds=5))).ok


async def test_a_connection_closed_meanwhile_is_not_used_again() -> None:
    async def once(exchange: Exchange) -> None:
        await exchange.reply()
        raise ConnectionResetError

    async with serving(once) as server, sending() as sender:
        for _ in range(5):
            assert (await sender.send(Outbound("POST", server.url()))).ok
            await closed(server)
    assert server.connections == 5


async def test_one_host_gets_no_more_than_its_share_and_leaves_others_theirs() -> None:
    under_way, most, release = 0, 0, asyncio.Event()

    async def held(exchange: Exchange) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await release.wait()
        under_way -= 1
        await exchange.reply()

    async with serving(held) as slow, serving(fine) as quick, sending(Limits(per_host=3)) as sender:
        waiting = [asyncio.create_task(sender.send(Outbound("GET", slow.url()))) for _ in range(10)]
        await until(lambda: under_way == 3)
        assert (await sender.send(Outbound("GET", quick.url()))).ok
        with pytest.raises(Busy):
            await sender.send(Outbound("GET", slow.url(), timeout_seconds=0.05))
        release.set()
        assert all(reply.ok for reply in await asyncio.gather(*waiting))
        assert len(sender._turns) == 0
    assert most == 3


async def test_cancelling_a_request_closes_its_connection() -> None:
    async def never(exchange: Exchange) -> None:
        await exchange.reader.read()
        raise ConnectionResetError

    async with serving(never) as server, sending() as sender:
        task = asyncio.create_task(sender.send(Outbound("GET", server.url())))
        await until(lambda: bool(server.requests))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await closed(server)


@pytest.mark.parametrize(
    "outbound",
    [
        Outbound("CONNECT", "http://127.0.0.1/"),
        Outbound("get", "http://127.0.0.1/"),
        Outbound("GET / HTTP/1.1\r\nX: ", "http://127.0.0.1/"),
        *(
            Outbound("GET", "http://127.0.0.1/", headers)
            for headers in (
                {"Host": "inside.example"},
                {"Content-Length": "3"},
                {"transfer-encoding": "chunked"},
                {"Connection": "upgrade"},
                {"Proxy-Authorization": "Basic x"},
                {"X-A": "b\r\nHost: inside"},
                {"X-A": "b\nc"},
                {"X-A": "b\x00"},
                {"X-A": "€"},
                {"X A": "b"},
                {"X-A:": "b"},
                {"": "b"},
            )
        ),
    ],
)
async def test_what_would_change_the_message_is_not_sendable(outbound: Outbound) -> None:
    async with sending() as sender:
        with pytest.raises(NotSendable) as caught:
            await sender.send(outbound)
    assert not caught.value.retryable


async def test_proxies_of_the_environment_are_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(fine) as proxy, serving(fine) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with sending() as sender:
            await sender.send(Outbound("GET", server.url()))
        assert (proxy.connections, server.connections) == (0, 1)


async def test_neither_errors_nor_values_show_what_may_be_secret() -> None:
    outbound = Outbound(
        "POST", "http://127.0.0.1:1/bot-s3cret?token=s3cret", {"Authorization": "s3cret"}, b"s3cret"
    )
    async with sending() as sender:
        with pytest.raises(DeliveryFailed) as caught:
            await sender.send(outbound)
    assert "s3cret" not in f"{outbound!r} {caught.value} {caught.value.details}"


def test_a_sender_is_made_from_settings_and_names_a_wrong_one() -> None:
    settings = Settings(
        {
            "HOLDFAST_DELIVERY_TIMEOUT": "2s",
            "HOLDFAST_DELIVERY_CONNECT_TIMEOUT": "1s",
            "HOLDFAST_DELIVERY_RESPONSE_BYTES": "10",
            "HOLDFAST_DELIVERY_CONNECTIONS": "3",
            "HOLDFAST_DELIVERY_PER_HOST": "2",
        }
    )
    assert Limits.from_settings(settings) == Limits(2.0, 1.0, 10, 3, 2)
    with pytest.raises(WrongUse, match="HOLDFAST_OUTBOUND_CA_FILE"):
        Sender.from_settings(Settings({"HOLDFAST_OUTBOUND_CA_FILE": "/nowhere/ca.pem"}))
