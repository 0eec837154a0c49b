"""Throwaway servers: each version at hand, nothing reachable by others, nothing left however it ends."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from holdfast.errors import NotFound
from holdfast.postgres.embedded.errors import ServerNotStarted
from holdfast.postgres.throwaway.servers import majors_at_hand, throwaway_server
from tests.fixtures.owners import until

_OWNER = """
import sys
from holdfast.postgres.throwaway.servers import throwaway_server
with throwaway_server(18) as conninfo:
    print(conninfo, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def short_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of this test's own for throwaway servers, short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="hf-") as place:
        Path(place).chmod(0o755)
        monkeypatch.setenv("TMPDIR", place)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(place)


def _folder(conninfo: str) -> Path:
    return Path(str(conninfo_to_dict(conninfo)["host"])).parent


def test_the_wheel_s_versions_are_at_hand_newest_first() -> None:
    assert {18, 16} <= set(majors_at_hand())
    assert list(majors_at_hand()) == sorted(majors_at_hand(), reverse=True)


@pytest.mark.parametrize("major", majors_at_hand())
def test_each_version_runs_without_tcp_and_leaves_nothing(major: int) -> None:
    with throwaway_server(major, parameters={"work_mem": "5MB"}) as conninfo:
        folder = _folder(conninfo)
        assert stat.S_IMODE((folder / "socket").stat().st_mode) == 0o700
        with psycopg.connect(conninfo, autocommit=True) as connection:
            assert connection.info.server_version // 10_000 == major
            shown = connection.execute(
                "SELECT current_setting('listen_addresses'), current_setting('fsync'),"
                " current_setting('work_mem'), current_setting('server_encoding'),"
                " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
            ).fetchone()
            assert shown == ("", "off", "5MB", "UTF8", True)
    assert not folder.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo)


def test_a_version_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(NotFound, match="PostgreSQL 9") as raised, throwaway_server(9):
        pass
    assert "18" in (raised.value.hint or "")


def test_a_parameter_that_the_server_refuses_is_told_and_nothing_is_left(short_place: Path) -> None:
    with (
        pytest.raises(ServerNotStarted, match="no_such_thing"),
        throwaway_server(18, parameters={"no_such_thing": "1"}),
    ):
        pass
    assert list(short_place.iterdir()) == []


def test_a_killed_owner_s_server_ends_and_the_next_one_removes_its_folder(short_place: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(short_place)},
    )
    assert owner.stdout is not None
    assert owner.stdin is not None
    conninfo = owner.stdout.readline().strip()
    psycopg.connect(conninfo).close()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdin.close()
    owner.stdout.close()
    until(lambda: not _answers(conninfo), "the server ends")
    with throwaway_server(18):
        assert not _folder(conninfo).exists()


def _imitation(place: Path, cluster: Path) -> Path:
    """Make what looks like the folder of a killed owner, with another cluster in the place of its own."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    (place / "lock").touch(mode=0o600)
    (place / "data").symlink_to(cluster)
    return place


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make folders of other accounts")
def test_root_heeds_no_folder_of_another_account(short_place: Path) -> None:
    with throwaway_server(18) as victim:
        cluster = _folder(victim) / "data"
        ours = short_place / "holdfast-throwaway-0"
        for imitation in (short_place / "holdfast-throwaway-evil", ours / "evil"):
            os.chown(_imitation(imitation, cluster), 65534, 65534)
        with throwaway_server(18):
            pass
        assert _answers(victim)
        assert (ours / "evil").exists()


def test_a_link_in_a_folder_of_ours_is_not_followed(short_place: Path) -> None:
    with throwaway_server(18) as victim:
        made = _imitation(_folder(victim).parent / "killed", _folder(victim) / "data")
        with throwaway_server(18):
            pass
        assert _answers(victim)
        assert not made.exists()


@pytest.mark.parametrize("how", ["link", "open", "another account's"])
def test_a_place_that_is_not_ours_alone_is_refused(short_place: Path, how: str) -> None:
    place = short_place / f"holdfast-throwaway-{os.geteuid()}"
    if how == "link":
        place.symlink_to(short_place)
    else:
        place.mkdir()
        place.chmod(0o777 if how == "open" else 0o700)
    if how == "another account's":
        if os.geteuid() != 0:
            pytest.skip("only root can make folders of other accounts")
        os.chown(place, 65534, 65534)
    with pytest.raises(ServerNotStarted, match="belongs to this account alone"), throwaway_server(18):
        pass


def test_nobody_but_us_may_write_or_list_a_server_s_folder(short_place: Path) -> None:
    with throwaway_server(18) as conninfo:
        for folder in (_folder(conninfo), _folder(conninfo).parent):
            found = folder.stat()
            assert found.st_uid == os.geteuid()
            assert found.st_mode & 0o066 == 0
        assert stat.S_IMODE((_folder(conninfo) / "data").stat().st_mode) == 0o700


def test_a_forked_child_that_is_killed_leaves_the_server_running() -> None:
    with throwaway_server(18) as conninfo:
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        with psycopg.connect(conninfo) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def _answers(conninfo: str) -> bool:
    try:
        psycopg.connect(conninfo).close()
    except psycopg.OperationalError:
        return False
    return True
