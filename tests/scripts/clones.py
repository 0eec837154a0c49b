"""A clone with the real scripts and a package of its own that installs in a moment, without a network."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOLS = (
    "sh",
    "cat",
    "cp",
    "date",
    "env",
    "flock",
    "id",
    "ln",
    "mkdir",
    "mv",
    "readlink",
    "rm",
    "rmdir",
    "tail",
    "tr",
)

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["src"]

[project]
name = "tiny"
version = "1.0"
optional-dependencies = { test = [] }
"""

# Builds the editable wheel by hand. While the file `wait` stands in the clone, building does not end.
BACKEND = """\
import pathlib, time, tomllib, zipfile

def get_requires_for_build_editable(config_settings=None):
    return []

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    here = pathlib.Path.cwd()
    (here / "building").touch()
    while (here / "wait").exists():
        time.sleep(0.02)
    if (here / "broken").exists():
        raise SystemExit("this cannot be built")
    version = tomllib.loads((here / "pyproject.toml").read_text())["project"]["version"]
    name, info = f"tiny-{version}-py3-none-any.whl", f"tiny-{version}.dist-info"
    contents = {
        "tiny.pth": str(here / "src"),
        f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: tiny\\nVersion: {version}\\n"
        "Provides-Extra: test\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        f"{info}/entry_points.txt": "[console_scripts]\\nholdfast = tiny.command:main\\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(pathlib.Path(wheel_directory, name), "w") as wheel:
        for path, content in contents.items():
            wheel.writestr(path, content)
    return name
"""

COMMAND = """\
import importlib.metadata, json, sys

def main():
    print(json.dumps({"version": importlib.metadata.version("tiny"), "arguments": sys.argv[1:]}))
    sys.exit(int(sys.argv[1]) if sys.argv[1:2] and sys.argv[1].isdigit() else 0)
"""


@dataclass
class Clone:
    """A clone at ``root``, and the only programs that its scripts find: those in ``programs``."""

    root: Path
    programs: Path
    home: Path
    user: int | None = None
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> Path:
        """Where its Python environment stands by default."""
        return self.root / ".venv"

    def variables(self) -> dict[str, str]:
        """Return the environment variables of a run, PATH and HOME among them."""
        kept = {
            name: value for name, value in os.environ.items() if name.startswith(("SSL_", "PIP_CERT", "LANG"))
        }
        return {**kept, "PATH": str(self.programs), "HOME": str(self.home), "UV_OFFLINE": "1", **self.more}

    @contextmanager
    def started(self, *arguments: str, script: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """Start ``./holdfast`` in a process group of its own, which is killed where it is not at its end."""
        process = subprocess.Popen(
            [script or self.root / "holdfast", *arguments],
            cwd="/",
            env=self.variables(),
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def run(self, *arguments: str, script: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``./holdfast`` to its end."""
        with self.started(*arguments, script=script) as process:
            output, errors = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def set_version(self, version: str) -> None:
        """Change pyproject.toml as a later revision would."""
        file = self.root / "pyproject.toml"
        file.write_text(re.sub(r'(?m)^version = ".*"', f'version = "{version}"', file.read_text()))


def make_clone(folder: Path, *, python: str | None = sys.executable, uv: str | None = None) -> Clone:
    """Lay a clone into ``folder`` (in a subfolder whose name has a space), with these programs at hand."""
    root, programs, home = folder / "a clone", folder / "programs", folder / "home"
    (root / "src" / "tiny").mkdir(parents=True)
    programs.mkdir()
    home.mkdir()
    shutil.copytree(ROOT / "scripts", root / "scripts")
    shutil.copy(ROOT / "holdfast", root)
    (root / "README.md").write_text("A package for tests.\n")
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "src" / "backend").mkdir()
    (root / "src" / "backend" / "__init__.py").write_text(BACKEND)
    (root / "src" / "tiny" / "__init__.py").touch()
    (root / "src" / "tiny" / "command.py").write_text(COMMAND)
    for tool in TOOLS:
        if (path := shutil.which(tool)) is not None:
            (programs / tool).symlink_to(path)
    if python is not None:
        (programs / "python3").symlink_to(Path(python).resolve())
    if uv is not None:
        (programs / "uv").symlink_to(uv)
    return Clone(root, programs, home)


def wait_until(condition: Callable[[], bool], *, what: str, seconds: float = 30) -> None:
    """Wait for a condition that other processes bring about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
