"""Events are stored whole and exactly, never change, and are told on the seed's channel."""

from __future__ import annotations

import json
from decimal import Decimal

import psycopg
import pytest

from holdfast.postgres.database import Database
from holdfast.postgres.listener import Listener
from tests.triggers.chain import CHAIN_ID, CLIENT, Chain, feedback, registered
from tests.triggers.conftest import Maker

REFUSED = psycopg.errors.RestrictViolation


async def test_a_log_becomes_a_row_with_the_seeds_columns(chain: Chain, maker: Maker) -> None:
    await chain.add(
        feedback(agent_id=2**256 - 1, value=-(10**38), decimals=18, tag1="a\tb\\", index=7), number=9
    )
    (row,) = await maker.rows("SELECT * FROM triggers.events")
    assert row["id"] == f"{CHAIN_ID}-9-0"
    assert row["timestamp"] == int(row["block_time"].timestamp())
    assert row["agent_id"] == 2**256 - 1
    assert row["value"] == -(10**38)
    assert row["score"] == Decimal("-100000000000000000000")
    assert (row["tag1"], row["tag2"]) == ("a\tb\\", "")
    assert (row["client_address"], row["feedback_index"]) == (CLIENT, 7)
    assert (row["canonical"], row["generation"]) == (True, 0)
    assert row["owner"] is None


@pytest.mark.parametrize(
    "change",
    [
        "score = 1",
        "value = 1",
        "tag1 = tag1",
        "block_time = block_time + interval '1 year'",
        "created_at = now()",
    ],
)
async def test_no_column_of_an_event_can_be_changed(chain: Chain, maker: Maker, change: str) -> None:
    await chain.add(feedback())
    with pytest.raises((REFUSED, psycopg.errors.GeneratedAlways)):
        await maker.run(f"UPDATE triggers.events SET {change}")


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ("canonical = false", True),
        ("canonical = false, generation = generation + 1", False),
        ("generation = generation + 1", False),
        ("canonical = true", False),
    ],
)
async def test_only_the_canonical_flag_changes_and_only_as_a_reorganisation_does(
    chain: Chain, maker: Maker, change: str, allowed: bool
) -> None:
    await chain.add(feedback())
    if allowed:
        assert await maker.run(f"UPDATE triggers.events SET {change}") == 1
        assert (
            await maker.run("UPDATE triggers.events SET canonical = true, generation = generation + 1") == 1
        )
    else:
        with pytest.raises(REFUSED):
            await maker.run(f"UPDATE triggers.events SET {change}")


async def test_events_cannot_be_deleted_or_truncated(chain: Chain, maker: Maker) -> None:
    await chain.add(feedback())
    partition = await maker.value("SELECT tableoid::regclass::text FROM triggers.events")
    for statement in (
        "DELETE FROM triggers.events",
        f"DELETE FROM {partition}",
        "TRUNCATE triggers.events",
        f"TRUNCATE {partition}",
    ):
        with pytest.raises(REFUSED):
            await maker.run(statement)
    assert await maker.value("SELECT count(*) FROM triggers.events") == 1


async def test_two_canonical_rows_cannot_share_an_id(chain: Chain) -> None:
    await chain.add(feedback(), number=5)
    with pytest.raises(psycopg.errors.UniqueViolation):
        await chain.add(feedback(value=1), number=5)


async def test_a_replay_stores_only_what_is_missing(chain: Chain, maker: Maker) -> None:
    known = chain.block(1, [feedback()])
    await chain.store(known)
    new = chain.block(2, [feedback(), registered(1)])
    assert await chain.store(known, new, replay=True) == 2
    assert await chain.store(known, new, replay=True) == 0
    assert await maker.value("SELECT count(*) FROM triggers.events") == 3


async def test_one_notification_a_statement_tells_the_range(chain: Chain, database: Database) -> None:
    async with Listener(chain.database, ["new_event"]) as listener:
        await listener.wait(0)
        await chain.store(chain.block(3, [feedback()]), chain.block(5, [feedback(), registered(1)]))
        told = await listener.wait(10)
    assert [json.loads(notification.payload) for notification in told] == [
        {"chain_id": CHAIN_ID, "first_block": 3, "last_block": 5, "events": 3}
    ]


async def test_the_faces_show_the_platforms_tables_and_mask_the_hash(chain: Chain, maker: Maker) -> None:
    await maker.user("ada")
    (row,) = await maker.rows("SELECT * FROM triggers.users")
    assert (row["username"], row["password_hash"]) == ("ada", "********")
    await maker.run(
        "INSERT INTO holdfast.checkpoints (subscription, chain_id, last_block_number, last_block_hash) "
        "VALUES ('triggers', 31337, 12, '0xab'), ('another', 31337, 99, '0xcd')"
    )
    assert await maker.rows(
        "SELECT chain_id, last_block_number, last_block_hash FROM triggers.checkpoints"
    ) == [{"chain_id": 31337, "last_block_number": 12, "last_block_hash": "0xab"}]
