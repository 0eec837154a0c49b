"""What is shown of chains: on the command line, over HTTP, and to who waits for the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from holdfast.chain.chains import add_chain
from holdfast.chain.commands import chains
from holdfast.chain.masking import is_near, masked, without_secrets
from holdfast.chain.standing import pending, totals
from holdfast.postgres.database import Database
from tests.fixtures.anvil import CHAIN_ID, Anvil
from tests.fixtures.api import Api, api  # noqa: F401  a fixture

URL = "https://user:pass@rpc.example.org:8443/v2/key-123456?token=abcdefgh"


def test_urls_are_masked() -> None:
    assert masked(URL) == "https://rpc.example.org:8443/***"
    assert masked("http://127.0.0.1:8545") == "http://127.0.0.1:8545"
    assert masked("http://[::1]:8545/") == "http://[::1]:8545"
    assert masked("https://key-123456@rpc.example.org") == "https://rpc.example.org/***"
    assert masked("recording:/some/file.gz") == "recording:/some/file.gz"
    assert without_secrets(f"cannot POST {URL} (key-123456, abcdefgh)", URL) == "cannot POST *** (***, ***)"


def test_nodes_nearby_are_told_by_their_address() -> None:
    near = [
        "http://127.0.0.1:8545",
        "http://[::1]:8545",
        "http://localhost",
        "http://10.1.2.3",
        "http://geth:8545",
    ]
    assert all(is_near(url) for url in near)
    assert not any(is_near(url) for url in ("https://rpc.example.org/key", "http://8.8.8.8"))


def run(conninfo: str, *arguments: str) -> Any:
    result = CliRunner(env={"DATABASE_URL": conninfo}).invoke(
        chains, [*arguments, "--json"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_chains_are_added_listed_paused_and_removed_by_command(
    fresh_conninfo: str, anvil: Anvil, recording: Path, tmp_path: Path
) -> None:
    added = run(fresh_conninfo, "add", "--rpc-url", f"{anvil.url}/?key=key-123456", "--start-block", "3")
    assert added == {"chain_id": CHAIN_ID, "rpc_url": f"{anvil.url}/***", "start_block": 3}
    run(
        fresh_conninfo,
        "add",
        "--rpc-url",
        "http://127.0.0.1:1/key-123456",
        "--chain-id",
        "5",
        "--name",
        "five",
    )
    listed = run(fresh_conninfo, "list")
    assert [(row["chain_id"], row["name"], row["state"]) for row in listed] == [
        (5, "five", "not followed yet"),
        (CHAIN_ID, "", "not followed yet"),
    ]
    assert "key-123456" not in json.dumps(listed)
    run(fresh_conninfo, "pause", "5")
    assert run(fresh_conninfo, "list")[0]["state"] == "paused"
    run(fresh_conninfo, "resume", "5")
    run(fresh_conninfo, "remove", str(CHAIN_ID))
    run(fresh_conninfo, "add", "--rpc-url", f"recording:{recording}")
    assert [row["rpc_url"] for row in run(fresh_conninfo, "list")] == [
        "http://127.0.0.1:1/***",
        f"recording:{recording}",
    ]


def test_a_node_of_another_chain_is_not_added(fresh_conninfo: str, anvil: Anvil) -> None:
    runner = CliRunner(env={"DATABASE_URL": fresh_conninfo})
    result = runner.invoke(chains, ["add", "--rpc-url", anvil.url, "--chain-id", "1"])
    assert result.exception is not None
    assert f"serves chain {CHAIN_ID}, not 1" in str(result.exception) + result.output


async def test_chains_are_shown_to_who_is_signed_in(api: Api) -> None:  # noqa: F811  the fixture
    anonymous = await api.anonymous()
    assert (await anonymous.get("/chains")).status_code == 401
    async with api.database.transaction() as connection:
        await add_chain(connection, rpc_url=URL, chain_id=1, name="mainnet")
    client = await api.client("ada")
    [shown] = (await client.get("/chains")).json()["chains"]
    assert shown["chain_id"] == 1
    assert shown["rpc_url"] == "https://rpc.example.org:8443/***"
    assert shown["state"] == "not followed yet"
    assert shown["last_block_number"] is None


async def test_chains_not_begun_are_pending_and_paused_ones_are_not(fresh_database: Database) -> None:
    async with fresh_database.transaction() as connection:
        assert await pending(connection) == 0
        assert dict(await totals(connection)) == {"blocks_observed": 0, "reorganisations": 0}
        await add_chain(connection, rpc_url=URL, chain_id=1)
        begun = await pending(connection)
        assert begun > 0
        await connection.execute("UPDATE holdfast.chains SET enabled = false")
        assert await pending(connection) == 0
