"""Each tool's way to write a folder of migrations and to apply it; a user of the tool would do the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from bench.peers.installing import program


@dataclass(frozen=True)
class File:
    """A migration for any tool: what it does, what undoes it; ``alone``: outside of a transaction."""

    up: str
    down: str
    alone: bool = False


@dataclass(frozen=True)
class Target:
    """A database on a server that listens on the loopback interface."""

    port: int
    password: str
    name: str
    user: str = "holdfast"

    def url(self, scheme: str = "postgres") -> str:
        """Return the database's address."""
        return f"{scheme}://{self.user}:{quote(self.password)}@127.0.0.1:{self.port}/{self.name}"


@dataclass
class Tool:
    """A tool at work on one folder and one database."""

    folder: Path
    target: Target
    name: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Set the tool's name and what it needs in its environment."""

    def write(self, files: Sequence[File]) -> None:
        """Write the folder anew."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for number, file in enumerate(files, 1):
            self.write_one(number, file)

    def write_one(self, number: int, file: File) -> None:
        """Write one migration, or write it anew."""
        raise NotImplementedError

    def up(self) -> list[str]:
        """Return the command that applies everything."""
        raise NotImplementedError

    def looks(self) -> list[list[str]]:
        """Return the commands that would tell what is wrong."""
        raise NotImplementedError

    def start(self, command: Sequence[str]) -> subprocess.Popen[str]:
        """Start one of its commands."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: Sequence[str], *, within: float = 120) -> tuple[int, str]:
        """Run one of its commands to its end; return its exit code and what it printed."""
        started = self.start(command)
        try:
            printed, _ = started.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            started.kill()
            printed, _ = started.communicate()
            return -1, printed
        return started.returncode, printed


class Holdfast(Tool):
    """Holdfast on a folder of its own."""

    def __post_init__(self) -> None:
        self.name = "Holdfast"
        self.environment = {"DATABASE_URL": self.target.url(), "HOLDFAST_DATA_DIR": str(self.folder / "data")}

    def write_one(self, number: int, file: File) -> None:
        head = "-- no-transaction\n" if file.alone else ""
        text = f"{head}-- UP\n{file.up};\n-- DOWN\n{file.down};\n"
        (self.folder / f"{number:04}_step.sql").write_text(text)

    def up(self) -> list[str]:
        return self._command("up")

    def looks(self) -> list[list[str]]:
        return [self._command("status"), self._command("up"), self._command("drift")]

    def _command(self, *words: str) -> list[str]:
        place = str(Path(sys.executable).with_name("holdfast"))
        return [place, "migrate", "--dir", str(self.folder), "--system", "shop", *words]


class Alembic(Tool):
    """Alembic with revisions that execute SQL, as projects without models use it."""

    def __post_init__(self) -> None:
        self.name = "Alembic"

    def write(self, files: Sequence[File]) -> None:
        (self.folder / "versions").mkdir(parents=True, exist_ok=True)
        (self.folder / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\n")
        (self.folder / "env.py").write_text(
            "from alembic import context\nfrom sqlalchemy import create_engine\n"
            f"engine = create_engine({self.target.url('postgresql+psycopg')!r})\n"
            "with engine.connect() as connection:\n"
            "    context.configure(connection=connection, transaction_per_migration=True)\n"
            "    with context.begin_transaction():\n        context.run_migrations()\n"
        )
        super().write(files)

    def write_one(self, number: int, file: File) -> None:
        def body(text: str) -> str:
            execute = f"op.execute({text!r})"
            if file.alone:
                return f"    with op.get_context().autocommit_block():\n        {execute}\n"
            return f"    {execute}\n"

        before = repr(f"{number - 1:04}") if number > 1 else None
        (self.folder / "versions" / f"{number:04}.py").write_text(
            f"from alembic import op\nrevision = '{number:04}'\ndown_revision = {before}\n"
            f"def upgrade():\n{body(file.up)}def downgrade():\n{body(file.down)}"
        )

    def up(self) -> list[str]:
        return [str(program("alembic")), "upgrade", "head"]

    def looks(self) -> list[list[str]]:
        return [[str(program("alembic")), word] for word in ("current", "check")] + [self.up()]


class Yoyo(Tool):
    """Yoyo with SQL files."""

    def __post_init__(self) -> None:
        self.name = "yoyo"

    def write_one(self, number: int, file: File) -> None:
        head = "-- transactional: false\n" if file.alone else ""
        (self.folder / f"{number:04}.sql").write_text(f"{head}{file.up};\n")
        (self.folder / f"{number:04}.rollback.sql").write_text(f"{file.down};\n")

    def up(self) -> list[str]:
        return self._command("apply")

    def looks(self) -> list[list[str]]:
        return [self._command("list"), self.up()]

    def _command(self, word: str) -> list[str]:
        options = ["--batch", "--no-config-file", "--database", self.target.url("postgresql+psycopg")]
        return [str(program("yoyo")), word, *options, str(self.folder)]


class Dbmate(Tool):
    """Dbmate, with its waiting for locks left at its default."""

    def __post_init__(self) -> None:
        self.name = "dbmate"

    def write_one(self, number: int, file: File) -> None:
        option = " transaction:false" if file.alone else ""
        text = f"-- migrate:up{option}\n{file.up};\n-- migrate:down{option}\n{file.down};\n"
        (self.folder / f"2026010100{number:04}_step.sql").write_text(text)

    def up(self) -> list[str]:
        return self._command("migrate")

    def looks(self) -> list[list[str]]:
        return [self._command("status"), self.up()]

    def _command(self, word: str) -> list[str]:
        address = f"{self.target.url()}?sslmode=disable"
        place = str(program("dbmate"))
        return [place, "--url", address, "--no-dump-schema", "--migrations-dir", str(self.folder), word]


TOOLS: tuple[type[Tool], ...] = (Holdfast, Alembic, Yoyo, Dbmate)
