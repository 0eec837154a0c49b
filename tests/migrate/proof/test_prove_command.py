"""``holdfast migrate prove``: what it prints, how it exits, and what up makes of the certificate."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from holdfast.cli.main import cli
from holdfast.errors import WrongUse
from tests.fixtures.migrations import table


def _run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        cli,
        ["migrate", "--dir", str(folder), "--system", "shop", *arguments, "--data-dir", str(folder / "data")],
    )


def test_a_folder_is_proven_and_the_certificate_tells_when_it_is_edited(tmp_path: Path) -> None:
    file = tmp_path / "0001_lamps.sql"
    file.write_text(table("public.lamps"))
    assert _run(tmp_path, "prove", "--majors", "18", "--check").exit_code == 1  # never proven
    proven = _run(tmp_path, "prove", "--majors", "18", "--json")
    assert proven.exit_code == 0, proven.output
    (result,) = json.loads(proven.stdout)
    assert result["proven"] is True
    assert result["kills"] == 3
    again = _run(tmp_path, "prove", "--majors", "18")
    assert "Nothing has changed since it was proven." in again.stdout
    assert _run(tmp_path, "prove", "--majors", "18", "--check").exit_code == 0
    assert _run(tmp_path, "prove", "--majors", "18,16", "--check").exit_code == 1
    file.write_text(table("public.lamps") + "-- edited\n")
    stale = _run(tmp_path, "prove", "--majors", "18", "--check")
    assert stale.exit_code == 1
    assert "has changed since it was proven" in stale.stdout


def test_a_file_that_fails_is_told_with_what_to_do_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "0001_lamps.sql").write_text("-- UP\nCREATE TABLE public.lamps ();\n-- DOWN\nSELECT 1;\n")
    failed = _run(tmp_path, "prove", "--majors", "18", "--workers", "1")
    assert failed.exit_code == 1
    assert "unexpected: table public.lamps" in failed.stderr
    assert "Let -- DOWN undo all that -- UP does" in failed.stderr
    assert "failed" in failed.stdout


def test_a_version_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "0001_lamps.sql").write_text(table("public.lamps"))
    for majors in ("9", "new"):
        assert isinstance(_run(tmp_path, "prove", "--majors", majors).exception, WrongUse)
