"""Serving on real sockets: begins on a free port, ends in time whatever is open."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse

from holdfast.errors import Conflict, WrongUse
from holdfast.web.server import serve

app = FastAPI()


@app.get("/hello")
async def hello(request: Request) -> dict[str, str | None]:
    return {"client": request.client.host if request.client else None}


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        yield "data: first\n\n"
        await asyncio.Event().wait()

    return StreamingResponse(events(), media_type="text/event-stream")


@app.get("/never")
async def never(request: Request) -> None:
    request.app.state.reached.set()
    await asyncio.Event().wait()


@app.get("/stubborn")
async def stubborn(request: Request) -> str:
    request.app.state.reached.set()
    deadline = time.monotonic() + 1.2
    while time.monotonic() < deadline:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            continue
    return "done at last"


def not_ready(port: int) -> None:
    pytest.fail(f"it serves on {port}")


@dataclass
class Running:
    port: int
    stop: asyncio.Event
    task: asyncio.Task[None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def running(port: int = 0) -> AsyncIterator[Running]:
    stop = asyncio.Event()
    app.state.reached = asyncio.Event()
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(app, host="127.0.0.1", port=port, stop=stop, ready=ready.set_result))
    began: list[asyncio.Future[Any]] = [task, ready]
    await asyncio.wait(began, return_when=asyncio.FIRST_COMPLETED, timeout=10)
    if task.done():
        task.result()
    try:
        yield Running(await ready, stop, task)
    finally:
        stop.set()
        await asyncio.wait_for(task, 5)


async def test_it_serves_once_it_says_so_and_stops_when_told() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with running() as server, httpx.AsyncClient() as client:
        response = await client.get(f"{server.url}/hello", headers={"X-Forwarded-For": "8.8.8.8"})
        assert response.json() == {"client": "127.0.0.1"}, "a client cannot say who it is"
        assert "server" not in response.headers
        assert signal.getsignal(signal.SIGTERM) is before
        began = time.monotonic()
        server.stop.set()
        await asyncio.wait_for(server.task, 5)
        assert time.monotonic() - began < 3
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{server.url}/hello")


async def test_an_open_stream_is_ended_cleanly_and_does_not_block_the_end() -> None:
    async with running() as server, httpx.AsyncClient() as client:
        async with client.stream("GET", f"{server.url}/stream") as response:
            chunks = response.aiter_text()
            assert await anext(chunks) == "data: first\n\n"
            began = time.monotonic()
            server.stop.set()
            assert [chunk async for chunk in chunks] == []  # a broken connection would raise
        await asyncio.wait_for(server.task, 5)
        assert time.monotonic() - began < 3


async def test_a_request_that_cannot_be_answered_any_more_is_told_so() -> None:
    async with running() as server, httpx.AsyncClient(timeout=10) as client:
        asking = asyncio.create_task(client.get(f"{server.url}/never"))
        await asyncio.wait_for(app.state.reached.wait(), 10)
        server.stop.set()
        response = await asking
        assert response.status_code == 503
        assert response.json()["code"] == "stopping"
        assert "retry-after" in response.headers


async def test_a_route_that_will_not_end_is_left_behind() -> None:
    async with running() as server, httpx.AsyncClient(timeout=10) as client:
        asking = asyncio.create_task(client.get(f"{server.url}/stubborn"))
        await asyncio.wait_for(app.state.reached.wait(), 10)
        began = time.monotonic()
        server.stop.set()
        await asyncio.wait_for(server.task, 5)
        assert time.monotonic() - began < 4
        await asyncio.wait([asking])
        asking.exception()


async def test_a_port_in_use_is_told_with_a_way_out() -> None:
    async with running() as server:
        with pytest.raises(Conflict) as caught:
            await serve(app, host="127.0.0.1", port=server.port, stop=asyncio.Event(), ready=not_ready)
        assert str(server.port) in caught.value.message
        assert "--port" in caught.value.hint


async def test_a_port_that_was_just_left_is_taken_again() -> None:
    async with running() as first, httpx.AsyncClient() as client:
        await client.get(f"{first.url}/hello")
        first.stop.set()
        await first.task
        async with running(first.port) as second:
            assert (await client.get(f"{second.url}/hello")).status_code == 200


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 70000), ("no.such.host.invalid", 0), ("192.0.2.1", 0), ("a" * 300, 0)]
)
async def test_an_address_that_is_not_this_machines_is_refused(host: str, port: int) -> None:
    with pytest.raises(WrongUse) as caught:
        await serve(app, host=host, port=port, stop=asyncio.Event(), ready=not_ready)
    assert "HOLDFAST_API" in caught.value.hint


async def test_cancelling_it_leaves_no_socket_behind() -> None:
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(app, host="127.0.0.1", port=0, stop=asyncio.Event(), ready=ready.set_result)
    )
    port = await asyncio.wait_for(ready, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) != 0:
                return
        await asyncio.sleep(0.05)
    pytest.fail("something still listens")
