"""What ./holdfast does on first use and after: by pip and by uv, called from anywhere, as anybody."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.missing_parts import missing
from tests.scripts.clones import Clone, make_clone

UV = Path(sys.executable).with_name("uv")
NOBODY = 65534


@pytest.fixture(params=["pip", "uv"])
def clone(request: pytest.FixtureRequest, tmp_path: Path) -> Clone:
    return make_clone(tmp_path, uv=str(UV) if request.param == "uv" else None)


@pytest.fixture
def quick(tmp_path: Path) -> Clone:
    """A clone whose environment is made by uv, which takes a moment."""
    return make_clone(tmp_path, uv=str(UV))


def test_the_first_use_sets_up_and_later_ones_just_run(clone: Clone) -> None:
    first = clone.run("with a space", "--json")
    assert json.loads(first.stdout) == {"version": "1.0", "arguments": ["with a space", "--json"]}
    assert first.returncode == 0
    assert "first use" in first.stderr
    made = (clone.environment / "holdfast-installed").stat().st_mtime_ns
    assert not (clone.environment / "holdfast-unfinished").exists()

    later = clone.run("3")
    assert (later.returncode, later.stderr) == (3, "")
    assert (clone.environment / "holdfast-installed").stat().st_mtime_ns == made


# Python as Debian packages it: nothing makes environments, and pip may stand outside of them.
AS_IN_DEBIAN = """\
import os, sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name == "ensurepip" or (name == "pip" and sys.prefix == sys.base_prefix and not PIP):
            raise ImportError(f"{name} is not here, as in Debian")

PIP = os.environ["PIP_OUTSIDE"]
sys.meta_path.insert(0, Hidden())
if PIP and sys.prefix == sys.base_prefix:
    sys.path.append(PIP)
"""


@pytest.fixture
def bare(tmp_path: Path) -> Clone:
    """A clone where Python makes no environments."""
    clone = make_clone(tmp_path)
    customised = tmp_path / "customised"
    customised.mkdir()
    (customised / "sitecustomize.py").write_text(AS_IN_DEBIAN)
    clone.more = {"PYTHONPATH": str(customised), "PIP_OUTSIDE": ""}
    return clone


def test_where_nothing_makes_environments_it_says_so(bare: Clone) -> None:
    refused = bare.run()
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "cannot make environments" in refused.stderr
    assert "install uv" in refused.stderr
    assert not bare.environment.exists()


def test_a_pip_outside_of_the_environment_installs_into_it(bare: Clone, tmp_path: Path) -> None:
    pip = importlib.util.find_spec("pip")
    if pip is None or pip.origin is None:
        pytest.skip("uv made this environment, without pip")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "pip").symlink_to(Path(pip.origin).parent)
    bare.more = {**bare.more, "PIP_OUTSIDE": str(outside)}
    assert bare.run().returncode == 0
    assert not list(bare.environment.glob("lib/python*/site-packages/pip"))


def test_it_is_called_by_a_link_and_by_name(quick: Clone, tmp_path: Path) -> None:
    own = tmp_path / "own programs"
    own.mkdir()
    (own / "direct").symlink_to(quick.root / "holdfast")
    (own / "hf").symlink_to("direct")
    assert quick.run(script=own / "hf").returncode == 0
    quick.more = {"PATH": f"{own}:{quick.programs}"}
    by_name = subprocess.run(
        ["hf", "x"], env=quick.variables(), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(by_name.stdout)["arguments"] == ["x"]
    by_shell = subprocess.run(
        ["sh", "holdfast"], env=quick.variables(), cwd=quick.root, capture_output=True, text=True, check=True
    )
    assert by_shell.stderr == ""
    assert not (own / ".venv").exists()


def test_changed_requirements_are_installed_again(clone: Clone) -> None:
    clone.run()
    clone.set_version("2.0")
    again = clone.run()
    assert json.loads(again.stdout)["version"] == "2.0"
    assert "has changed" in again.stderr
    assert clone.run().stderr == ""


def test_changed_code_is_run_as_it_stands(quick: Clone) -> None:
    quick.run()
    command = quick.root / "src" / "tiny" / "command.py"
    command.write_text(command.read_text().replace('"version"', '"revision"'))
    later = quick.run()
    assert json.loads(later.stdout)["revision"] == "1.0"
    assert later.stderr == ""


def test_a_moved_clone_is_set_up_anew(quick: Clone, tmp_path: Path) -> None:
    quick.run()
    quick.root = quick.root.rename(tmp_path / "elsewhere")
    moved = quick.run()
    assert (moved.returncode, json.loads(moved.stdout)["version"]) == (0, "1.0")
    assert "of another place" in moved.stderr
    assert str(quick.root) in (quick.environment / "bin" / "holdfast").read_text()


def test_a_vanished_python_is_noticed(quick: Clone) -> None:
    quick.run()
    for link in quick.environment.glob("bin/python*"):
        link.unlink()
        link.symlink_to("/nowhere/python3")
    assert quick.run().returncode == 0


def test_a_python_that_is_too_old_is_refused(tmp_path: Path) -> None:
    clone = make_clone(tmp_path, python=None)
    old = clone.programs / "python3"
    old.write_text("#!/bin/sh\necho 3.9 /usr/bin/python3.9\n")
    old.chmod(0o755)
    refused = clone.run()
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Python 3.11 or newer is needed; found is only 3.9." in refused.stderr
    assert not clone.environment.exists()

    (clone.programs / "python3.12").symlink_to(Path(sys.executable).resolve())
    assert clone.run().returncode == 0


def test_somebody_elses_environment_is_used_and_not_removed(quick: Clone) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", quick.environment], check=True)
    kept = quick.environment / "kept"
    kept.touch()
    assert quick.run().returncode == 0
    assert kept.exists()
    assert quick.run().stderr == ""


def test_a_folder_that_is_no_environment_is_refused_and_kept(quick: Clone) -> None:
    kept = quick.environment / "kept"
    quick.environment.mkdir()
    kept.touch()
    refused = quick.run()
    assert refused.returncode == 1
    assert "Move it away" in refused.stderr
    assert kept.exists()


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _python_for_everybody() -> str:
    for name in ("python3", "python3.13", "python3.12", "python3.11"):
        path = shutil.which(name, path="/usr/local/bin:/usr/bin")
        if path is not None and _is_new_enough(path):
            return path
    missing("Python for an ordinary user", "no Python 3.11 or newer stands in /usr/bin or /usr/local/bin")


def _is_new_enough(python: str) -> bool:
    asked = subprocess.run([python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False)
    return asked.returncode == 0


def test_a_clone_of_somebody_else_gets_an_environment_of_the_users_own(readable: Path) -> None:
    root = os.geteuid() == 0
    clone = make_clone(readable, python=_python_for_everybody() if root else sys.executable)
    shutil.copy(UV.resolve(), clone.programs / "uv")
    if root:
        os.chown(clone.home, NOBODY, NOBODY)
        clone.user = NOBODY
    else:
        clone.root.chmod(0o555)
        (clone.root / "src").chmod(0o555)
    try:
        for first in (True, False):
            ran = clone.run("x")
            assert json.loads(ran.stdout) == {"version": "1.0", "arguments": ["x"]}
            assert ("first use" in ran.stderr) is first
        assert not clone.environment.exists()
        assert list(clone.home.glob(".cache/holdfast/environments/*/holdfast-installed"))
    finally:
        clone.root.chmod(0o755)
        (clone.root / "src").chmod(0o755)
