"""How long 300 migrations of one CREATE TABLE take: Holdfast, Alembic, yoyo and a bare psycopg loop in turn.

Run: ``.venv/bin/python -m bench.migrations [rounds]``. All on one server, each round on a new database: once
with the data directory on the disk and fsync on, once in memory with fsync off. Times are the whole
command's, its start-up included (the same command asked for its help); ``work`` is what is left without that.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from bench.peers.tools import Alembic, File, Holdfast, Target, Tool, Yoyo
from holdfast.postgres.embedded.server import EmbeddedServer

COUNT = 300
ROUNDS = 7
FILES = [
    File(f"CREATE TABLE t{number} (id BIGINT PRIMARY KEY, note TEXT)", f"DROP TABLE t{number}")
    for number in range(1, COUNT + 1)
]
PLACES = (("disk, fsync on", "", "on"), ("memory, fsync off", "/dev/shm", "off"))  # noqa: S108  that is the point


class Bare(Tool):
    """A loop over files without any tool."""

    def __post_init__(self) -> None:
        self.name = "bare loop"
        self.environment = {"PYTHONPATH": str(Path(__file__).parents[1])}

    def write_one(self, number: int, file: File) -> None:
        (self.folder / f"{number:04}.sql").write_text(f"{file.up};\n")

    def up(self) -> list[str]:
        return [sys.executable, "-m", "bench.peers.bare_loop", self.target.url(), str(self.folder)]


TOOLS: tuple[type[Tool], ...] = (Bare, Holdfast, Yoyo, Alembic)


@contextmanager
def server(place: str, fsync: str) -> Iterator[Target]:
    """A PostgreSQL of our own on the loopback interface, its data below ``place``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    parameters = {"listen_addresses": "127.0.0.1", "port": str(port), "fsync": fsync}
    with (
        tempfile.TemporaryDirectory(dir=place or None) as folder,
        EmbeddedServer.start(Path(folder) / "data", parameters=parameters) as running,
    ):
        password = str(conninfo_to_dict(running.conninfo)["password"])
        yield Target(port, password, "holdfast")


def start_up(tool: Tool) -> list[str]:
    """Return the command that does nothing but start."""
    if isinstance(tool, Bare):
        return [sys.executable, "-c", "import bench.peers.bare_loop"]
    if isinstance(tool, Holdfast):
        return [*tool.up(), "--help"]
    return [tool.up()[0], "--help"]


def seconds(tool: Tool, command: list[str]) -> float:
    began = time.perf_counter()
    code, printed = tool.run(command)
    took = time.perf_counter() - began
    assert code == 0, f"{tool.name}: {printed}"
    return took


def one_round(kind: type[Tool], target: Target, times: dict[tuple[str, str], list[float]]) -> None:
    with psycopg.connect(target.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE work"))
        connection.execute(sql.SQL("CHECKPOINT"))
    with tempfile.TemporaryDirectory() as folder:
        tool = kind(Path(folder), Target(target.port, target.password, "work", target.user))
        tool.write(FILES)
        for what, command in (("start", start_up(tool)), ("up", tool.up()), ("again", tool.up())):
            times.setdefault((tool.name, what), []).append(seconds(tool, command))
        with psycopg.connect(tool.target.url()) as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^t[0-9]+$'"
            ).fetchone()
        assert found == (COUNT,), f"{tool.name}: {found}"
    with psycopg.connect(target.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE work WITH (FORCE)"))


def show(title: str, times: dict[tuple[str, str], list[float]]) -> None:
    """Print medians in seconds, and each tool's work against the bare loop's."""
    print(f"\n{title}: {COUNT} migrations, medians in seconds\n")
    print("| tool | start-up | up, whole | up, work | x bare, whole | x bare, work | nothing to do, work |")
    print("|---|---|---|---|---|---|---|")
    middle = {key: statistics.median(values) for key, values in times.items()}
    bare = middle["bare loop", "up"]
    for name in dict.fromkeys(tool for tool, _ in times):
        start, whole, again = (middle[name, what] for what in ("start", "up", "again"))
        work = whole - start
        of_bare = work / (bare - middle["bare loop", "start"])
        print(
            f"| {name} | {start:.3f} | {whole:.3f} | {work:.3f} | {whole / bare:.2f} | {of_bare:.2f} "
            f"| {again - start:.3f} |"
        )


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    for title, place, fsync in PLACES:
        times: dict[tuple[str, str], list[float]] = {}
        with server(place, fsync) as target:
            for number in range(rounds):
                kinds = TOOLS if number % 2 == 0 else TOOLS[::-1]
                for kind in kinds:
                    one_round(kind, target, times)
        show(title, times)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"a peer could not be installed: {error}")
