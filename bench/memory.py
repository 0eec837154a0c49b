"""How much memory following takes: the same run over 100,000 and over 1,000,000 logs.

Run: ``.venv/bin/python -m bench.memory`` (anvil on the path or in HOLDFAST_TEST_ANVIL). Each run is a
process of its own; the figure is the most memory that it held (its peak resident set).
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from bench.chain_load import FOLLOW_ONCE, add_triggers, clone, fill, make_template, register
from holdfast.postgres.embedded.server import EmbeddedServer
from tests.fixtures.anvil import running_anvil

SIZES = (100_000, 1_000_000)
TRIGGERS = 1_000


def main() -> None:
    """Follow each size, and print the peaks and their difference."""
    peaks = []
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer.start(Path(folder) / "data") as server:
        template = make_template(server.conninfo)
        for logs in SIZES:
            with (
                running_anvil("--slots-in-an-epoch", "1") as node,
                clone(server.conninfo, template, f"memory_{logs}") as conninfo,
            ):
                register(conninfo, node.url, fill(node, logs))
                add_triggers(conninfo, TRIGGERS)
                ended = subprocess.run([*FOLLOW_ONCE, conninfo], check=True, capture_output=True, text=True)
            figures = json.loads(ended.stdout)
            peaks.append(figures["peak_bytes"])
            speed = logs / figures["seconds"]
            print(
                f"{logs:9,} logs  {figures['peak_bytes'] / 1e6:6.1f} MB  {speed:9,.0f} events/s", flush=True
            )
    print(f"difference {(peaks[-1] - peaks[0]) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
