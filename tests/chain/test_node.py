"""Following a real node: by ranges, by headers, and through reorganisations of any depth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from holdfast.chain.chains import Chain
from holdfast.chain.follower import Follower
from holdfast.chain.ledger import rewind
from holdfast.chain.standing import totals
from holdfast.postgres.database import Database
from tests.chain.listening import Listening, canonical, watch
from tests.chain.stepping import PACE, Told, following, to_end
from tests.fixtures.anvil import CHAIN_ID, Anvil, running_anvil


def chain_at(url: str, *, start_block: int = 0) -> Chain:
    return Chain(CHAIN_ID, "", url, start_block, None, True)


async def number(database: Database, query: str) -> int:
    async with database.connection() as connection:
        row = await (await connection.execute(query)).fetchone()
        assert row is not None
        return int(next(iter(row.values())))


async def emitter(database: Database, node: Anvil) -> str:
    """Deploy the emitter and watch it."""
    contract = await asyncio.to_thread(node.deploy)
    await watch(database, CHAIN_ID, contract)
    return contract


async def test_new_blocks_are_followed_by_header_and_read_by_hash(
    fresh_database: Database, listening: Listening, anvil: Anvil
) -> None:
    contract = await emitter(fresh_database, anvil)
    async with following(fresh_database, chain_at(anvil.url), listening) as follower:
        await to_end(follower)
        for first in range(0, 12, 4):
            anvil.receipt(anvil.feedback(contract, first, 4))
            await to_end(follower)
            assert await canonical(fresh_database) == anvil.logs(contract)
    assert len(await canonical(fresh_database)) == 12
    assert await number(fresh_database, "SELECT blocks_observed FROM holdfast.checkpoints") == 5
    assert await number(fresh_database, "SELECT count(*) FROM holdfast.blocks WHERE canonical") == 5


@pytest.mark.parametrize("depth", [1, 2, 3, 7, 20, 45])
async def test_a_reorganisation_of_any_depth_is_followed_down_and_up(
    fresh_database: Database, listening: Listening, anvil: Anvil, depth: int
) -> None:
    contract = await emitter(fresh_database, anvil)
    for first in range(0, 2 * depth, 2):
        anvil.receipt(anvil.feedback(contract, first, 2))
    anvil.mine(3)
    told = Told()
    async with following(fresh_database, chain_at(anvil.url), listening, told=told) as follower:
        await to_end(follower)
        before = await canonical(fresh_database)
        assert before == anvil.logs(contract)
        replacement = anvil.transaction(
            contract, "feedback(uint256,uint256,uint256,string)", 1000, 3, 5, "replaced", account=1
        )
        anvil.call("anvil_reorg", depth, [[replacement, depth - 1]])
        await to_end(follower)
        after = await canonical(fresh_database)
        assert after == anvil.logs(contract)
        assert after != before
        [reorganisation] = told.named("chain.reorganised")
        assert reorganisation["depth"] == depth
        anvil.receipt(anvil.feedback(contract, 5000, 1))
        await to_end(follower)
    assert await canonical(fresh_database) == anvil.logs(contract)
    async with fresh_database.connection() as connection:
        assert (await totals(connection))["reorganisations"] == 1


async def test_a_branch_that_comes_back_takes_its_rows_back(
    fresh_database: Database, listening: Listening, anvil: Anvil
) -> None:
    """One node drops two blocks and mines others; another node still has the first ones, and wins."""
    contract = await emitter(fresh_database, anvil)
    anvil.receipt(anvil.feedback(contract, 0, 2))
    fork = anvil.call("evm_snapshot")
    for first in (10, 20):
        anvil.receipt(anvil.feedback(contract, first, 2))
    async with following(fresh_database, chain_at(anvil.url), listening) as follower:
        await to_end(follower)
        branch = await canonical(fresh_database)
        with running_anvil("--slots-in-an-epoch", "32") as other:
            other.call("anvil_loadState", anvil.call("anvil_dumpState"))
            anvil.call("evm_revert", fork)
            for first in (100, 200, 300):
                anvil.receipt(anvil.feedback(contract, first, 1))
            await to_end(follower)
            assert await canonical(fresh_database) == anvil.logs(contract)
            other.mine(2)
            async with following(fresh_database, chain_at(other.url), listening) as second:
                await to_end(second)
    assert await canonical(fresh_database) == branch
    assert await number(fresh_database, "SELECT max(generation) FROM public.heard") == 1
    assert await number(fresh_database, "SELECT count(*) FROM public.heard WHERE generation = 1") == 4
    assert await number(fresh_database, "SELECT count(*) FROM public.heard") == len(branch) + 3


async def test_a_head_that_falls_back_on_its_own_branch_is_a_node_that_lags(
    fresh_database: Database, listening: Listening, anvil: Anvil
) -> None:
    contract = await emitter(fresh_database, anvil)
    for first in range(6):
        anvil.receipt(anvil.feedback(contract, first, 1))
    told = Told()
    pace = replace(PACE, patience=0.0)
    async with following(fresh_database, chain_at(anvil.url), listening, told=told, pace=pace) as follower:
        await to_end(follower)
        before = await canonical(fresh_database)
        anvil.call("anvil_rollback", 3)
        for _ in range(5):
            await follower.step()
        assert await canonical(fresh_database) == before
        assert told.named("chain.lagging")
        assert not told.named("chain.reorganised")
        # It goes on elsewhere: now it is a reorganisation.
        for first in range(100, 105):
            anvil.receipt(anvil.feedback(contract, first, 1))
        await to_end(follower)
    assert await canonical(fresh_database) == anvil.logs(contract)
    assert [details["depth"] for details in told.named("chain.reorganised")] == [3]


async def test_a_shorter_chain_of_another_branch_is_believed_when_it_stays(
    fresh_database: Database, listening: Listening, anvil: Anvil
) -> None:
    contract = await emitter(fresh_database, anvil)
    for first in range(8):
        anvil.receipt(anvil.feedback(contract, first, 1))
    told = Told()
    patient = replace(PACE, patience=3600.0)
    async with following(fresh_database, chain_at(anvil.url), listening, told=told, pace=patient) as follower:
        await to_end(follower)
        before = await canonical(fresh_database)
        anvil.call("anvil_rollback", 5)
        anvil.receipt(anvil.feedback(contract, 100, 1))
        for _ in range(5):
            await follower.step()
        assert await canonical(fresh_database) == before
        assert not told.named("chain.reorganised")
    hasty = replace(PACE, patience=0.0)
    async with following(fresh_database, chain_at(anvil.url), listening, told=told, pace=hasty) as follower:
        await to_end(follower)
    assert await canonical(fresh_database) == anvil.logs(contract)
    assert len(told.named("chain.reorganised")) == 1


@asynccontextmanager
async def final_chain(database: Database, blocks: int) -> AsyncIterator[tuple[Anvil, str]]:
    """A node on which blocks are final two behind the head, with events in every third block."""
    with running_anvil("--slots-in-an-epoch", "1") as node:
        contract = await emitter(database, node)
        for first in range(blocks // 3):
            node.receipt(node.feedback(contract, 5 * first, 5))
            node.mine(2)
        yield node, contract


async def test_final_history_is_read_by_ranges(fresh_database: Database, listening: Listening) -> None:
    async with final_chain(fresh_database, 60) as (node, contract):
        pace = replace(PACE, largest_range=7)
        async with following(fresh_database, chain_at(node.url), listening, pace=pace) as follower:
            await to_end(follower)
        assert await canonical(fresh_database) == node.logs(contract)
        head = node.head()
        assert await number(fresh_database, "SELECT last_block_number FROM holdfast.checkpoints") == head
        assert await number(fresh_database, "SELECT blocks_observed FROM holdfast.checkpoints") == head + 1
        # Blocks without logs that end no range are not kept below finality.
        assert await number(fresh_database, "SELECT count(*) FROM holdfast.blocks") < head - 10


async def test_a_chain_is_read_from_its_start_block(fresh_database: Database, listening: Listening) -> None:
    async with final_chain(fresh_database, 30) as (node, contract):
        start = node.head() - 12
        hashes = {node.block(at)["hash"] for at in range(start, node.head() + 1)}
        async with following(fresh_database, chain_at(node.url, start_block=start), listening) as follower:
            await to_end(follower)
        wanted = [log for log in node.logs(contract) if log[0] in hashes]
        assert wanted
        assert await canonical(fresh_database) == wanted
        assert await number(fresh_database, "SELECT min(number) FROM holdfast.blocks") >= start


async def test_even_final_history_that_changes_is_read_anew_from_the_common_ancestor(
    fresh_database: Database, listening: Listening
) -> None:
    """No node should do this; one that was restored from an older copy, or a test chain, does."""
    async with final_chain(fresh_database, 30) as (node, contract):
        told = Told()
        pace = replace(PACE, largest_range=5)
        async with following(fresh_database, chain_at(node.url), listening, told=told, pace=pace) as follower:
            await to_end(follower)
            node.call("anvil_rollback", 20)
            for first in range(12):
                node.receipt(node.feedback(contract, 900 + first, 2))
                node.mine(1)
            await to_end(follower)
            assert await canonical(fresh_database) == node.logs(contract)
        [reorganisation] = told.named("chain.reorganised")
        assert reorganisation["depth"] >= 20


async def test_another_chain_of_the_same_id_replaces_everything(
    fresh_database: Database, listening: Listening
) -> None:
    """A development node that was started anew: nothing is common."""
    with running_anvil("--timestamp", "1700000000") as node:
        contract = await emitter(fresh_database, node)
        node.receipt(node.feedback(contract, 0, 3))
        async with following(fresh_database, chain_at(node.url), listening) as follower:
            await to_end(follower)
        assert len(await canonical(fresh_database)) == 3
    with running_anvil("--timestamp", "1700009999") as node:
        assert node.deploy() == contract
        node.receipt(node.feedback(contract, 0, 2))
        node.mine(4)
        async with following(fresh_database, chain_at(node.url), listening) as follower:
            await to_end(follower)
        assert await canonical(fresh_database) == node.logs(contract)
    assert await number(fresh_database, "SELECT min(ancestor_number) FROM holdfast.reorganisations") == -1


async def test_a_contract_that_is_added_is_read_from_the_start_while_following_goes_on(
    fresh_database: Database, listening: Listening
) -> None:
    async with final_chain(fresh_database, 60) as (node, first_contract):
        other = node.deploy()
        for first in range(3):
            node.receipt(node.feedback(other, first, 2))
            node.receipt(node.feedback(first_contract, 700 + first, 2))
        pace = replace(PACE, largest_range=9)
        async with following(fresh_database, chain_at(node.url), listening, pace=pace) as follower:
            await to_end(follower)
            assert await canonical(fresh_database) == node.logs(first_contract)
            async with fresh_database.transaction() as connection:
                await connection.execute("INSERT INTO public.watched VALUES (%s, %s)", [CHAIN_ID, other])
                await rewind(connection, listening.name, CHAIN_ID)
            node.receipt(node.feedback(other, 90, 2))
            await until_replayed(fresh_database, follower)
        together = node.call(
            "eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest", "address": [first_contract, other]}
        )
        assert await canonical(fresh_database) == [
            [log["blockHash"], int(log["logIndex"], 16)] for log in together
        ]
        assert await number(fresh_database, "SELECT reorganisations FROM holdfast.checkpoints") == 0


async def until_replayed(database: Database, follower: Follower) -> None:
    for _ in range(1000):
        await follower.step()
        left = await number(
            database,
            "SELECT count(*) FROM holdfast.checkpoints WHERE replay_next IS NOT NULL OR last_block_number <"
            " (SELECT coalesce(max(head_number), 0) FROM holdfast.chain_states)",
        )
        if not left:
            await asyncio.sleep(1.05)  # the follower looks once a second at what is to be read again
            if not await follower.step():
                continue
            return
    raise AssertionError("the history was not read again")


async def test_unwatched_chains_cost_nothing(
    fresh_database: Database, listening: Listening, anvil: Anvil
) -> None:
    async with following(fresh_database, chain_at(anvil.url), listening) as follower:
        assert await follower.step() == 1.0
    assert await number(fresh_database, "SELECT count(*) FROM holdfast.blocks") == 0
    async with fresh_database.connection() as connection:
        row: Any = await (await connection.execute("SELECT state FROM holdfast.chain_states")).fetchone()
    assert row["state"] == "idle"
