"""From a node to the database: Holdfast, a plain script and a bare COPY, in turn, on the same chain.

Run: ``.venv/bin/python -m bench.node_to_database [LOGS]`` (anvil on the path or in HOLDFAST_TEST_ANVIL).
Holdfast follows with 1,000 enabled triggers and matches every event; the plain script does
eth_getLogs, eth-abi and COPY and nothing else; the bare COPY writes the rows that are decoded already.
All three write the same rows into the same table (``triggers.events``, with all its indexes).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
from eth_abi.abi import decode

from bench.chain_load import FOLLOW_ONCE, add_triggers, clone, fill, make_partitions, make_template, register
from bench.stages import print_stages
from holdfast.postgres.embedded.server import EmbeddedServer
from tests.fixtures.anvil import CHAIN_ID, running_anvil

ROUNDS = 5
TRIGGERS = 1_000
BLOCKS_A_RANGE = 40
COLUMNS = (
    "chain_id, block_number, block_hash, block_time, transaction_hash, log_index, address, registry,"
    " event_type, agent_id, client_address, feedback_index, value, value_decimals, tag1, tag2, endpoint,"
    " file_uri, file_hash"
)
TYPES = ["uint64", "int128", "uint8", "string", "string", "string", "string", "bytes32"]


def plain_rows(logs: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    """Decode NewFeedback logs with eth-abi."""
    for log in logs:
        index, value, decimals, tag1, tag2, endpoint, uri, digest = decode(
            TYPES, bytes.fromhex(log["data"][2:])
        )
        topics = log["topics"]
        yield (
            CHAIN_ID,
            int(log["blockNumber"], 16),
            log["blockHash"],
            datetime.fromtimestamp(int(log["blockTimestamp"], 16), UTC),
            log["transactionHash"],
            int(log["logIndex"], 16),
            log["address"],
            "reputation",
            "NewFeedback",
            int(topics[1], 16),
            "0x" + topics[2][-40:],
            index,
            value,
            decimals,
            tag1,
            tag2,
            endpoint,
            uri,
            "0x" + digest.hex(),
        )


def plain_script(url: str, contract: str, head: int, conninfo: str) -> float:
    """Read ranges one after the other, decode with eth-abi, COPY and commit; return the seconds."""
    began = time.perf_counter()
    with httpx.Client(timeout=60) as client, psycopg.connect(conninfo) as connection:
        for first in range(0, head + 1, BLOCKS_A_RANGE):
            span = {
                "fromBlock": hex(first),
                "toBlock": hex(min(first + BLOCKS_A_RANGE - 1, head)),
                "address": contract,
            }
            question = {"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [span]}
            logs = orjson.loads(client.post(url, json=question).content)["result"]
            with connection.cursor().copy(f"COPY triggers.events ({COLUMNS}) FROM STDIN") as copy:
                for row in plain_rows(logs):
                    copy.write_row(row)
            connection.commit()
    return time.perf_counter() - began


def read_rows(conninfo: str) -> list[bytes]:
    """Return what was stored as COPY text, in pieces of about 20,000 rows."""
    pieces: list[bytes] = []
    rows: list[bytes] = []
    with psycopg.connect(conninfo) as connection, connection.cursor() as cursor:
        order = "ORDER BY block_number, log_index"
        with cursor.copy(f"COPY (SELECT {COLUMNS} FROM triggers.events {order}) TO STDOUT") as copy:
            for row in copy:
                rows.append(bytes(row))
                if len(rows) == 20_000:
                    pieces.append(b"".join(rows))
                    rows.clear()
    return [*pieces, b"".join(rows)] if rows else pieces


def bare_copy(pieces: list[bytes], conninfo: str) -> float:
    """COPY ready rows, a transaction a piece; return the seconds."""
    began = time.perf_counter()
    with psycopg.connect(conninfo) as connection:
        for piece in pieces:
            with connection.cursor().copy(f"COPY triggers.events ({COLUMNS}) FROM STDIN") as copy:
                copy.write(piece)
            connection.commit()
    return time.perf_counter() - began


def follow(conninfo: str) -> dict[str, float]:
    """Follow to the head in a process of its own; return its figures."""
    ended = subprocess.run([*FOLLOW_ONCE, conninfo], check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(ended.stdout)
    return figures


def count(conninfo: str, what: str) -> int:
    """Return how many rows a table of the triggers schema holds."""
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(f"SELECT count(*) FROM triggers.{what}").fetchone()
        assert row is not None
        return int(row[0])


def main(logs: int) -> None:
    """Run the three in turn, and print medians and ratios."""
    plain: list[float] = []
    bare: list[float] = []
    ours: list[dict[str, float]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        running_anvil("--slots-in-an-epoch", "1") as node,
        EmbeddedServer.start(Path(folder) / "data") as server,
    ):
        contract = fill(node, logs)
        head = node.head()
        template = make_template(server.conninfo)
        make_partitions(server.conninfo, template, node)
        for number in range(ROUNDS):
            with clone(server.conninfo, template, f"plain_{number}") as conninfo:
                plain.append(plain_script(node.url, contract, head, conninfo))
                assert count(conninfo, "events") == logs
                pieces = read_rows(conninfo)
            with clone(server.conninfo, template, f"bare_{number}") as conninfo:
                bare.append(bare_copy(pieces, conninfo))
                assert count(conninfo, "events") == logs
            with clone(server.conninfo, template, f"ours_{number}") as conninfo:
                register(conninfo, node.url, contract)
                add_triggers(conninfo, TRIGGERS)
                ours.append(follow(conninfo))
                assert count(conninfo, "events") == logs
                matches = count(conninfo, "matches")
            told = f"plain {plain[-1]:.2f} s, bare {bare[-1]:.2f} s, Holdfast {ours[-1]['seconds']:.2f} s"
            print(f"round {number + 1}: {told}", flush=True)
        with clone(server.conninfo, template, "stages") as conninfo:
            register(conninfo, node.url, contract)
            add_triggers(conninfo, TRIGGERS)
            print_stages(conninfo, node.url, contract, head, logs)
    seconds = statistics.median(figures["seconds"] for figures in ours)
    cpu = statistics.median(figures["cpu_seconds"] for figures in ours)
    peak = max(figures["peak_bytes"] for figures in ours)
    print(f"{logs:,} events, {TRIGGERS:,} enabled triggers, {matches:,} matches; medians of {ROUNDS} rounds")
    for name, took in (("plain script", statistics.median(plain)), ("bare COPY", statistics.median(bare))):
        print(f"{name:<14} {logs / took:9,.0f} events/s   Holdfast does {took / seconds:.2f} times that")
    held = f"{cpu / seconds:.0%} of a core, {peak / 1e6:.0f} MB"
    print(f"{'Holdfast':<14} {logs / seconds:9,.0f} events/s   {held}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
