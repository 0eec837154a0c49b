"""From a new head on the node to the delivered action, on loopback.

Run: ``.venv/bin/python -m bench.head_to_delivery [BLOCKS]`` (anvil on the path or in HOLDFAST_TEST_ANVIL).
A block with one matching event is mined; the clock starts when the node has answered that it is mined,
and stops when the receiver has the request. The limit is the same request sent by a plain client.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue

import httpx
import psycopg

from bench.chain_load import register
from holdfast.postgres.embedded.occupancy import acquire
from tests.fixtures.anvil import CHAIN_ID, running_anvil

BLOCKS = 200
HOLDFAST = str(Path(sys.executable).with_name("holdfast"))


class Receiver(BaseHTTPRequestHandler):
    """Notes when a request has come, and answers 204."""

    arrived: SimpleQueue[float] = SimpleQueue()
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a delivery."""
        self.rfile.read(int(self.headers["content-length"]))
        self.arrived.put(time.perf_counter())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def prepare(data_dir: Path, url: str, contract: str, receiver: str) -> None:
    """Make the chain, its registry and one trigger on every feedback, while nothing runs."""
    subprocess.run(
        [HOLDFAST, "migrate", "up", "--data-dir", str(data_dir)], check=True, stdout=subprocess.DEVNULL
    )
    with acquire(data_dir, purpose="benchmark") as occupied:
        register(occupied.conninfo, url, contract)
        with psycopg.connect(occupied.conninfo) as connection:
            connection.execute(
                "INSERT INTO holdfast.users (id, username, email, password_hash)"
                " VALUES ('bench', 'bench', 'bench@example.org', 'none')"
            )
            connection.execute(
                "INSERT INTO triggers.triggers (id, user_id, name, chain_id, registry)"
                " VALUES ('bench', 'bench', 'bench', %s, 'reputation')",
                (CHAIN_ID,),
            )
            connection.execute(
                "INSERT INTO triggers.trigger_conditions (trigger_id, condition_type, field, operator, value)"
                " VALUES ('bench', 'event_type_equals', 'event_type', '=', 'NewFeedback')"
            )
            connection.execute(
                "INSERT INTO triggers.trigger_actions (trigger_id, action_type, config)"
                " VALUES ('bench', 'rest', %s)",
                (json.dumps({"url": receiver}),),
            )


def measure(blocks: int) -> tuple[list[float], list[float]]:
    """Return the seconds of each delivery, and those of the same request by a plain client."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    with (
        tempfile.TemporaryDirectory() as folder,
        running_anvil("--slots-in-an-epoch", "32") as node,
    ):
        data_dir = Path(folder) / "data"
        contract = node.deploy()
        prepare(data_dir, node.url, contract, f"http://{address}/")
        up = subprocess.Popen(
            [HOLDFAST, "up", "--json", "--port", "0", "--data-dir", str(data_dir)],
            stdout=subprocess.PIPE,
            text=True,
            env={"HOLDFAST_OUTBOUND_ALLOW": address, "PATH": "/usr/bin:/bin", "HOME": folder},
        )
        assert up.stdout is not None
        for line in up.stdout:
            if json.loads(line)["event"] == "chain.caught_up":
                break
        threading.Thread(target=up.stdout.read, daemon=True).start()
        ours = []
        for number in range(blocks + 5):
            node.feedback(contract, number, 1)
            mined = time.perf_counter()
            took = Receiver.arrived.get(timeout=30) - mined
            if number >= 5:  # the first ones open connections and prepare statements
                ours.append(took)
        up.send_signal(signal.SIGTERM)
        up.wait(timeout=10)
    plain = []
    with httpx.Client() as client:
        for _ in range(blocks):
            began = time.perf_counter()
            client.post(f"http://{address}/", content=b"{}")
            plain.append(Receiver.arrived.get(timeout=30) - began)
    server.shutdown()
    return ours, plain


def main(blocks: int) -> None:
    """Print p50 and p99 of both."""
    for name, times in zip(("Holdfast", "plain request"), measure(blocks), strict=True):
        cuts = statistics.quantiles(times, n=100)
        print(f"{name:<14} p50 {cuts[49] * 1000:7.1f} ms   p99 {cuts[98] * 1000:7.1f} ms   ({blocks} blocks)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else BLOCKS)
