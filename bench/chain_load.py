"""A local node filled with ERC-8004 feedback, and the database that follows it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from eth_abi.abi import encode
from psycopg import sql
from psycopg.conninfo import make_conninfo

from holdfast.chain.signatures import keccak
from holdfast.migrate.engine import migrate_up
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.systems.triggers import SYSTEM
from holdfast.timeseries.partitions import ensure_partitions
from tests.fixtures.anvil import CHAIN_ID, Anvil

LOGS_A_TRANSACTION = 50
TRANSACTIONS_A_BLOCK = 10
AGENTS = 1_000
_FEEDBACK = "feedback(uint256,uint256,uint256,string)"


def fill(node: Anvil, logs: int) -> str:
    """Deploy the emitter, have it emit ``logs`` NewFeedback events in blocks of 500, return its address."""
    contract = node.deploy()
    account = node.accounts()[0]
    nonce = int(node.call("eth_getTransactionCount", account, "latest"), 16)
    node.call("evm_setAutomine", False)
    selector = keccak(_FEEDBACK.encode())[:10]
    a_block = LOGS_A_TRANSACTION * TRANSACTIONS_A_BLOCK
    for first in range(0, logs, a_block):
        calls = []
        for start in range(first, min(first + a_block, logs), LOGS_A_TRANSACTION):
            arguments = (start, min(LOGS_A_TRANSACTION, logs - start), AGENTS, "starred")
            data = selector + encode(["uint256", "uint256", "uint256", "string"], arguments).hex()
            transaction = {
                "from": account,
                "to": contract,
                "data": data,
                "gas": "0x3b9aca00",
                "nonce": hex(nonce),
            }
            calls.append(("eth_sendTransaction", (transaction,)))
            nonce += 1
        node.batch(calls)
        node.call("evm_mine")
        if sys.stderr.isatty():
            print(f"\r{first + a_block:,} logs mined", end="", file=sys.stderr)
    node.mine(4)  # the last blocks with logs become final
    return contract


def make_template(server: str) -> str:
    """Make a migrated database on the server, to be cloned for each run; return its name."""
    name = "bench_template"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    async def migrate() -> None:
        async with Database.open(make_conninfo(server, dbname=name), Settings({}), min_size=1) as database:
            await migrate_up(database)

    asyncio.run(migrate())
    return name


@contextmanager
def clone(server: str, template: str, name: str) -> Iterator[str]:
    """Clone the migrated database for one run; yield its conninfo and drop it at the end."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    try:
        yield make_conninfo(server, dbname=name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def register(conninfo: str, url: str, contract: str) -> None:
    """Add the node's chain, with the emitter as its reputation registry."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("INSERT INTO holdfast.chains (chain_id, rpc_url) VALUES (%s, %s)", (CHAIN_ID, url))
        connection.execute(
            "INSERT INTO triggers.registries (chain_id, address, registry) VALUES (%s, %s, 'reputation')",
            (CHAIN_ID, contract),
        )


def add_triggers(conninfo: str, count: int) -> None:
    """Add enabled triggers: feedback for one agent with a tag and a low score, and one action each."""
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            "INSERT INTO holdfast.users (id, username, email, password_hash)"
            " VALUES ('bench', 'bench', 'bench@example.org', 'none')"
        )
        connection.execute(
            "INSERT INTO triggers.triggers (id, user_id, name, chain_id, registry) SELECT"
            " 'bench-' || n, 'bench', 'bench ' || n, %s, 'reputation' FROM generate_series(0, %s) AS n",
            (CHAIN_ID, count - 1),
        )
        connection.execute(
            "INSERT INTO triggers.trigger_conditions (trigger_id, condition_type, field, operator, value)"
            " SELECT 'bench-' || n, kind, field, operator, coalesce(value, (n %% %s)::TEXT)"
            " FROM generate_series(0, %s) AS n,"
            " (VALUES ('agent_id_equals', 'agent_id', '=', NULL), ('tag_equals', 'tag1', '=', 'starred'),"
            " ('score_threshold', 'score', '<', '100')) AS given (kind, field, operator, value)",
            (AGENTS, count - 1),
        )
        connection.execute(
            "INSERT INTO triggers.trigger_actions (trigger_id, action_type, config)"
            " SELECT 'bench-' || n, 'rest', %s::jsonb FROM generate_series(0, %s) AS n",
            ('{"url": "http://127.0.0.1:9/"}', count - 1),
        )


def make_partitions(server: str, template: str, node: Anvil) -> None:
    """Make the partitions that the chain's blocks need in the template, so that every run finds them."""
    blocks = [node.block(0), node.block("latest")]
    first, last = (datetime.fromtimestamp(int(block["timestamp"], 16), UTC) for block in blocks)

    async def make() -> None:
        async with Database.open(
            make_conninfo(server, dbname=template), Settings({}), min_size=1
        ) as database:
            await ensure_partitions(database, SYSTEM.partitions[0], first, last)

    asyncio.run(make())


FOLLOW_ONCE = [sys.executable, str(Path(__file__).with_name("follow_once.py"))]
