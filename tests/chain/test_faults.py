"""A node that answers wrongly, late, too little or not at all: nothing wrong is stored, nothing is lost."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from holdfast.chain.chains import Chain
from holdfast.chain.errors import (
    NodeBusy,
    NodeNonsense,
    NodeRefused,
    NodeTrouble,
    NodeUnreachable,
    OtherChain,
)
from holdfast.chain.follower import Follower
from holdfast.chain.rpc import retry_after
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from tests.chain.listening import Listening, canonical, watch
from tests.chain.stepping import PACE, Told, following, to_end
from tests.fixtures.anvil import CHAIN_ID, Anvil, free_port, running_anvil
from tests.fixtures.faulty_node import Call, FaultyNode, error, faulty_node

QUICK = Settings({"HOLDFAST_CHAIN_TIMEOUT": "2s"})


@dataclass
class Stage:
    """A node with events, a faulty node in front of it, and where it is followed to."""

    node: Anvil
    faulty: FaultyNode
    contract: str
    database: Database
    told: Told

    @property
    def chain(self) -> Chain:
        return Chain(CHAIN_ID, "", self.faulty.url + "/secret-key-1234", 0, None, True)

    async def whole(self) -> None:
        """Check that everything that the node has was stored."""
        assert await canonical(self.database) == self.node.logs(self.contract)


@pytest.fixture(params=["1", "32"], ids=["by ranges", "by headers"])
def node(request: pytest.FixtureRequest) -> Iterator[Anvil]:
    with running_anvil("--slots-in-an-epoch", request.param) as running:
        yield running


@pytest.fixture
async def stage(fresh_database: Database, listening: Listening, node: Anvil) -> AsyncIterator[Stage]:
    contract = node.deploy()
    for first in range(6):
        node.receipt(node.feedback(contract, 3 * first, 3))
        node.mine(1)
    await watch(fresh_database, CHAIN_ID, contract)
    with faulty_node(node.url) as faulty:
        yield Stage(node, faulty, contract, fresh_database, Told())


async def step_until_trouble(follower: Follower) -> NodeTrouble:
    with pytest.raises(NodeTrouble) as caught:
        await to_end(follower, seconds=10)
    return caught.value


async def test_a_node_that_says_how_long_to_wait_is_given_that_time(
    stage: Stage, listening: Listening
) -> None:
    stage.faulty.times(2, (429, {"Retry-After": "1"}, b"slow down"))
    began = time.monotonic()
    async with following(stage.database, stage.chain, listening) as follower:
        await to_end(follower)
    assert time.monotonic() - began >= 2
    await stage.whole()


@pytest.mark.parametrize(
    "answer",
    [(503, {}, b""), (500, {}, b"oops"), (502, {"Retry-After": "0"}, b"<html>"), (429, {}, b"{}")],
    ids=["503", "500", "502", "429"],
)
async def test_a_node_that_fails_for_a_moment_is_asked_again(
    stage: Stage, listening: Listening, answer: tuple[int, dict[str, str], bytes]
) -> None:
    async with following(stage.database, stage.chain, listening) as follower:
        stage.faulty.times(2, answer)
        await to_end(follower)
    await stage.whole()


async def test_a_rate_limit_said_in_json_is_waited_for(stage: Stage, listening: Listening) -> None:
    left = [2]

    def limited(call: Call, answer: Call) -> Call:
        if call["method"] == "eth_getLogs" and left[0]:
            left[0] -= 1
            return error(call, "Your app has exceeded its compute units per second capacity", 429)
        return answer

    stage.faulty.change = limited
    async with following(stage.database, stage.chain, listening) as follower:
        await to_end(follower)
    await stage.whole()
    assert left == [0]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [(b'[{"jsonrpc":"2.0","id":1,"resu', "not JSON"), (b"<html></html>", "not JSON"), (b"[]", "answered 0")],
)
async def test_broken_json_stores_nothing_and_following_goes_on(
    stage: Stage, listening: Listening, body: bytes, complaint: str
) -> None:
    stage.faulty.times(1, (200, {}, body), method="eth_getLogs")
    async with following(stage.database, stage.chain, listening) as follower:
        trouble = await step_until_trouble(follower)
        assert isinstance(trouble, NodeNonsense)
        assert complaint in trouble.message
        assert await canonical(stage.database) == []
        await to_end(follower)
    await stage.whole()


async def test_a_node_of_another_chain_is_never_read(stage: Stage, listening: Listening) -> None:
    def other(call: Call, answer: Call) -> Call:
        return {**answer, "result": "0x1"} if call["method"] == "eth_chainId" else answer

    stage.faulty.change = other
    async with following(stage.database, stage.chain, listening) as follower:
        trouble = await step_until_trouble(follower)
        assert isinstance(trouble, OtherChain)
        assert "serves chain 1, not chain 31337" in trouble.message
        assert "eth_getLogs" not in stage.faulty.methods()
        assert await canonical(stage.database) == []
        stage.faulty.change = lambda _call, answer: answer
        await to_end(follower)
        await stage.whole()
        # It changes while it is followed: what comes then is not read either.
        stage.node.receipt(stage.node.feedback(stage.contract, 500, 1))
        before = await canonical(stage.database)
        stage.faulty.change = other
        assert isinstance(await step_until_trouble(follower), OtherChain)
        assert await canonical(stage.database) == before


async def test_a_lagging_node_retracts_nothing(stage: Stage, listening: Listening) -> None:
    pace = replace(PACE, patience=0.0)
    async with following(stage.database, stage.chain, listening, told=stage.told, pace=pace) as follower:
        await to_end(follower)
        head = stage.node.head()
        behind = stage.node.block(head - 4)

        def lagging(call: Call, answer: Call) -> Call:
            if call["method"] == "eth_getBlockByNumber" and call["params"][0] == "latest":
                return {**answer, "result": behind}
            if call["method"] == "eth_getBlockByNumber" and call["params"][0] == "finalized":
                return {**answer, "result": stage.node.block(0)}
            return answer

        stage.faulty.change = lagging
        for _ in range(5):
            assert await follower.step() > 0
        await stage.whole()
        assert len(stage.told.named("chain.lagging")) == 1
        assert not stage.told.named("chain.reorganised")
        async with stage.database.connection() as connection:
            row: Any = await (
                await connection.execute("SELECT state, message FROM holdfast.chain_states")
            ).fetchone()
        assert row["state"] == "lagging"
        assert str(head - 4) in row["message"]
        stage.faulty.change = lambda _call, answer: answer
        stage.node.receipt(stage.node.feedback(stage.contract, 77, 1))
        await to_end(follower)
    await stage.whole()


REFUSALS = [
    ("query returned more than 10000 results", -32005),
    ("exceed maximum block range: 3", -32000),
    ("eth_getLogs is limited to a 3 range", -32600),
    ("Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range", -32602),
    ("query timeout exceeded", -32000),
]


@pytest.mark.parametrize(("message", "code"), REFUSALS)
async def test_a_refused_range_is_halved_until_it_is_answered(
    fresh_database: Database, listening: Listening, message: str, code: int
) -> None:
    with running_anvil("--slots-in-an-epoch", "1") as node:
        contract = node.deploy()
        for first in range(10):
            node.receipt(node.feedback(contract, 3 * first, 3))
            node.mine(2)
        await watch(fresh_database, CHAIN_ID, contract)
        with faulty_node(node.url) as faulty:

            def refuse(call: Call, answer: Call) -> Call:
                if call["method"] == "eth_getLogs" and "fromBlock" in call["params"][0]:
                    asked = call["params"][0]
                    if int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) >= 3:
                        return error(call, message, code)
                return answer

            faulty.change = refuse
            chain = Chain(CHAIN_ID, "", faulty.url, 0, None, True)
            async with following(fresh_database, chain, listening) as follower:
                await to_end(follower)
            assert await canonical(fresh_database) == node.logs(contract)
            refused = [
                call
                for call in faulty.calls
                if call["method"] == "eth_getLogs"
                and "fromBlock" in call["params"][0]
                and int(call["params"][0]["toBlock"], 16) - int(call["params"][0]["fromBlock"], 16) >= 3
            ]
            assert len(refused) < 12  # what was learned is remembered


@pytest.mark.parametrize("status", [413, 504])
async def test_a_range_that_http_refuses_is_halved_too(
    fresh_database: Database, listening: Listening, status: int
) -> None:
    with running_anvil("--slots-in-an-epoch", "1") as node:
        contract = node.deploy()
        for first in range(10):
            node.receipt(node.feedback(contract, 3 * first, 3))
        await watch(fresh_database, CHAIN_ID, contract)
        with faulty_node(node.url) as faulty:

            def refuse(calls: list[Call]) -> tuple[int, dict[str, str], bytes] | None:
                for call in calls:
                    asked = call["params"][0] if call["method"] == "eth_getLogs" else {}
                    if "fromBlock" in asked and int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) >= 2:
                        return status, {}, b""
                return None

            faulty.intercept = refuse
            chain = Chain(CHAIN_ID, "", faulty.url, 0, None, True)
            async with following(fresh_database, chain, listening) as follower:
                await to_end(follower)
        assert await canonical(fresh_database) == node.logs(contract)


async def test_an_answer_too_large_is_not_read_whole(stage: Stage, listening: Listening) -> None:
    small = Settings({"HOLDFAST_CHAIN_MAX_RESPONSE_BYTES": "16000"})
    async with following(stage.database, stage.chain, listening, settings=small) as follower:
        await to_end(follower)
    await stage.whole()


async def test_block_times_are_asked_for_where_logs_come_without(stage: Stage, listening: Listening) -> None:
    def without(call: Call, answer: Call) -> Call:
        if call["method"] == "eth_getLogs":
            for log in answer["result"]:
                del log["blockTimestamp"]
        return answer

    stage.faulty.change = without
    async with following(stage.database, stage.chain, listening) as follower:
        await to_end(follower)
    await stage.whole()
    async with stage.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT DISTINCT block_number, extract(epoch FROM block_time)::bigint AS seconds"
            " FROM public.heard"
        )
        for row in await cursor.fetchall():
            assert int(stage.node.block(row["block_number"])["timestamp"], 16) == row["seconds"]


def nonsense(name: str, stage: Stage, call: Call, answer: Call) -> Call:
    """Return a wrong answer to a call, of the kind that is named."""
    if call["method"] == "eth_getLogs":
        if not answer.get("result"):
            return answer
        log = answer["result"][0]
        changes: dict[str, dict[str, Any]] = {
            "address": {"address": "0x" + "77" * 20},
            "block hash": {"blockHash": "0x" + "77" * 32},
            "tab in a hash": {"transactionHash": "0x" + "77" * 31 + "\t7"},
            "long hash": {"transactionHash": "0x" + "77" * 33},
            "topic": {"topics": ["0x1234"]},
            "number": {"blockNumber": "0x1_0"},
            "log index": {"logIndex": "-0x1"},
            "data": {"data": "0xzz"},
            "removed": {"removed": True},
            "type": {"topics": "0x"},
        }
        if name in changes:
            return {**answer, "result": [{**log, **changes[name]}, *answer["result"][1:]]}
        if name == "twice":
            return {**answer, "result": [log, *answer["result"]]}
        if name == "no list":
            return {**answer, "result": {"logs": []}}
    if call["method"] == "eth_getBlockByNumber" and isinstance(answer.get("result"), dict):
        block = answer["result"]
        if name == "time":
            return {**answer, "result": {**block, "timestamp": "0xffffffffffff"}}
        if name == "another block" and call["params"][0] not in ("latest", "finalized"):
            return {**answer, "result": {**block, "number": hex(int(block["number"], 16) + 1)}}
        if name == "no hash":
            return {**answer, "result": {**block, "hash": None}}
    return {**answer, "id": 99} if name == "id" else answer


@pytest.mark.parametrize(
    "name",
    [
        "address",
        "block hash",
        "tab in a hash",
        "long hash",
        "topic",
        "number",
        "log index",
        "data",
        "removed",
        "type",
        "twice",
        "no list",
        "time",
        "another block",
        "no hash",
        "id",
    ],
)
async def test_nonsense_is_noticed_and_nothing_of_it_stored(
    stage: Stage, listening: Listening, name: str
) -> None:
    stage.faulty.change = lambda call, answer: nonsense(name, stage, call, answer)
    async with following(stage.database, stage.chain, listening) as follower:
        trouble = await step_until_trouble(follower)
        assert isinstance(trouble, NodeNonsense), trouble
        assert await canonical(stage.database) == []
        async with stage.database.connection() as connection:
            row: Any = await (
                await connection.execute("SELECT count(*) AS count FROM holdfast.quarantine")
            ).fetchone()
        assert row["count"] == 0
        stage.faulty.change = lambda _call, answer: answer
        await to_end(follower)
    await stage.whole()


async def test_a_node_that_takes_no_batches_is_asked_singly(stage: Stage, listening: Listening) -> None:
    def intercept(calls: list[Call]) -> tuple[int, dict[str, str], bytes] | None:
        if len(calls) > 1:
            refusal = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches"}}
            return 200, {}, json.dumps(refusal).encode()
        return None

    stage.faulty.intercept = intercept
    async with following(stage.database, stage.chain, listening) as follower:
        await to_end(follower)
    await stage.whole()


async def test_a_node_without_the_finalized_tag_counts_confirmations(
    stage: Stage, listening: Listening
) -> None:
    def untagged(call: Call, answer: Call) -> Call:
        return error(call, "unknown block tag") if "finalized" in call["params"] else answer

    stage.faulty.change = untagged
    chain = replace(stage.chain, confirmations=3)
    async with following(stage.database, chain, listening) as follower:
        await to_end(follower)
    await stage.whole()
    ranges = [call["params"][0] for call in stage.faulty.calls if call["method"] == "eth_getLogs"]
    last_by_range = max(int(asked["toBlock"], 16) for asked in ranges if "toBlock" in asked)
    assert last_by_range == stage.node.head() - 3
    assert sum("blockHash" in asked for asked in ranges) == 3


async def test_catching_up_takes_few_requests(fresh_database: Database, listening: Listening) -> None:
    """1,000 blocks above finality: headers and logs in batches, not one after the other."""
    with running_anvil("--slots-in-an-epoch", "2000") as node:
        contract = node.deploy()
        node.mine(1000)
        node.receipt(node.feedback(contract, 0, 3))
        await watch(fresh_database, CHAIN_ID, contract)
        with faulty_node(node.url) as faulty:
            chain = Chain(CHAIN_ID, "", faulty.url, 0, None, True)
            async with following(fresh_database, chain, listening) as follower:
                await to_end(follower)
            assert await canonical(fresh_database) == node.logs(contract)
            assert len(faulty.calls) > 2000
            assert faulty.requests < 45


async def test_an_unreachable_node_is_told_without_its_key(
    fresh_database: Database, listening: Listening
) -> None:
    await watch(fresh_database, CHAIN_ID, "0x" + "11" * 20)
    url = f"http://user:pass-word@127.0.0.1:{free_port()}/secret-key-1234"
    chain = Chain(CHAIN_ID, "", url, 0, None, True)
    async with following(fresh_database, chain, listening, settings=QUICK) as follower:
        with pytest.raises(NodeUnreachable) as caught:
            await follower.step()
    assert "secret-key" not in str(caught.value)
    assert "secret-key" not in repr(chain)
    assert "pass-word" not in repr(chain)


async def test_what_a_node_repeats_of_its_url_is_not_shown(stage: Stage, listening: Listening) -> None:
    def rude(call: Call, answer: Call) -> Call:
        return error(call, f"no such project: /secret-key-1234 at {stage.faulty.url}/secret-key-1234")

    stage.faulty.change = rude
    async with following(stage.database, stage.chain, listening) as follower:
        trouble = await step_until_trouble(follower)
    assert isinstance(trouble, NodeRefused)
    assert "no such project" in trouble.message
    assert "secret-key" not in str(trouble)


async def test_a_node_that_stays_busy_is_left_alone_after_a_few_tries(
    stage: Stage, listening: Listening
) -> None:
    stage.faulty.intercept = lambda _calls: (429, {"Retry-After": "0"}, b"")
    async with following(stage.database, stage.chain, listening) as follower:
        trouble = await step_until_trouble(follower)
    assert isinstance(trouble, NodeBusy)
    assert trouble.seconds == 0
    assert stage.faulty.requests == 5


def test_retry_after_is_read_in_both_forms() -> None:
    assert retry_after("7") == 7
    soon = datetime.now(tz=UTC) + timedelta(seconds=90)
    assert 85 < (retry_after(format_datetime(soon, usegmt=True)) or 0) <= 90
    assert retry_after("Thu, 01 Jan 1970 00:00:00 GMT") == 0
    assert retry_after("99999999999") == 3600
    assert retry_after("soon") is None
    assert retry_after(None) is None
