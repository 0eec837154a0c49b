"""A first use that is killed, that fails, or that happens twice at once leaves nothing broken behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.scripts.clones import Clone, make_clone, wait_until

UV = Path(sys.executable).with_name("uv")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return make_clone(tmp_path, uv=str(UV))


def wait_for_building(clone: Clone) -> None:
    wait_until((clone.root / "building").exists, what="the package to be built")


@pytest.mark.parametrize("changed", [False, True], ids=["first use", "changed requirements"])
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_set_up_is_started_anew(
    clone: Clone, ending: signal.Signals, *, changed: bool
) -> None:
    if changed:
        clone.run()
        clone.set_version("2.0")
        (clone.root / "building").unlink()
    (clone.root / "wait").touch()
    with clone.started() as process:
        wait_for_building(clone)
        os.killpg(process.pid, ending)
        output, _ = process.communicate(timeout=30)
    assert process.returncode != 0
    assert output == ""
    (clone.root / "wait").unlink()
    again = clone.run()
    assert json.loads(again.stdout)["version"] == ("2.0" if changed else "1.0")
    assert clone.run().stderr == ""


def test_what_a_killed_script_left_running_is_waited_for(clone: Clone) -> None:
    (clone.root / "wait").touch()
    with clone.started() as first:
        wait_for_building(clone)
        first.kill()
        first.wait()
        with clone.started() as second:
            assert second.stderr is not None
            assert "waiting for it" in second.stderr.readline()
            (clone.root / "wait").unlink()
            output, errors = second.communicate(timeout=30)
    assert json.loads(output)["version"] == "1.0"
    assert "starting anew" in errors


def test_first_uses_at_once_set_up_once(clone: Clone) -> None:
    (clone.root / "wait").touch()
    with ExitStack() as stack:
        processes = [stack.enter_context(clone.started(str(number))) for number in range(4)]
        wait_for_building(clone)
        (clone.root / "wait").unlink()
        ended = [process.communicate(timeout=60) for process in processes]
    assert [json.loads(output)["arguments"] for output, _ in ended] == [["0"], ["1"], ["2"], ["3"]]
    assert sum("first use: setting up" in errors for _, errors in ended) == 1
    assert [process.returncode for process in processes] == [0, 1, 2, 3]


def test_a_failed_first_use_says_so_and_is_tried_again(clone: Clone) -> None:
    (clone.root / "broken").touch()
    failed = clone.run()
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "could not be installed" in failed.stderr
    assert "this cannot be built" in failed.stderr
    (clone.root / "broken").unlink()
    assert clone.run().returncode == 0


def test_a_failed_change_keeps_what_was_installed(clone: Clone) -> None:
    clone.run()
    (clone.root / "broken").touch()
    original = (clone.root / "pyproject.toml").read_text()
    clone.set_version("2.0")
    failed = clone.run()
    assert (failed.returncode, failed.stdout) == (1, "")
    (clone.root / "pyproject.toml").write_text(original)
    back = clone.run()
    assert (json.loads(back.stdout)["version"], back.stderr) == ("1.0", "")


@pytest.mark.parametrize(
    "rounds", [pytest.param(8, id="short"), pytest.param(200, id="long", marks=pytest.mark.long)]
)
def test_kills_at_any_moment_leave_nothing_broken(clone: Clone, rounds: int) -> None:
    """After each kill the environment is either whole and used at once, or made anew by the next use."""
    moments = random.Random(rounds)  # noqa: S311  the same moments at every run
    for number in range(rounds):
        with clone.started("x") as process, suppress(subprocess.TimeoutExpired):
            process.wait(timeout=moments.uniform(0, 0.6))
        if moments.random() < 0.3:
            clone.set_version(f"2.{number}")
    whole = clone.run("x")
    assert json.loads(whole.stdout)["version"] in (clone.root / "pyproject.toml").read_text()
    assert (clone.run("x").stderr, whole.returncode) == ("", 0)
