"""The one door to PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from holdfast.errors import WrongUse
from holdfast.postgres.embedded.errors import DataDirectoryOccupied
from holdfast.postgres.embedded.ownership import living_owner
from holdfast.postgres.reach import reach
from holdfast.settings import Settings
from tests.fixtures.owners import servers_on

QUICK = Settings({"HOLDFAST_EMBEDDED_PARAMETERS": "fsync=off,shared_buffers=16MB"})


def test_without_settings_it_is_the_embedded_server_of_the_data_directory(tmp_path: Path) -> None:
    with reach(QUICK, tmp_path, purpose="up", own=True) as reached:
        assert reached.embedded
        assert reached.is_owner
        assert reached.endpoint.embedded
        assert str(tmp_path) in reached.endpoint.origin
        assert (tmp_path / "password").read_text().strip() not in reached.endpoint.shown
        with psycopg.connect(reached.endpoint.conninfo) as connection:
            assert connection.execute("SHOW fsync").fetchone() == ("off",)
        with reach(QUICK, tmp_path, purpose="status") as guest:
            assert guest.embedded
            assert not guest.is_owner
    assert servers_on(tmp_path) == []


def test_what_the_settings_name_stands_before_the_embedded_server(tmp_path: Path) -> None:
    named = Settings({"DATABASE_URL": "postgresql://someone:secret@127.0.0.1:1/elsewhere"})
    with reach(named, tmp_path / "data", purpose="up", own=True) as reached:
        assert not reached.embedded
        assert not reached.is_owner
        assert reached.endpoint.origin == "DATABASE_URL"
    assert not (tmp_path / "data").exists()


def test_embedded_may_be_insisted_on(tmp_path: Path) -> None:
    named = QUICK.with_overrides({"DATABASE_URL": "postgresql://someone:secret@127.0.0.1:1/elsewhere"})
    with reach(named, tmp_path, purpose="up", own=True, embedded=True) as reached:
        assert reached.embedded
        with psycopg.connect(reached.endpoint.conninfo) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("holdfast",)


def test_settings_say_how_long_an_up_waits(tmp_path: Path) -> None:
    impatient = QUICK.with_overrides({"HOLDFAST_EMBEDDED_WAIT_FOR_OWNER": "50ms"})
    with reach(QUICK, tmp_path, purpose="migrate up"):
        with (
            pytest.raises(DataDirectoryOccupied, match="migrate up"),
            reach(impatient, tmp_path, purpose="up", own=True),
        ):
            pass
        assert living_owner(tmp_path) is not None


def test_parameters_that_cannot_be_meant_start_nothing(tmp_path: Path) -> None:
    wrong = Settings({"HOLDFAST_EMBEDDED_PARAMETERS": "fsync"})
    with pytest.raises(WrongUse, match="name=value"), reach(wrong, tmp_path / "data", purpose="up"):
        pass
    assert not (tmp_path / "data").exists()
