"""How long the command line takes to start, and how long ``up`` takes on an existing data directory.

Run: ``.venv/bin/python -m bench.startup``. The limit of ``--help`` is an interpreter that does nothing.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 21
UP_ROUNDS = 7


def seconds(command: list[str]) -> float:
    """Run a command and return how long it took, in seconds."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def help_against_bare() -> None:
    """Print medians of ``holdfast --help`` and of a bare interpreter, run in turn."""
    holdfast = str(Path(sys.executable).with_name("holdfast"))
    bare, command, script = [], [], []
    for _ in range(ROUNDS):
        bare.append(seconds([sys.executable, "-c", "pass"]))
        command.append(seconds([holdfast, "--help"]))
        script.append(seconds(["./holdfast", "--help"]))
    middle = statistics.median(bare)
    print(f"python -c pass          {middle * 1000:6.0f} ms")
    for name, times in (("holdfast --help", command), ("./holdfast --help", script)):
        took = statistics.median(times)
        more = f"{(took - middle) * 1000:+.0f} ms   ({took / middle:.1f} times)"
        print(f"{name:<22}  {took * 1000:6.0f} ms   {more}")


def until_serving(data_dir: str) -> tuple[float, float]:
    """Start ``up``, and return the seconds until it serves and the seconds that SIGTERM takes to end it."""
    holdfast = str(Path(sys.executable).with_name("holdfast"))
    began = time.perf_counter()
    process = subprocess.Popen(
        [holdfast, "up", "--json", "--port", "0", "--data-dir", data_dir], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "serving":
            break
    ready = time.perf_counter() - began
    process.send_signal(signal.SIGTERM)
    stopping = time.perf_counter()
    process.wait(timeout=10)
    process.stdout.close()
    return ready, time.perf_counter() - stopping


def up_again() -> None:
    """Print the first start of ``up`` and the median of later ones on the same data directory."""
    with tempfile.TemporaryDirectory() as folder:
        first, _ = until_serving(folder)
        later = [until_serving(folder) for _ in range(UP_ROUNDS)]
    ready = statistics.median(start for start, _ in later)
    ended = statistics.median(stop for _, stop in later)
    print(f"up, first start         {first * 1000:6.0f} ms until the API serves")
    print(f"up, existing directory  {ready * 1000:6.0f} ms until the API serves")
    print(f"SIGTERM                 {ended * 1000:6.0f} ms until the process has ended")


if __name__ == "__main__":
    help_against_bare()
    up_again()
