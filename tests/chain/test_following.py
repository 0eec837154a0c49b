"""The worker: every chain by itself, by one process only, started and stopped as the list says."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from holdfast.chain.chains import add_chain, enable_chain, remove_chain
from holdfast.chain.errors import ChainExists
from holdfast.chain.following import follow_for
from holdfast.chain.recording import read_header
from holdfast.chain.standing import standings
from holdfast.chain.subscription import Subscription
from holdfast.errors import NotFound, WrongUse
from holdfast.postgres.database import Database
from holdfast.postgres.leases import try_acquire
from holdfast.queue.work import WorkContext
from holdfast.settings import Settings
from tests.chain.listening import Listening, canonical, watch
from tests.chain.stepping import Told, until
from tests.fixtures.anvil import CHAIN_ID, Anvil, free_port

SETTINGS = Settings({"HOLDFAST_CHAIN_POLL": "10ms"})


@asynccontextmanager
async def worker(
    database: Database,
    *subscriptions: Subscription,
    told: Told | None = None,
    name: str = "one",
    sole: bool = False,
) -> AsyncIterator[WorkContext]:
    """Run the worker; stop it at the end, within two seconds."""
    context = WorkContext(database, SETTINGS, name, asyncio.Event(), told or Told(), sole)
    task = asyncio.create_task(follow_for(context, list(subscriptions)))
    try:
        yield context
        assert not task.done()
    finally:
        context.stop.set()
        began = time.monotonic()
        await task
    assert time.monotonic() - began < 2


async def standing(database: Database, chain_id: int) -> Any:
    async with database.connection() as connection:
        return next(found for found in await standings(connection) if found.chain_id == chain_id)


async def is_at_end(database: Database, chain_id: int) -> bool:
    return bool((await standing(database, chain_id)).at_end)


async def is_in(database: Database, chain_id: int, state: str) -> bool:
    return bool((await standing(database, chain_id)).shown_state == state)


async def add(database: Database, **chain: Any) -> None:
    async with database.transaction() as connection:
        await add_chain(connection, **chain)


@contextmanager
def silent_node() -> Iterator[str]:
    """A server that takes connections and questions, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for one in held:
            one.close()


async def register_recording(database: Database, recording: Path) -> None:
    header = read_header(recording)
    await watch(database, 31337, *(header[name] for name in ("identity", "reputation", "validation")))
    await add(database, rpc_url=f"recording:{recording}")


async def test_a_chain_in_trouble_holds_up_no_other(
    fresh_database: Database, listening: Listening, recording: Path, expected: dict[str, Any]
) -> None:
    await register_recording(fresh_database, recording)
    await add(fresh_database, rpc_url=f"http://127.0.0.1:{free_port()}/key-123456", chain_id=5)
    await watch(fresh_database, 5, "0x" + "11" * 20)
    told = Told()
    async with worker(fresh_database, listening, told=told):
        await until(lambda: is_at_end(fresh_database, 31337), "the recording is through")
        await until(lambda: is_in(fresh_database, 5, "failing"), "the other chain is said to fail")
    assert await canonical(fresh_database) == expected["canonical"]
    shown = await standing(fresh_database, 5)
    assert "cannot be reached" in shown.message
    assert "key-123456" not in str(shown.as_json())
    assert shown.retry_at is not None
    assert len(told.named("chain.failing")) == 1


async def test_a_node_that_never_answers_does_not_hold_up_the_end(
    fresh_database: Database, listening: Listening
) -> None:
    with silent_node() as url:
        await add(fresh_database, rpc_url=url, chain_id=5)
        await watch(fresh_database, 5, "0x" + "11" * 20)
        async with worker(fresh_database, listening):
            await asyncio.sleep(0.5)  # long enough to hang in the first question


async def test_chains_are_taken_up_paused_and_resumed_as_the_list_says(
    fresh_database: Database, listening: Listening, anvil: Anvil
) -> None:
    contract = await asyncio.to_thread(anvil.deploy)
    await watch(fresh_database, CHAIN_ID, contract)

    async def whole() -> bool:
        return await canonical(fresh_database) == await asyncio.to_thread(anvil.logs, contract)

    async with worker(fresh_database, listening):
        await asyncio.to_thread(anvil.receipt, anvil.feedback(contract, 0, 2))
        await add(fresh_database, rpc_url=anvil.url, chain_id=CHAIN_ID)
        await until(whole, "the chain is followed once it is on the list", 5)
        async with fresh_database.transaction() as connection:
            await enable_chain(connection, CHAIN_ID, enabled=False)
        await until(lambda: is_released(fresh_database), "the chain is let go when it is paused", 5)
        await asyncio.to_thread(anvil.receipt, anvil.feedback(contract, 10, 2))
        await asyncio.sleep(0.3)
        assert len(await canonical(fresh_database)) == 2
        assert await is_in(fresh_database, CHAIN_ID, "paused")
        async with fresh_database.transaction() as connection:
            await enable_chain(connection, CHAIN_ID, enabled=True)
        await until(whole, "the chain goes on when it is resumed", 5)
        async with fresh_database.transaction() as connection:
            await remove_chain(connection, CHAIN_ID)
        await until(lambda: is_released(fresh_database), "the chain is let go when it is removed", 5)
    assert len(await canonical(fresh_database)) == 4
    await add(fresh_database, rpc_url=anvil.url, chain_id=CHAIN_ID)
    anvil.receipt(anvil.feedback(contract, 20, 1))
    async with worker(fresh_database, listening):
        await until(whole, "a chain that is added again goes on where it stood", 5)


async def is_released(database: Database) -> bool:
    async with database.connection() as connection:
        row: Any = await (
            await connection.execute("SELECT count(*) AS held FROM holdfast.leases WHERE expires_at > now()")
        ).fetchone()
    return bool(row["held"] == 0)


async def test_two_processes_never_follow_the_same(
    fresh_database: Database, listening: Listening, anvil: Anvil
) -> None:
    contract = await asyncio.to_thread(anvil.deploy)
    await watch(fresh_database, CHAIN_ID, contract)
    await add(fresh_database, rpc_url=anvil.url, chain_id=CHAIN_ID)
    told = {"one": Told(), "two": Told()}
    async with (
        worker(fresh_database, listening, told=told["one"], name="one"),
        worker(fresh_database, listening, told=told["two"], name="two"),
    ):
        for first in range(5):
            await asyncio.to_thread(anvil.receipt, anvil.feedback(contract, first, 1))

        async def whole() -> bool:
            return await canonical(fresh_database) == await asyncio.to_thread(anvil.logs, contract)

        await until(whole, "the events are stored")
        assert [name for name in told if told[name].named("chain.caught_up")] != ["one", "two"]
        assert not any(told[name].named("chain.failing") for name in told)


async def test_what_a_killed_process_held_is_taken_over_at_once_by_the_sole_one(
    fresh_database: Database, listening: Listening, recording: Path
) -> None:
    await register_recording(fresh_database, recording)
    assert await try_acquire(fresh_database, "follow:listening:31337", "killed", 3600) is not None
    async with worker(fresh_database, listening, sole=True):
        await until(lambda: is_at_end(fresh_database, 31337), "the recording is through", 20)


async def test_two_subscriptions_follow_one_chain_each_with_its_own_checkpoint(
    fresh_database: Database, listening: Listening, recording: Path, expected: dict[str, Any]
) -> None:
    other = Listening("other")
    await register_recording(fresh_database, recording)
    async with worker(fresh_database, listening, other):

        async def ended() -> bool:
            async with fresh_database.connection() as connection:
                found = {one.subscription: one.at_end for one in await standings(connection)}
            return bool(found.get("listening") and found.get("other"))

        await until(ended, "both are through")
    for name in ("listening", "other"):
        assert await canonical(fresh_database, name) == expected["canonical"]


async def test_a_subscription_that_fails_is_told_and_tried_again(
    fresh_database: Database, listening: Listening, recording: Path, expected: dict[str, Any]
) -> None:
    await register_recording(fresh_database, recording)
    listening.fail_before_commit = True
    async with worker(fresh_database, listening):
        await until(lambda: is_in(fresh_database, 31337, "failing"), "it is said to fail")
        assert await canonical(fresh_database) == []
        listening.fail_before_commit = False
        await until(lambda: is_at_end(fresh_database, 31337), "the recording is through")
    assert await canonical(fresh_database) == expected["canonical"]


@pytest.mark.parametrize(
    "chain",
    [
        {"rpc_url": "ws://127.0.0.1:8545", "chain_id": 1},
        {"rpc_url": "http://127.0.0.1:8545"},
        {"rpc_url": "http://127.0.0.1:8545", "chain_id": 0},
        {"rpc_url": "http://127.0.0.1:8545", "chain_id": 1, "start_block": -1},
        {"rpc_url": "http://127.0.0.1:8545", "chain_id": 1, "confirmations": -1},
    ],
)
async def test_a_chain_that_means_nothing_is_refused(fresh_database: Database, chain: dict[str, Any]) -> None:
    with pytest.raises(WrongUse):
        await add(fresh_database, **chain)


async def test_a_chain_is_added_once(fresh_database: Database, recording: Path) -> None:
    await add(fresh_database, rpc_url=f"recording:{recording}")
    await add(fresh_database, rpc_url=f"recording:{recording}", exists_ok=True)
    with pytest.raises(ChainExists, match="31337 is there already"):
        await add(fresh_database, rpc_url="http://127.0.0.1:1/key-123456", chain_id=31337)
    with pytest.raises(WrongUse, match="one of chain 31337"):
        await add(fresh_database, rpc_url=f"recording:{recording}", chain_id=1)
    async with fresh_database.transaction() as connection:
        with pytest.raises(NotFound):
            await remove_chain(connection, 77)
        with pytest.raises(NotFound):
            await enable_chain(connection, 77, enabled=True)
