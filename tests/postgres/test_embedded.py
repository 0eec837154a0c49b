"""The embedded server's ordinary life."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from holdfast.errors import WrongUse
from holdfast.postgres.embedded.binaries import binary
from holdfast.postgres.embedded.errors import DataDirectoryOccupied
from holdfast.postgres.embedded.layout import DataDirectory
from holdfast.postgres.embedded.log import ServerLog, complaint
from holdfast.postgres.embedded.options import Options
from holdfast.postgres.embedded.server import EmbeddedServer
from holdfast.settings import Settings
from tests.fixtures.owners import QUICK, servers_on, until


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server that no test of this module changes for the others."""
    with EmbeddedServer.start(tmp_path_factory.mktemp("shared") / "data", parameters=QUICK) as server:
        yield server


def ask(server: EmbeddedServer, query: str) -> str:
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
    return str(row[0]) if row else ""


def test_first_start_makes_a_cluster_that_a_later_start_finds_again(tmp_path: Path) -> None:
    with EmbeddedServer.start(tmp_path / "data", parameters=QUICK) as server:
        ask(server, "CREATE TABLE kept AS SELECT 7 AS number")
        assert ask(server, "SELECT current_user || ' ' || current_database()") == "holdfast holdfast"
    assert servers_on(tmp_path) == []

    began = time.monotonic()
    with EmbeddedServer.start(tmp_path / "data", parameters=QUICK) as server:
        assert time.monotonic() - began < 2
        assert ask(server, "SELECT number FROM kept") == "7"
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert servers_on(tmp_path) == []


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("TimeZone", "UTC"),
        ("log_timezone", "UTC"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", ""),
        ("password_encryption", "scram-sha-256"),
        ("max_wal_size", "2GB"),
        ("shared_buffers", "16MB"),
        ("fsync", "off"),
    ],
)
def test_parameters(shared: EmbeddedServer, parameter: str, value: str) -> None:
    assert ask(shared, f"SHOW {parameter}") == value


def test_the_locale_is_the_same_on_every_machine(shared: EmbeddedServer) -> None:
    query = "SELECT concat_ws(' ', datlocprovider, datlocale) FROM pg_database WHERE datname = 'holdfast'"
    assert ask(shared, query) == "b C.UTF-8"
    assert ask(shared, "SELECT upper('é')") == "É"


def test_what_can_be_changed_in_a_running_server_is_taken_up(shared: EmbeddedServer) -> None:
    with psycopg.connect(shared.conninfo, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET work_mem = '7MB'")
        connection.execute("SELECT pg_reload_conf()")
    until(lambda: ask(shared, "SHOW work_mem") == "7MB", "the server reads its configuration again")


@pytest.mark.parametrize("password", ["wrong", ""])
def test_nobody_comes_in_without_the_password(shared: EmbeddedServer, password: str) -> None:
    parameters = {**conninfo_to_dict(shared.conninfo), "password": password}
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(make_conninfo("", **parameters))


def test_what_lies_in_the_data_directory_is_closed_to_others(shared: EmbeddedServer) -> None:
    open_to_others = [
        path
        for path in (shared.data_dir, *shared.data_dir.iterdir(), *(shared.data_dir / "log").iterdir())
        if path.lstat().st_mode & 0o077
    ]
    assert open_to_others == []
    socket_folder = Path(str(conninfo_to_dict(shared.conninfo)["host"]))
    assert socket_folder.stat().st_mode & 0o077 == 0


def test_the_password_is_in_no_log_and_no_command_line(shared: EmbeddedServer) -> None:
    password = (shared.data_dir / "password").read_text().strip()
    assert len(password) > 30
    assert password not in (shared.data_dir / "log" / "postgres.log").read_text()
    assert not any(password in " ".join(process.cmdline()) for process in servers_on(shared.data_dir))


@pytest.mark.parametrize(
    "name", ["with space", 'quote\'s "both"', "ünïcode-数据", "deep/" + "/".join(["x" * 29] * 5), "a=b,c%d"]
)
def test_any_path_serves(tmp_path: Path, name: str) -> None:
    with EmbeddedServer.start(tmp_path / name, parameters=QUICK) as server:
        assert ask(server, "SELECT 1") == "1"
    assert servers_on(tmp_path) == []


def test_a_second_owner_is_refused_and_told_who_owns_it(shared: EmbeddedServer) -> None:
    with pytest.raises(DataDirectoryOccupied) as told:
        EmbeddedServer.start(shared.data_dir)
    assert told.value.details["pid"] == os.getpid()
    assert ask(shared, "SELECT 1") == "1"


def test_it_may_be_started_and_stopped_in_any_thread(tmp_path: Path) -> None:
    started: list[EmbeddedServer] = []
    thread = threading.Thread(target=lambda: started.append(EmbeddedServer.start(tmp_path, parameters=QUICK)))
    thread.start()
    thread.join()
    server = started[0]
    assert ask(server, "SELECT 1") == "1"  # it outlives the thread that started it
    threads = [threading.Thread(target=server.stop) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert servers_on(tmp_path) == []
    server.stop()


def test_a_transaction_in_progress_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    server = EmbeddedServer.start(tmp_path, parameters=QUICK)
    with psycopg.connect(server.conninfo) as connection:
        connection.execute("CREATE TABLE not_committed ()")
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 5
        connection.close()
    assert servers_on(tmp_path) == []


def test_a_server_that_does_not_end_in_order_is_cut_off_and_recovers(tmp_path: Path) -> None:
    options = Options(parameters={"fsync": "off"}, stop_within=0.0)
    server = EmbeddedServer.start(tmp_path, options=options)
    ask(server, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
    server.stop()
    assert servers_on(tmp_path) == []
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        assert ask(server, "SELECT count(*) FROM kept") == "1000"


def test_the_log_keeps_its_bound_and_its_latest_part(tmp_path: Path) -> None:
    log = ServerLog(DataDirectory.prepare(tmp_path), bound=1000)
    descriptor = log.open()
    try:
        for number in range(200):
            os.write(descriptor, f"line {number:05}\n".encode())
        log.trim()
        os.write(descriptor, b"after\n")
    finally:
        os.close(descriptor)
    assert log.path.read_text() == "after\n"
    kept = log.path.with_name("postgres.log.1").read_text()
    assert len(kept) == 1000
    assert kept.endswith("line 00199\n")


def test_a_complaint_is_the_fatal_line_of_many() -> None:
    printed = "LOG:  starting\nFATAL:  no space\nLOG:  shut down\n"
    assert complaint(printed) == "FATAL:  no space"
    assert complaint("one\ntwo\n") == "one; two"


def test_client_programs_are_found() -> None:
    assert binary("psql").is_file()
    assert binary("pg_dump").is_file()


@pytest.mark.parametrize(
    "written", ["shared_buffers", "=1", "bad name=1", "hba_file=/x", "logging_collector=on"]
)
def test_parameters_that_cannot_be_meant_are_refused(written: str) -> None:
    with pytest.raises(WrongUse):
        Options.from_settings(Settings({"HOLDFAST_EMBEDDED_PARAMETERS": written}))


def test_parameters_are_read_from_the_settings() -> None:
    options = Options.from_settings(
        Settings(
            {"HOLDFAST_EMBEDDED_PARAMETERS": "work_mem=8MB, Port=6000", "HOLDFAST_EMBEDDED_STOP_WITHIN": "1s"}
        )
    )
    assert options.parameters == {"work_mem": "8MB", "port": "6000"}
    assert options.stop_within == 1.0
