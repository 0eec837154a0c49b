"""What Holdfast, Alembic, yoyo and dbmate do in the situations that hurt: as measured, not as claimed.

Run: ``.venv/bin/python -m bench.migration_behaviours``. Every tool meets the same files on the same
server, each as its own command in processes of its own. Prints a table in Markdown.
"""

from __future__ import annotations

import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from bench.peers.installing import program
from bench.peers.tools import TOOLS, Dbmate, File, Target, Tool
from holdfast.postgres.embedded.server import EmbeddedServer

PARAMETERS = {"listen_addresses": "127.0.0.1", "fsync": "off"}


def table(name: str) -> File:
    return File(f"CREATE TABLE {name} (id BIGINT PRIMARY KEY, note TEXT)", f"DROP TABLE {name}")


@contextmanager
def server() -> Iterator[Target]:
    """A PostgreSQL of our own on the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        parameters = PARAMETERS | {"port": str(port)}
        with EmbeddedServer.start(Path(folder) / "data", parameters=parameters) as running:
            password = str(conninfo_to_dict(running.conninfo)["password"])
            yield Target(port, password, "holdfast")


def connect(target: Target) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(target.url(), autocommit=True)


def first(target: Target, query: LiteralString) -> object:
    with connect(target) as connection:
        row = connection.execute(sql.SQL(query)).fetchone()
    return row[0] if row else None


def wait_until(target: Target, query: LiteralString) -> None:
    deadline = time.monotonic() + 20
    while not first(target, query):
        assert time.monotonic() < deadline, f"{target.name}: {query}"
        time.sleep(0.02)


def complaint(printed: str) -> str:
    """Return the first line that names an error."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    telling = [line for line in lines if re.search("rror|locked|Lock", line) and 'File "' not in line]
    telling = telling or lines[-1:]
    return telling[0][:100].replace("|", "/") if telling else ""


def three_at_once(tool: Tool) -> str:
    tool.write([table(f"t{number}") for number in range(1, 31)])
    started = [tool.start(tool.up()) for _ in range(3)]
    ended = [each.communicate(timeout=120)[0] for each in started]
    failed = [printed for each, printed in zip(started, ended, strict=True) if each.returncode != 0]
    if not failed:
        return "3 of 3 succeed"
    return f"{len(failed)} of 3 fail: {complaint(failed[0])}"


def killed_and_run_again(tool: Tool) -> str:
    slow = File("CREATE TABLE slow AS SELECT 1 AS id FROM pg_sleep(3)", "DROP TABLE slow")
    tool.write([table("t1"), slow, table("t3")])
    running = tool.start(tool.up())
    wait_until(
        tool.target,
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3)%'"
        " AND pid <> pg_backend_pid() AND state = 'active'",
    )
    running.kill()
    running.communicate()
    began = time.monotonic()
    code, printed = tool.run(tool.up(), within=30)
    if code != 0:
        return f"stands until a person acts: {complaint(printed)}" if code > 0 else "hangs for 30 s"
    return f"goes on by itself after {time.monotonic() - began:.0f} s"


def edited_file(tool: Tool) -> str:
    tool.write([table("t1"), table("t2")])
    assert tool.run(tool.up())[0] == 0
    tool.write_one(1, File("CREATE TABLE t1 (id BIGINT PRIMARY KEY, other TEXT)", "DROP TABLE t1"))
    return noticed(tool, "edited")


def dropped_column(tool: Tool) -> str:
    tool.write([table("t1"), table("t2")])
    assert tool.run(tool.up())[0] == 0
    with connect(tool.target) as connection:
        connection.execute("ALTER TABLE t1 DROP COLUMN note")
    return noticed(tool, "note")


def noticed(tool: Tool, word: str) -> str:
    for command in tool.looks():
        code, printed = tool.run(command)
        if word in printed and (code != 0 or "edited" in printed):
            return f"named by `{command[-1]}`"
    return "not noticed"


def index_cut_off(tool: Tool) -> str:
    """Cut the connection during CREATE INDEX CONCURRENTLY; the next run meets the INVALID index."""
    index = File(
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS t1_note ON t1 (note)", "DROP INDEX t1_note", alone=True
    )
    tool.write([table("t1")])
    assert tool.run(tool.up())[0] == 0
    tool.write_one(2, index)
    with connect(tool.target) as holder, holder.transaction():
        holder.execute("INSERT INTO t1 VALUES (1, 'x')")
        running = tool.start(tool.up())
        wait_until(tool.target, "SELECT count(*) > 0 FROM pg_index WHERE NOT indisvalid")
        first(
            tool.target,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE '%CREATE INDEX CONC%' AND pid <> pg_backend_pid()",
        )
        time.sleep(1)
    running.communicate(timeout=60)
    code, printed = tool.run(tool.up(), within=60)
    valid = first(tool.target, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('t1_note')")
    if code == 0:
        return "built again, valid" if valid else "recorded as applied, the index INVALID"
    return f"fails: {complaint(printed)}"


def readers_behind_a_waiting_alter(tool: Tool) -> str:
    """While a long transaction reads a table, apply an ALTER of it; how long does another reader wait?"""
    tool.write([table("t1")])
    assert tool.run(tool.up())[0] == 0
    tool.write_one(2, File("ALTER TABLE t1 ADD COLUMN more TEXT", "ALTER TABLE t1 DROP COLUMN more"))
    longest, stop = [0.0], threading.Event()

    def read() -> None:
        with connect(tool.target) as reader:
            while not stop.is_set():
                began = time.monotonic()
                reader.execute("SELECT count(*) FROM t1")
                longest[0] = max(longest[0], time.monotonic() - began)
                time.sleep(0.01)

    reading = threading.Thread(target=read)
    with connect(tool.target) as holder, holder.transaction():
        holder.execute("SELECT count(*) FROM t1")
        running = tool.start(tool.up())
        reading.start()
        time.sleep(12)
    running.communicate(timeout=60)
    stop.set()
    reading.join()
    return f"a reader waits {longest[0]:.0f} s of 12; exit {running.returncode}"


SITUATIONS: dict[str, Callable[[Tool], str]] = {
    "three `up` at once, 30 files": three_at_once,
    "kill -9 in the middle, then again": killed_and_run_again,
    "an applied file edited": edited_file,
    "a column dropped by hand": dropped_column,
    "`CREATE INDEX CONCURRENTLY` cut off, then again": index_cut_off,
    "`ALTER TABLE` behind a 12 s transaction": readers_behind_a_waiting_alter,
}


def main() -> None:
    """Print what each tool does in each situation."""
    tools = [tool for tool in TOOLS if tool is not Dbmate or program("dbmate")]
    wanted = sys.argv[1:]
    with server() as whole, tempfile.TemporaryDirectory() as place:
        names = [tool(Path(place), whole).name for tool in tools]
        print(f"| | {' | '.join(names)} |\n|---|{'---|' * len(names)}", flush=True)
        for number, (situation, act) in enumerate(SITUATIONS.items()):
            if wanted and act.__name__ not in wanted:
                continue
            said = []
            for tool in tools:
                name = f"situation_{number}_{tool.__name__}".lower()
                with connect(whole) as connection:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
                target = Target(whole.port, whole.password, name)
                said.append(act(tool(Path(place) / name, target)))
            print(f"| {situation} | {' | '.join(said)} |", flush=True)


if __name__ == "__main__":
    main()
