"""A kill that does not happen proves nothing: a child that fails is told of, not taken for a proof."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from holdfast.migrate.proof import kills
from holdfast.migrate.proof.filewise import Found, prove_file
from holdfast.migrate.proof.stage import Stage
from tests.fixtures.migrations import migration_files, table

_BROKEN = "-- UP\nSELECT 1 / 0;\n-- DOWN\nSELECT 1;\n"
_STEPS = "-- no-transaction\n" + table("public.lamps")
_run = kills._run


def _prove(server: str, content: str) -> Found:
    files = migration_files({"a/0001_t": content})
    with asyncio.Runner() as runner, Stage.open(runner, server, files) as stage:
        stage.forward([])
        stage.seed()
        return prove_file(stage, files.ordered[0], before=stage.fingerprint(), seed="1")


@pytest.mark.parametrize("content", [table("public.lamps"), _STEPS])
def test_a_child_that_fails_each_time_fails_the_file(
    server: str, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    async def refused(_life: object) -> None:
        raise ConnectionError("the server did not answer")

    monkeypatch.setattr(kills, "_run", refused)
    found = _prove(server, content)
    (failure,) = found.failures
    assert "It could not be killed" in failure.what
    assert "the server did not answer" in failure.what
    assert found.values["kills"] == 0


def test_a_child_that_fails_once_is_begun_again(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def refused_once(life: kills._Life) -> None:
        if not (tmp_path / "failed").exists():
            (tmp_path / "failed").touch()
            raise ConnectionError("the server did not answer")
        await _run(life)

    monkeypatch.setattr(kills, "_run", refused_once)
    found = _prove(server, table("public.lamps"))
    assert found.failures == []
    assert found.values["kills"] == 3
    assert (tmp_path / "failed").exists()


def test_a_file_that_fails_without_a_kill_is_told_by_its_own_error(server: str) -> None:
    (failure,) = _prove(server, _BROKEN).failures
    assert "division by zero" in failure.what


def test_a_child_that_fails_in_the_moment_before_its_death_is_killed_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail_and_die(life: kills._Life) -> None:
        os.write(life.pipe, b"a type is not known")
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(kills, "_run", fail_and_die)
    files = migration_files({"a/0001_t": table("public.lamps")})
    ended = kills.run_and_die("", files, files.ordered[0], "up", kills.Moment("before 1"))
    assert (ended.ending, ended.touched) == ("killed", None)
