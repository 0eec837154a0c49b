"""What is said of tests that could not run, and that CI takes none of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PYTEST = (sys.executable, "-m", "pytest", "-p", "tests.fixtures.missing_parts")
TESTS = """\
import pytest
from tests.fixtures.missing_parts import missing

@pytest.fixture(scope="session")
def anvil():
    missing("anvil", "npm is not installed")

@pytest.mark.parametrize("number", range(3))
def test_chain(anvil, number):
    raise AssertionError

def test_other():
    pass

def test_of_another_system():
    pytest.skip("needs a Mac")
"""


def run(folder: Path, *options: str, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_parts.py").write_text(TESTS)
    root = Path(__file__).parents[2]
    return subprocess.run(
        [*PYTEST, "-c", os.devnull, *options, "--rootdir", folder, folder],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root), "CI": ci, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("options", [["-n", "0"], ["-n", "2"]], ids=["one process", "two processes"])
def test_one_block_names_the_tests_and_why(tmp_path: Path, options: list[str]) -> None:
    ran = run(tmp_path, *options, ci="")
    assert ran.returncode == 0
    _, _, block = ran.stdout.partition("Did not run")
    assert "anvil is missing: npm is not installed: 3 tests\n    test_parts.py::test_chain[0]\n" in block
    assert "needs a Mac: 1 test\n    test_parts.py::test_of_another_system\n" in block
    assert "1 passed, 4 skipped" in block.splitlines()[-1]


def test_in_ci_a_missing_part_is_a_failure(tmp_path: Path) -> None:
    ran = run(tmp_path, "-n", "2", ci="true")
    assert ran.returncode == 1
    assert "anvil is missing: npm is not installed" in ran.stdout
    assert "1 passed, 1 skipped, 3 errors" in ran.stdout
