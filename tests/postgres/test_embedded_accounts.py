"""The embedded server run by root, by an ordinary user, and by root on an ordinary user's data."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil  # type: ignore[import-untyped]  # it ships no types
import psycopg
import pytest

from holdfast.postgres.embedded import runtime
from holdfast.postgres.embedded.account import Account, maker_account, server_account
from holdfast.postgres.embedded.binaries import copy_of, installed
from holdfast.postgres.embedded.errors import ServerNotStarted
from holdfast.postgres.embedded.layout import DataDirectory
from holdfast.postgres.embedded.server import EmbeddedServer
from tests.fixtures.owners import QUICK, all_gone, below, let_end, line, running, servers_on, until

T = TypeVar("T")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")

_USER = """
import json, os, pwd, sys
from pathlib import Path
# All that is needed later is imported now: the user may not be able to read root's Python.
import psycopg, psycopg_binary, encodings.idna
from holdfast.errors import HoldfastError
from holdfast.postgres.embedded import occupancy, options
data_dir, programs, uid, home = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
sys.path.insert(0, programs)
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
os.environ["HOME"] = home
os.chdir("/")
chosen = data_dir if str(data_dir) != "-" else occupancy.default_data_dir(occupancy.Settings.load())
quick = options.Options(parameters={"fsync": "off", "shared_buffers": "16MB"})
try:
    with occupancy.acquire(chosen, purpose="test", options=quick) as occupied:
        with psycopg.connect(occupied.conninfo) as connection:
            connection.execute("SELECT 1")
        print("ready", flush=True)
        sys.stdin.read()
except HoldfastError as error:
    print(error.code, error, flush=True)
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every account may enter, unlike a test's usual one."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast test "))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def programs() -> Iterator[Path]:
    """The wheel's programs in a place that every account may read, to stand in front of the others."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-test-programs-"))
    folder.chmod(0o755)
    copied = copy_of(installed(), folder).tree.parent
    (copied / "__init__.py").touch()
    yield copied.parent
    shutil.rmtree(folder)


def said(processes: Iterable[psutil.Process], ask: Callable[[psutil.Process], T]) -> list[T]:
    """Ask processes of a server, some of which end while they are asked."""
    answers = []
    for found in processes:
        with suppress(psutil.NoSuchProcess):
            answers.append(ask(found))
    return answers


def _user() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


@as_root
def test_an_ordinary_user_runs_it_as_that_user_and_copies_nothing(public: Path, programs: Path) -> None:
    uid = _user().pw_uid
    data_dir = public / "data of a user"
    data_dir.mkdir()
    os.chown(data_dir, uid, uid)
    with running(_USER, data_dir, programs, uid, public) as process:
        assert line(process) == "ready"
        processes = servers_on(data_dir)
        assert set(said(processes, lambda found: found.uids().real)) == {uid}
        commands = said(processes, lambda found: " ".join(found.cmdline()))
        assert any(str(data_dir / "postgres") in command for command in commands)
        assert let_end(process) == 0
    assert servers_on(data_dir) == []
    assert {path.lstat().st_uid for path in data_dir.rglob("*")} == {uid}


@as_root
def test_nothing_outlives_an_ordinary_users_killed_owner(public: Path, programs: Path) -> None:
    uid = _user().pw_uid
    data_dir = public / "data"
    data_dir.mkdir()
    os.chown(data_dir, uid, uid)
    with running(_USER, data_dir, programs, uid, public) as process:
        assert line(process) == "ready"
        left = below(process)
        process.kill()
        process.wait()
        until(lambda: all_gone(left), "they end with their owner", seconds=5)
    with running(_USER, data_dir, programs, uid, public) as process:
        assert line(process) == "ready"
        assert let_end(process) == 0


@as_root
def test_a_user_without_a_home_is_told_what_to_do(programs: Path) -> None:
    for home in ("/nonexistent", "/proc"):
        with running(_USER, "-", programs, _user().pw_uid, home) as process:
            told = line(process)
            assert let_end(process) == 0
        assert told.startswith(f"data_directory_unusable The data directory {home}/.local/share/holdfast")
        assert "--data-dir" in told


@as_root
def test_a_user_may_not_use_anothers_data_directory(tmp_path: Path, public: Path, programs: Path) -> None:
    with (
        EmbeddedServer.start(public / "data", parameters=QUICK),
        running(_USER, public / "data", programs, _user().pw_uid, public) as process,
    ):
        told = line(process)
        assert let_end(process) == 0
    assert told.startswith("data_directory_unusable")


@as_root
def test_a_user_id_without_a_name_is_told_what_to_do(public: Path, programs: Path) -> None:
    data_dir = public / "data"
    data_dir.mkdir()
    os.chown(data_dir, 59_999, 59_999)
    with running(_USER, data_dir, programs, 59_999, public) as process:
        told = line(process)
        assert let_end(process) == 0
    assert told.startswith("server_not_started The user id 59999 has no entry in the user database")


@as_root
def test_roots_server_runs_as_an_account_of_its_own_below_closed_folders(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedServer.start(closed / "data", parameters=QUICK) as server:
        account = server_account(DataDirectory(closed / "data"))
        assert not account.is_named
        ids = {*said(servers_on(closed), lambda found: found.uids())}
        ids |= {*said(servers_on(closed), lambda found: found.gids())}
        assert {number for three in ids for number in three} == {account.uid}
        with psycopg.connect(server.conninfo) as connection:
            row = connection.execute("SELECT pg_read_file('/proc/self/status')").fetchone()
        assert row is not None
        assert "Groups:\t \n" in row[0] or "Groups:\t\n" in row[0]  # none of root's
    assert closed.stat().st_mode & 0o777 == 0o700
    assert (closed / "data" / "postgres").stat().st_uid == account.uid


@as_root
def test_roots_server_cannot_read_what_is_roots(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("root's")
    secret.chmod(0o600)
    with (
        EmbeddedServer.start(tmp_path / "data", parameters=QUICK) as server,
        psycopg.connect(server.conninfo, autocommit=True) as connection,
    ):
        for closed in (secret, tmp_path / "data" / "password"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT pg_read_file(%s)", (str(closed),))


@as_root
def test_root_on_a_users_data_directory_leaves_it_to_the_user(public: Path, programs: Path) -> None:
    uid = _user().pw_uid
    data_dir = public / "data"
    data_dir.mkdir()
    os.chown(data_dir, uid, uid)
    with EmbeddedServer.start(data_dir, parameters=QUICK):
        assert set(said(servers_on(data_dir), lambda found: found.uids().real)) == {uid}
        assert {path.lstat().st_uid for path in data_dir.rglob("*")} == {uid}
    with running(_USER, data_dir, programs, uid, public) as process:
        assert line(process) == "ready"
        assert let_end(process) == 0


@as_root
def test_a_cluster_that_root_copied_here_is_handed_over(tmp_path: Path) -> None:
    with (
        EmbeddedServer.start(tmp_path / "data", parameters=QUICK) as server,
        psycopg.connect(server.conninfo) as connection,
    ):
        connection.execute("CREATE TABLE kept ()")
        connection.commit()
    shutil.copytree(tmp_path / "data", tmp_path / "copy")  # all of it is root's now
    with (
        EmbeddedServer.start(tmp_path / "copy", parameters=QUICK) as server,
        psycopg.connect(server.conninfo) as connection,
    ):
        assert connection.execute("TABLE kept").fetchall() == []


@as_root
def test_programs_that_the_account_cannot_reach_are_copied_once(tmp_path: Path, public: Path) -> None:
    closed = tmp_path / "closed"
    original = copy_of(installed(), closed)  # below a folder of mode 0700
    account = Account(59_999, 59_999, other=True)
    tmp_path.chmod(0o700)
    assert not original.run_by(account)
    copied = copy_of(original, public / "cache")
    assert copied.run_by(account)
    again = copy_of(original, public / "cache")
    assert again == copied
    assert len(list((public / "cache").iterdir())) == 1


@as_root
def test_a_cache_that_others_may_write_is_not_used(public: Path) -> None:
    (public / "cache").mkdir()
    (public / "cache").chmod(0o777)
    with pytest.raises(PermissionError):
        copy_of(installed(), public / "cache")


@as_root
def test_a_socket_folder_that_another_laid_out_is_not_used(
    tmp_path: Path, public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public.chmod(0o1777)
    monkeypatch.setattr(runtime, "_SHARED", (public,))
    monkeypatch.setattr(runtime, "_places", lambda: (public,))
    data = DataDirectory.prepare(tmp_path / "data")
    account = server_account(data)
    usual = runtime.make_socket_folder(data, account, None)
    assert runtime.make_socket_folder(data, account, None) == usual  # what a killed one left is used again
    usual.rmdir()
    usual.mkdir()
    os.chown(usual, 59_999, 59_999)
    other = runtime.make_socket_folder(data, account, None)
    assert other != usual
    assert other.stat().st_uid == account.uid
    assert other.stat().st_mode & 0o777 == 0o700


@as_root
def test_two_data_directories_of_root_do_not_share_an_account_by_rule(tmp_path: Path) -> None:
    accounts = {server_account(DataDirectory(tmp_path / str(number))).uid for number in range(20)}
    assert len(accounts) > 10
    assert all(60_706 <= uid <= 61_183 for uid in accounts)
    assert server_account(DataDirectory(tmp_path / "1")) == server_account(DataDirectory(tmp_path / "1"))


def test_initdb_is_run_by_an_account_that_has_a_name() -> None:
    named = Account(os.geteuid(), os.getegid(), other=False)
    assert maker_account(named) == named
    with pytest.raises(ServerNotStarted, match="DATABASE_URL"):
        maker_account(Account(59_999, 59_999, other=False))
