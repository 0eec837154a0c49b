"""What happens to the embedded server when things go wrong: nothing is orphaned, nothing is lost."""

from __future__ import annotations

import random
import signal
import subprocess
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from holdfast.postgres.embedded.access import conninfo
from holdfast.postgres.embedded.account import hand_over, maker_account, server_account
from holdfast.postgres.embedded.binaries import environment, installed
from holdfast.postgres.embedded.errors import (
    DataDirectoryUnusable,
    OtherMajorVersion,
    ServerNotStarted,
)
from holdfast.postgres.embedded.layout import DataDirectory
from holdfast.postgres.embedded.leftover import read_pid_file
from holdfast.postgres.embedded.options import Options
from holdfast.postgres.embedded.ownership import living_owner
from holdfast.postgres.embedded.process import Folder
from holdfast.postgres.embedded.runtime import make_socket_folder
from holdfast.postgres.embedded.server import EmbeddedServer
from tests.fixtures.owners import QUICK, all_gone, below, let_end, line, owner, running, servers_on, until


def holds(server: EmbeddedServer, number: int) -> bool:
    with psycopg.connect(server.conninfo) as connection:
        row = connection.execute("SELECT number FROM kept").fetchone()
    return row == (number,)


def keep(server: EmbeddedServer, number: int) -> None:
    with psycopg.connect(server.conninfo) as connection:
        connection.execute("CREATE TABLE kept (number integer)")
        connection.execute("INSERT INTO kept VALUES (%s)", (number,))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_nothing_outlives_an_owner_that_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    with owner(tmp_path) as process:
        assert int(line(process)) in {server.pid for server in servers_on(tmp_path)}
        left = below(process)
        assert len(left) > 4
        process.send_signal(number)
        process.wait()
        until(lambda: all_gone(left), f"{left} end with their owner", seconds=5)
    assert servers_on(tmp_path) == []
    with EmbeddedServer.start(tmp_path, parameters=QUICK):
        pass


def test_a_client_that_is_busy_does_not_keep_the_server_of_a_killed_owner(tmp_path: Path) -> None:
    with owner(tmp_path) as process:
        line(process)
        left = below(process)
        with psycopg.connect(_conninfo_of(tmp_path)) as connection:
            connection.execute("CREATE TABLE not_committed ()")
            process.kill()
            process.wait()
            until(lambda: all_gone(left), "the server ends though a client is in a transaction", seconds=5)
            connection.close()
    with EmbeddedServer.start(tmp_path, parameters=QUICK):
        pass


def test_nothing_committed_is_lost_by_kills_at_any_moment(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
import psycopg
from holdfast.postgres.embedded.server import EmbeddedServer
server = EmbeddedServer.start(Path(sys.argv[1]), parameters={"fsync": "off", "shared_buffers": "16MB"})
with psycopg.connect(server.conninfo, autocommit=True) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS committed (number integer PRIMARY KEY)")
    number = connection.execute("SELECT coalesce(max(number), 0) FROM committed").fetchone()[0]
    while True:
        number += 1
        connection.execute("INSERT INTO committed VALUES (%s)", (number,))
        print(number, flush=True)
"""
    moments = random.Random(7)  # noqa: S311  repeatable, not secret
    committed = 0
    for _ in range(6):
        with running(code, tmp_path) as process:
            for _ in range(moments.randrange(0, 40)):  # 0: killed while it starts
                committed = int(line(process))
            process.kill()
            process.wait()
            assert process.stdout is not None
            committed = max([committed, *map(int, process.stdout.read().split())])
    with (
        EmbeddedServer.start(tmp_path, parameters=QUICK) as server,
        psycopg.connect(server.conninfo) as connection,
    ):
        row = connection.execute("SELECT count(*), max(number) FROM committed").fetchone()
    assert row is not None
    count, highest = row
    assert count == highest
    assert highest - committed in {0, 1}  # one may have been committed and not told


@pytest.mark.parametrize("step", ["data/PG_VERSION", "data/global/pg_control", "data/base/4"])
def test_a_kill_during_the_first_start_leaves_no_process_and_no_half_cluster(
    tmp_path: Path, step: str
) -> None:
    with owner(tmp_path) as process:
        until(lambda: any(tmp_path.glob(f"postgres.new-*/{step}")), f"initdb has made {step}")
        left = below(process)
        assert left
        process.kill()
        process.wait()
        until(lambda: all_gone(left), f"{left} end with their owner", seconds=5)
    assert not (tmp_path / "postgres").exists()
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        keep(server, 1)
        assert holds(server, 1)
    assert not any(tmp_path.glob("postgres.new-*"))


def test_a_first_start_that_was_cut_off_before_the_database_was_made_is_completed(tmp_path: Path) -> None:
    with (
        EmbeddedServer.start(tmp_path, parameters=QUICK) as server,
        psycopg.connect(server.conninfo, dbname="postgres", autocommit=True) as connection,
    ):
        connection.execute("DROP DATABASE holdfast")
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        keep(server, 2)


def test_a_server_left_over_from_a_crash_is_stopped_and_started_again(tmp_path: Path) -> None:
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        keep(server, 3)
    left = _start_without_owner(tmp_path)
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        assert server.pid != left.pid
        assert holds(server, 3)
        assert left.wait(5) == 0  # it was shut down in order, not cut off


def test_backends_of_a_killed_server_are_waited_for(tmp_path: Path) -> None:
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        keep(server, 4)
    left = _start_without_owner(tmp_path)
    backends = psutil.Process(left.pid).children()
    left.kill()  # its children notice that by themselves, a little later
    left.wait()
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        assert holds(server, 4)
        assert all_gone(backends)


def test_a_backend_that_hangs_after_its_server_was_killed_is_killed_too(tmp_path: Path) -> None:
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        keep(server, 8)
    left = _start_without_owner(tmp_path)
    hanging = psutil.Process(left.pid).children()[0]
    hanging.suspend()  # it cannot notice its server's death
    left.kill()
    left.wait()
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        assert holds(server, 8)
        assert all_gone([hanging])


def test_a_stale_pid_file_harms_nobody(tmp_path: Path) -> None:
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        keep(server, 5)
        told = (tmp_path / "postgres" / "postmaster.pid").read_text()
    # Its number now belongs to another program, which runs as the same account and is even called so.
    account = server_account(DataDirectory(tmp_path))
    bystander = subprocess.Popen(["postgres", "300"], executable="/bin/sleep", cwd="/", **account.run_as)
    try:
        stale = tmp_path / "postgres" / "postmaster.pid"
        stale.write_text("\n".join([str(bystander.pid), *told.splitlines()[1:]]) + "\n")
        hand_over(stale, account)
        with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
            assert holds(server, 5)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_server_that_dies_is_started_again_where_it_was(tmp_path: Path) -> None:
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        keep(server, 6)
        before, reached = server.pid, server.conninfo
        psutil.Process(before).kill()
        until(lambda: server.pid != before and _answers(reached), "it is started again")
        assert holds(server, 6)
    assert servers_on(tmp_path) == []


def test_a_server_whose_guard_is_killed_gets_a_new_one(tmp_path: Path) -> None:
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        before, reached = server.pid, server.conninfo
        left = psutil.Process(before)
        left.parent().kill()  # the guard is its parent
        until(lambda: server.pid != before and _answers(reached), "it is started again under guard")
        assert all_gone([left])
    assert servers_on(tmp_path) == []


def test_a_socket_that_was_cleaned_away_comes_back(tmp_path: Path) -> None:
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        reached = server.conninfo
        for file in Path(str(conninfo_to_dict(reached)["host"])).iterdir():
            file.unlink()
        assert not _answers(reached)
        until(lambda: _answers(reached), "the socket is there again")


def test_a_lost_password_is_replaced(tmp_path: Path) -> None:
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        keep(server, 7)
        before = server.conninfo
    (tmp_path / "password").unlink()
    with EmbeddedServer.start(tmp_path, parameters=QUICK) as server:
        assert holds(server, 7)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(before)
    assert not any((tmp_path / "postgres").glob("holdfast-*"))


def test_a_wrong_password_is_said_with_a_way_out(tmp_path: Path) -> None:
    with EmbeddedServer.start(tmp_path, parameters=QUICK):
        pass
    (tmp_path / "password").write_text("from elsewhere")
    with pytest.raises(ServerNotStarted, match=r"remove .*password"):
        EmbeddedServer.start(tmp_path, parameters=QUICK)
    assert servers_on(tmp_path) == []


def test_a_cluster_of_another_major_version_is_refused_with_a_way_out(tmp_path: Path) -> None:
    data = DataDirectory.prepare(tmp_path)
    data.cluster.mkdir(mode=0o700)
    maker = maker_account(server_account(data))
    hand_over(data.cluster, maker)
    with Folder(data.cluster, maker) as folder:  # a real one, by the older server that the wheel holds too
        subprocess.run(
            [installed(16).path("initdb"), "-D", folder.shown, "-N", "-A", "reject", "-U", "other"],
            env=environment(),
            cwd="/",
            check=True,
            stdout=subprocess.DEVNULL,
            pass_fds=folder.descriptors,
            **maker.run_as,
        )
    before = sorted(data.cluster.rglob("*"))
    with pytest.raises(OtherMajorVersion) as told:
        EmbeddedServer.start(tmp_path, parameters=QUICK)
    assert "PostgreSQL 16;" in told.value.message
    assert "PostgreSQL 18." in told.value.message
    for way_out in ("pg_dumpall", "--data-dir", "DATABASE_URL", str(installed(16).path("postgres").parent)):
        assert way_out in told.value.hint
    assert sorted(data.cluster.rglob("*")) == before


def test_a_folder_that_is_no_cluster_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "owner.lock").touch()
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "letters.txt").write_text("mine")
    with pytest.raises(DataDirectoryUnusable, match="no PostgreSQL cluster"):
        EmbeddedServer.start(tmp_path)
    assert (tmp_path / "postgres" / "letters.txt").read_text() == "mine"


def test_a_data_directory_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DataDirectoryUnusable, match="--data-dir"):
            EmbeddedServer.start(place)


def test_a_folder_that_takes_no_files_is_said() -> None:
    with pytest.raises(DataDirectoryUnusable, match="cannot be used"):
        EmbeddedServer.start(Path("/proc/holdfast"))


def test_a_disk_that_is_full_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from pathlib import Path
from holdfast.errors import HoldfastError
from holdfast.postgres.embedded.server import EmbeddedServer
import psycopg
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))  # a write past this fails, as on a full disk
try:
    EmbeddedServer.start(Path(sys.argv[1]))
except HoldfastError as error:
    print(error.code, error)
"""
    with running(code, tmp_path) as process:
        told = line(process)
        assert let_end(process) == 0
    assert told.startswith("server_not_started PostgreSQL's initdb failed")
    assert "Free some space" in told
    assert not (tmp_path / "postgres").exists()
    assert not any(tmp_path.glob("postgres.new-*"))


def test_parameters_that_the_server_refuses_are_said(tmp_path: Path) -> None:
    with pytest.raises(ServerNotStarted, match="shared_bufers"):
        EmbeddedServer.start(tmp_path, parameters={**QUICK, "shared_bufers": "1MB"})
    assert servers_on(tmp_path) == []
    with EmbeddedServer.start(tmp_path, parameters=QUICK):
        pass


def test_a_server_that_takes_too_long_is_given_up_whole(tmp_path: Path) -> None:
    with EmbeddedServer.start(tmp_path, parameters=QUICK):
        pass
    with pytest.raises(ServerNotStarted, match="HOLDFAST_EMBEDDED_START_WITHIN"):
        EmbeddedServer.start(tmp_path, options=Options(parameters=QUICK, start_within=0.0))
    assert servers_on(tmp_path) == []


def test_a_socket_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServerNotStarted, match="HOLDFAST_RUNTIME_DIR"):
        EmbeddedServer.start(tmp_path, options=Options(parameters=QUICK, runtime_dir=tmp_path / ("x" * 90)))


def test_a_forked_child_holds_neither_the_lock_nor_the_server(tmp_path: Path) -> None:
    code = """
import os, sys, time
from pathlib import Path
from holdfast.postgres.embedded.server import EmbeddedServer
server = EmbeddedServer.start(Path(sys.argv[1]), parameters={"fsync": "off"})
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
sys.stdin.read()
"""
    with running(code, tmp_path) as process:
        child = psutil.Process(int(line(process)))
        try:
            process.kill()
            process.wait()
            until(lambda: servers_on(tmp_path) == [], "the server ends though a child of its owner lives")
            assert child.is_running()
            with EmbeddedServer.start(tmp_path, parameters=QUICK):
                pass
        finally:
            child.kill()


def _conninfo_of(data_dir: Path) -> str:
    note = living_owner(data_dir)
    assert note is not None
    return conninfo(DataDirectory(data_dir), Path(note.socket), note.port)


def _answers(reached: str) -> bool:
    try:
        psycopg.connect(reached).close()
    except psycopg.OperationalError:
        return False
    return True


def _start_without_owner(data_dir: Path) -> subprocess.Popen[bytes]:
    """Run a data directory's server as one whose owner and guard are gone."""
    data = DataDirectory(data_dir)
    account = server_account(data)
    socket_folder = make_socket_folder(data, account, None)
    with Folder(data.cluster, account) as folder:
        left = subprocess.Popen(
            [
                installed().path("postgres"),
                "-D",
                folder.shown,
                "-k",
                socket_folder,
                "-c",
                "listen_addresses=",
            ],
            env=environment(),
            cwd="/",
            stderr=subprocess.DEVNULL,
            pass_fds=folder.descriptors,
            **account.run_as,
        )

    def ready() -> bool:
        told = read_pid_file(data.cluster)
        return told is not None and told.pid == left.pid and told.status == "ready"

    until(ready, "the left over server is ready")
    return left
