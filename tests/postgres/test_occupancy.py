"""Who owns a data directory's server, and who uses it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import psycopg
import pytest

from holdfast.errors import WrongUse
from holdfast.postgres.embedded.errors import DataDirectoryOccupied
from holdfast.postgres.embedded.occupancy import acquire, default_data_dir, living_owner
from holdfast.postgres.embedded.options import Options
from holdfast.settings import Settings
from tests.fixtures.owners import QUICK, all_gone, below, let_end, line, occupant, servers_on, until

OPTIONS = Options(parameters=QUICK)


def works(conninfo: str) -> bool:
    with psycopg.connect(conninfo) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_who_finds_no_server_runs_one_as_long_as_it_needs_it(tmp_path: Path) -> None:
    assert living_owner(tmp_path) is None
    with acquire(tmp_path, purpose="migrate up", options=OPTIONS) as occupied:
        assert occupied.is_owner
        assert works(occupied.conninfo)
        note = living_owner(tmp_path)
        assert note is not None
        assert (note.pid, note.purpose, note.state) == (os.getpid(), "migrate up", "ready")
    assert living_owner(tmp_path) is None
    assert servers_on(tmp_path) == []


def test_who_finds_a_server_is_its_guest(tmp_path: Path) -> None:
    with acquire(tmp_path, purpose="up", own=True, options=OPTIONS) as owner:
        with acquire(tmp_path, purpose="status", options=OPTIONS) as guest:  # here in the same process
            assert not guest.is_owner
            assert guest.server is None
            assert works(guest.conninfo)
        with occupant(tmp_path, "status") as other:  # here in another
            assert line(other) == "guest"
            assert let_end(other) == 0
        assert works(owner.conninfo)


def test_an_owner_tells_others_what_it_announces(tmp_path: Path) -> None:
    with acquire(tmp_path, purpose="up", own=True, options=OPTIONS) as owner:
        owner.announce(address="http://127.0.0.1:3000")
        owner.announce(demo=True)
        note = living_owner(tmp_path)
        assert note is not None
        assert note.lasting
        assert note.announced == {"address": "http://127.0.0.1:3000", "demo": True}
        with (
            acquire(tmp_path, purpose="status", options=OPTIONS) as guest,
            pytest.raises(WrongUse, match="owner"),
        ):
            guest.announce(address="http://nowhere")


def test_first_starts_at_the_same_time_make_one_owner_and_guests(tmp_path: Path) -> None:
    with (
        occupant(tmp_path, "one") as one,
        occupant(tmp_path, "two") as two,
        occupant(tmp_path, "three") as three,
        occupant(tmp_path, "four") as four,
    ):
        everybody = (one, two, three, four)
        assert sorted(map(line, everybody)) == ["guest", "guest", "guest", "owner"]
        for process in everybody:
            assert process.stdin is not None
            process.stdin.close()
        assert [process.wait(20) for process in everybody] == [0, 0, 0, 0]
    assert servers_on(tmp_path) == []


def test_an_owner_that_is_done_waits_for_its_guests_and_says_so(tmp_path: Path) -> None:
    with occupant(tmp_path, "migrate up") as owner:
        assert line(owner) == "owner"
        with occupant(tmp_path, "psql") as guest:
            assert line(guest) == "guest"
            assert owner.stdin is not None
            owner.stdin.close()
            assert owner.stderr is not None
            assert "waiting for other processes" in owner.stderr.readline()
            with occupant(tmp_path, "late") as late:  # takes no place with an owner that is about to end
                assert let_end(guest) == 0
                assert owner.wait(20) == 0
                assert line(late) == "owner"
                assert let_end(late) == 0


def test_an_owner_that_is_done_and_interrupted_cuts_its_guests_off(tmp_path: Path) -> None:
    with occupant(tmp_path, "migrate up") as owner, occupant(tmp_path, "psql") as guest:
        said = {line(owner), line(guest)}
        assert said == {"owner", "guest"}
        note = living_owner(tmp_path)
        assert note is not None
        first = owner if owner.pid == note.pid else guest
        assert first.stdin is not None
        first.stdin.close()
        assert first.stderr is not None
        first.stderr.readline()
        first.send_signal(signal.SIGINT)
        assert first.wait(20) != 0
        assert servers_on(tmp_path) == []


def test_an_up_does_not_wait_for_guests(tmp_path: Path) -> None:
    with occupant(tmp_path, "up", own=True) as up:
        assert line(up) == "owner"
        with occupant(tmp_path, "psql") as guest:
            assert line(guest) == "guest"
            assert let_end(up) == 0
            assert servers_on(tmp_path) == []


def test_an_up_waits_for_a_command_to_end_and_says_for_whom(tmp_path: Path) -> None:
    with occupant(tmp_path, "migrate up") as command:
        assert line(command) == "owner"
        with occupant(tmp_path, "up", own=True) as up:
            assert up.stderr is not None
            assert f"waiting for process {command.pid} (migrate up)" in up.stderr.readline()
            assert let_end(command) == 0
            assert line(up) == "owner"
            assert let_end(up) == 0


def test_an_up_gives_up_and_names_who_holds_the_data_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with occupant(tmp_path, "backup") as command:
        assert line(command) == "owner"
        impatient = Options(parameters=QUICK, wait_for_owner=0.1)
        with (
            pytest.raises(DataDirectoryOccupied) as told,
            acquire(tmp_path, purpose="up", own=True, options=impatient),
        ):
            pass
        assert told.value.retryable
        assert told.value.exit_code == 3
        assert told.value.details == {"pid": command.pid, "purpose": "backup"}
        assert capsys.readouterr().err.count("waiting for process") == 1
        assert let_end(command) == 0


def test_after_an_owner_was_killed_the_next_one_serves(tmp_path: Path) -> None:
    with occupant(tmp_path, "up", own=True) as up:
        assert line(up) == "owner"
        left = below(up)
        up.kill()
        up.wait()
        # At once, while the guard is still stopping the server: not its guest, and not in its way.
        with acquire(tmp_path, purpose="status", options=OPTIONS) as occupied:
            assert occupied.is_owner
            assert works(occupied.conninfo)
        until(lambda: all_gone(left), "the killed owner's server is gone")


def test_a_guest_whose_owner_dies_before_it_is_ready_becomes_the_owner(tmp_path: Path) -> None:
    with occupant(tmp_path, "up", own=True) as up:
        until(lambda: any(tmp_path.glob("postgres.new-*")), "the first start has begun")
        with occupant(tmp_path, "status") as guest:
            up.kill()
            up.wait()
            assert line(guest) == "owner"
            assert let_end(guest) == 0


def test_an_error_in_the_owners_work_stops_the_server(tmp_path: Path) -> None:
    def fail() -> None:
        with acquire(tmp_path, purpose="test", options=OPTIONS):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert servers_on(tmp_path) == []
    assert living_owner(tmp_path) is None


def test_looking_who_owns_it_makes_nothing_and_disturbs_nobody(tmp_path: Path) -> None:
    assert living_owner(tmp_path / "not there") is None
    assert not (tmp_path / "not there").exists()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            living_owner(tmp_path)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(3):
            with acquire(tmp_path, purpose="up", own=True, options=OPTIONS) as occupied:
                assert occupied.is_owner
    finally:
        stop.set()
        looking.join()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HOLDFAST_DATA_DIR": "/srv/it", "HOME": "/home/a"}, "/srv/it"),
        ({"XDG_DATA_HOME": "/data/of/a", "HOME": "/home/a"}, "/data/of/a/holdfast"),
        ({"XDG_DATA_HOME": "relative", "HOME": "/home/a"}, "/home/a/.local/share/holdfast"),
        ({"HOME": "/home/a"}, "/home/a/.local/share/holdfast"),
    ],
)
def test_default_data_directory(environment: dict[str, str], expected: str) -> None:
    assert default_data_dir(Settings(environment)) == Path(expected)


def test_no_home_is_said_with_a_way_out() -> None:
    with pytest.raises(WrongUse, match="--data-dir"):
        default_data_dir(Settings({"HOME": "relative"}))
