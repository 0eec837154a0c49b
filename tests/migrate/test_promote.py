"""Promotion: exactly what the source has, and a refusal where anything disagrees."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from holdfast.errors import HoldfastError
from holdfast.migrate.engine import migrate_up
from holdfast.migrate.files import read_folder
from holdfast.migrate.plan import Files, order
from holdfast.migrate.promote import promote
from holdfast.migrate.proof.certificate import Certificate, Entry, Failure, Proof, chains, write
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.system import System
from tests.fixtures.commands import HoldfastCommands
from tests.fixtures.servers import temporary_database

KEPT = Path(__file__).parents[1] / "data" / "migrations" / "sqlx"


@dataclass(frozen=True)
class Environments:
    """Two databases and the folder of what is applied to them."""

    commands: HoldfastCommands
    folder: Path
    source: str
    target: str

    def up(self, conninfo: str, *, newest: int | None = None) -> None:
        """Apply the files up to a number to a database."""

        async def work() -> None:
            async with Database.open(conninfo, Settings({}), min_size=1) as database:
                await migrate_up(database, files=self.files(newest=newest))

        asyncio.run(work())

    def promote(self, *arguments: str) -> tuple[int, str, str]:
        """Promote; return the exit code and what was printed."""
        ended = self.commands.run(
            *("migrate", "promote", "--dir", str(self.folder), "--system", "shop"),
            *("--from", self.source, "--to", self.target, *arguments),
        )
        return ended.returncode, ended.stdout, ended.stderr

    def refused(self) -> HoldfastError:
        """Promote, which must be refused and leave the target as it is; return the reason."""

        async def work() -> None:
            async with (
                Database.open(self.source, Settings({}), min_size=1) as source,
                Database.open(self.target, Settings({}), min_size=1) as target,
            ):
                folders = {"shop": self.folder}
                await promote(source, target, self.files(), folders=folders, tell=print)

        before = self.applied(self.target)
        with pytest.raises(HoldfastError) as caught:
            asyncio.run(work())
        assert self.applied(self.target) == before
        return caught.value

    def applied(self, conninfo: str) -> list[int]:
        """Return the numbers of what a database holds."""
        with psycopg.connect(conninfo, autocommit=True) as connection:
            rows = connection.execute("SELECT number FROM holdfast.migrations ORDER BY position").fetchall()
            return [row[0] for row in rows]

    def files(self, *, newest: int | None = None) -> Files:
        """Return the folder's files, up to a number."""
        systems = {"shop": System(name="shop", summary="", package="")}
        read = read_folder(self.folder, "shop", shown=str(self.folder))
        return order(systems, {"shop": [each for each in read if newest is None or each.id.number <= newest]})

    def certify(self, *failures: Failure, major: int = 18) -> None:
        """Write the certificate that a proof of all files would write."""
        files = self.files()
        chain = chains(files)
        proof = Proof("18.4", "0.1.0", "2026-03-01T00:00:00Z", failures=failures)
        entries = {
            each.id: Entry(Path(each.file).name, each.checksum, chain[each.id], {major: proof})
            for each in files.ordered
        }
        write(self.folder, Certificate(entries))


@pytest.fixture
def environments(
    holdfast: HoldfastCommands, server: str, empty_conninfo: str, tmp_path: Path
) -> Iterator[Environments]:
    """A source that holds all but the newest of its files, and a target that holds the first three."""
    folder = tmp_path / "migrations"
    shutil.copytree(KEPT, folder)
    with temporary_database(server) as target:
        made = Environments(holdfast, folder, empty_conninfo, target)
        made.certify()
        made.up(target, newest=20250122093000)
        made.up(made.source, newest=20250303120000)
        yield made


def test_the_target_gets_what_the_source_has_and_no_more(environments: Environments) -> None:
    numbers = [each.id.number for each in environments.files().ordered]
    assert environments.applied(environments.source) == numbers[:6]
    assert environments.applied(environments.target) == numbers[:3]
    code, shown, _ = environments.promote("--dry-run")
    assert (code, environments.applied(environments.target)) == (0, numbers[:3])
    assert shown.splitlines()[0] == "would be promoted  shop/20250205101000  touch parcels"
    code, _, told = environments.promote("--json")
    assert (code, environments.applied(environments.target)) == (2, numbers[:3])
    assert "--yes" in told
    code, shown, told = environments.promote("--yes")
    assert code == 0, told
    assert [line.split()[1] for line in shown.splitlines()] == [f"shop/{number}" for number in numbers[3:6]]
    assert environments.applied(environments.target) == numbers[:6], "what the source has not, neither has it"
    assert environments.promote("--yes")[1] == "The target has everything that the source has.\n"


def _edited_file(environments: Environments) -> None:
    file = environments.folder / "20250110080000_create_depots.up.sql"
    file.write_text(file.read_text() + "-- edited\n")
    environments.certify()


def _ahead(environments: Environments) -> None:
    environments.up(environments.target)


def _on(which: str, statement: str) -> Callable[[Environments], None]:
    def change(environments: Environments) -> None:
        conninfo = environments.source if which == "source" else environments.target
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(statement.encode())

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_edited_file, "in the source shop/20250110080000 "),
        (_ahead, "the target holds shop/20250317083000 (daily figures), which the source does not"),
        (
            _on("source", "DROP TRIGGER parcels_touch ON parcels"),
            "the source does not hold what its history gives: missing: trigger",
        ),
        (
            _on("target", "CREATE INDEX by_hand ON parcels (created_at)"),
            "the target does not hold what its history gives: unexpected: index public.by_hand",
        ),
        (
            _on("target", "DELETE FROM holdfast.migrations WHERE number = 20250110081500"),
            "in the target shop/20250110081500 ",
        ),
        (lambda environments: (environments.folder / "certificate.json").unlink(), "never proven"),
        (lambda environments: environments.certify(major=16), "not proven on PostgreSQL 18"),
        (
            lambda environments: environments.certify(Failure("Rows were lost.", "Keep them.")),
            "its proof on PostgreSQL 18 failed",
        ),
    ],
)
def test_what_disagrees_refuses(
    environments: Environments, change: Callable[[Environments], None], reason: str
) -> None:
    change(environments)
    refused = environments.refused()
    assert reason in refused.message
    assert refused.hint


def _new_target(environments: Environments, *statements: str) -> None:
    with psycopg.connect(environments.target, autocommit=True) as connection:
        tables = "DROP SCHEMA holdfast CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public"
        for statement in (tables, "GRANT USAGE ON SCHEMA public TO PUBLIC", *statements):
            connection.execute(statement.encode())


def test_another_project_s_database_is_refused_before_anything_is_applied(environments: Environments) -> None:
    _new_target(environments, "CREATE TABLE theirs (id INT)")
    code, _, told = environments.promote("--yes")
    assert code == 1
    assert "it is not new: unexpected: table public.theirs" in told
    assert "--to" in told
    with psycopg.connect(environments.target, autocommit=True) as connection:
        assert connection.execute("SELECT to_regnamespace('holdfast')").fetchone() == (None,)
