"""Installs Alembic and yoyo (PyPI) and dbmate (npm) into ``.check/peers``, once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".check" / "peers"
PACKAGES = ("alembic==1.20.1", "yoyo-migrations==9.0.0", "psycopg[binary]==3.3.9", "setuptools<81")
DBMATE = "dbmate@2.36.0"


def program(name: str) -> Path | None:
    """Return a peer's program, installed on first use; None where it cannot be had here."""
    return _dbmate() if name == "dbmate" else _environment() / "bin" / name


def _environment() -> Path:
    place = FOLDER / "python"
    if not (place / "installed").exists():
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        subprocess.run([place / "bin" / "pip", "install", "--quiet", *PACKAGES], check=True)
        (place / "installed").touch()
    return place


def _dbmate() -> Path | None:
    place = FOLDER / "npm"
    if not place.exists() and shutil.which("npm"):
        command = ["npm", "install", "--no-save", "--ignore-scripts", "--prefix", str(place), DBMATE]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            sys.stderr.write(ended.stderr)
    return next(place.glob("node_modules/@dbmate/*/bin/dbmate"), None)
