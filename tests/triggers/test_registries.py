"""Registries are named once, reading their history again where they are new."""

from __future__ import annotations

import pytest

from holdfast.errors import Conflict, HoldfastError, NotFound, WrongUse
from holdfast.postgres.database import Database
from holdfast.systems.triggers.registries.registries import (
    add_registries,
    list_registries,
    register_recording,
    remove_registry,
)
from tests.fixtures.commands import HoldfastCommands
from tests.triggers.chain import CHAIN_ID, IDENTITY, REPUTATION, Chain, feedback
from tests.triggers.conftest import Maker

MIXED = "0x8004A169FB4a3325136EB29fA0ceB6D2e539a432"


async def test_a_registry_that_is_new_has_the_history_read_again(
    fresh_database: Database, maker: Maker
) -> None:
    await maker.run(
        "INSERT INTO holdfast.checkpoints (subscription, chain_id, last_block_number, last_block_hash) "
        "VALUES ('triggers', 1, 500, '0xab')"
    )
    async with fresh_database.transaction() as connection:
        assert await add_registries(connection, 1, {"identity": MIXED}) == [("identity", MIXED.lower())]
    assert await maker.value("SELECT replay_until FROM holdfast.checkpoints") == 500
    await maker.run("UPDATE holdfast.checkpoints SET replay_next = NULL, replay_until = NULL")
    async with fresh_database.transaction() as connection:
        assert await add_registries(connection, 1, {"identity": MIXED.lower()}) == []
        assert [row["address"] for row in await list_registries(connection)] == [MIXED.lower()]
    assert await maker.value("SELECT replay_until FROM holdfast.checkpoints") is None


@pytest.mark.parametrize(
    ("chain_id", "addresses", "error"),
    [
        (0, {"identity": IDENTITY}, WrongUse),
        (1, {"identity": "0x12"}, WrongUse),
        (1, {"identity": "0x" + "g" * 40}, WrongUse),
        (1, {"identity": IDENTITY, "reputation": IDENTITY}, Conflict),
    ],
)
async def test_what_is_no_registry_is_refused(
    fresh_database: Database, chain_id: int, addresses: dict[str, str], error: type[HoldfastError]
) -> None:
    with pytest.raises(error):
        async with fresh_database.transaction() as connection:
            await add_registries(connection, chain_id, addresses)
    async with fresh_database.connection() as connection:
        assert await list_registries(connection) == []


async def test_removing_a_registry_keeps_its_events(chain: Chain, maker: Maker) -> None:
    await chain.add(feedback())
    async with chain.database.transaction() as connection:
        assert await remove_registry(connection, CHAIN_ID, REPUTATION) == "reputation"
        with pytest.raises(NotFound):
            await remove_registry(connection, CHAIN_ID, REPUTATION)
    assert await maker.value("SELECT count(*) FROM triggers.events") == 1


async def test_a_recordings_header_names_its_registries_once(fresh_database: Database) -> None:
    header = {"chain_id": 5, "identity": MIXED, "reputation": REPUTATION, "blocks_observed": 3}
    for _ in range(2):
        async with fresh_database.transaction() as connection:
            await register_recording(connection, header)
            found = [(row["chain_id"], row["registry"]) for row in await list_registries(connection)]
    assert found == [(5, "identity"), (5, "reputation")]


def test_the_commands_add_list_and_remove(holdfast: HoldfastCommands) -> None:
    added = holdfast.json("triggers", "registries", "add", "1", "--identity", MIXED)
    assert added == {"chain_id": 1, "added": [{"registry": "identity", "address": MIXED.lower()}]}
    (listed,) = holdfast.json("triggers", "registries", "list")
    assert (listed["chain_id"], listed["registry"], listed["address"]) == (1, "identity", MIXED.lower())
    nothing = holdfast.run("triggers", "registries", "add", "1")
    assert nothing.returncode == 2
    assert "--identity" in nothing.stderr
    assert holdfast.run("triggers", "registries", "remove", "1", MIXED).returncode == 2  # nobody to ask
    removed = holdfast.json("triggers", "registries", "remove", "1", MIXED, "--yes")
    assert removed["registry"] == "identity"
    assert holdfast.json("triggers", "registries", "list") == []
