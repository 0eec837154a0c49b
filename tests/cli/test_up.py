"""``up``: what it serves, that it is alone on its data directory, and that it ends in time."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]  # psutil ships no types
import pytest

from holdfast.errors import Conflict
from holdfast.service.presence import present, who_is_present
from tests.fixtures.commands import HoldfastCommands


def postgres_of(data_dir: Path) -> list[psutil.Process]:
    """Return the PostgreSQL processes whose data lies below the folder."""
    found = []
    for process in psutil.process_iter(["name", "cwd"]):
        try:
            if process.info["name"] == "postgres" and Path(process.cwd()).is_relative_to(data_dir.resolve()):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def test_up_serves_and_ends_within_five_seconds_of_sigterm(holdfast: HoldfastCommands) -> None:
    process, address = holdfast.up()
    assert httpx.get(f"{address}/health").status_code == 200
    ready = httpx.get(f"{address}/ready")
    assert ready.status_code == 200, ready.text
    assert postgres_of(holdfast.data_dir)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0, holdfast.stderr()
    assert time.monotonic() - began < 5
    assert not postgres_of(holdfast.data_dir)
    assert who_is_present(holdfast.data_dir) is None


def test_sigint_ends_it_with_an_open_connection_that_sends_nothing(holdfast: HoldfastCommands) -> None:
    process, address = holdfast.up()
    with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as open_connection:
        open_connection.sendall(b"GET /health HTTP/1.1\r\nHost: local")
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0, holdfast.stderr()
        assert time.monotonic() - began < 5


def test_a_second_up_says_what_runs_already_and_where(holdfast: HoldfastCommands) -> None:
    process, address = holdfast.up()
    second = holdfast.run("up", "--json", "--port", "0")
    problem = json.loads(second.stderr)
    assert second.returncode == 1
    assert problem["error"] == "conflict"
    assert (problem["pid"], problem["address"]) == (process.pid, address)
    assert str(holdfast.data_dir) in problem["message"]
    assert holdfast.json("status")["running"]["address"] == address
    assert holdfast.json("down") == {"stopped": process.pid}
    assert process.wait(timeout=10) == 0


def test_a_port_that_is_taken_is_said_at_once(holdfast: HoldfastCommands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = holdfast.run("up", "--json", "--port", port)
    assert ended.returncode in (1, 2)
    assert port in ended.stderr
    assert "--port" in json.loads(ended.stderr.strip().splitlines()[-1])["hint"]
    assert not postgres_of(holdfast.data_dir)


def test_commands_are_guests_of_a_running_up(holdfast: HoldfastCommands) -> None:
    process, _ = holdfast.up()
    servers = {server.pid for server in postgres_of(holdfast.data_dir)}
    ended = holdfast.run("psql", "--", "-Atc", "SELECT 1")
    assert ended.stdout.strip() == "1", ended.stderr
    assert process.poll() is None
    assert servers <= {server.pid for server in postgres_of(holdfast.data_dir)}


def test_after_sigkill_no_server_is_left_and_up_starts_again(holdfast: HoldfastCommands) -> None:
    process, _ = holdfast.up()
    process.kill()
    process.wait(timeout=10)
    deadline = time.monotonic() + 10
    while postgres_of(holdfast.data_dir) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not postgres_of(holdfast.data_dir)
    again, address = holdfast.up()
    assert httpx.get(f"{address}/ready").status_code == 200
    assert again.poll() is None


def test_presence_is_exclusive_and_ends_with_the_block(tmp_path: Path) -> None:
    with present(tmp_path, started="2026-01-01T00:00:00+00:00", demo=False) as note:
        note.serving("http://127.0.0.1:3000")
        found = who_is_present(tmp_path)
        assert found is not None
        assert found.address == "http://127.0.0.1:3000"
        with (
            pytest.raises(Conflict, match=r"its API is at http://127\.0\.0\.1:3000"),
            present(tmp_path, started="", demo=False),
        ):
            pass
    assert who_is_present(tmp_path) is None
