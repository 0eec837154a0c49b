"""The kept folders of other tools' formats run: up, down and up again gives the same database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.migrate.catalogue.reading import fingerprint
from holdfast.migrate.engine import migrate_down, migrate_up
from holdfast.migrate.errors import MigrationFailed
from holdfast.migrate.files import read_folder
from holdfast.migrate.lint.linting import lint
from holdfast.migrate.plan import Files, order
from holdfast.migrate.proof.standing import standings
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.system import System

KEPT = Path(__file__).parents[2] / "data" / "migrations"
FOLDERS = ("dbmate", "sqlx", "rollback")


def files_of(name: str) -> Files:
    """Read a kept folder as the system ``shop``."""
    systems = {"shop": System(name="shop", summary="", package="")}
    return order(systems, {"shop": read_folder(KEPT / name, "shop", shown=name)})


async def there_and_back(database: Database, files: Files) -> None:
    """Apply all that can be undone, undo it, and again: the database holds the same. Then apply the rest."""
    reversible = replace(files, ordered=tuple(each for each in files.ordered if not each.irreversible))
    count = len(reversible.ordered)
    assert count >= 6
    found = []
    for _ in range(2):
        assert len(await migrate_up(database, files=reversible)) == count
        async with database.connection() as connection:
            found.append(await fingerprint(connection))
        assert len(await migrate_down(database, "shop", count, files=reversible)) == count
        async with database.connection() as connection:
            found.append(await fingerprint(connection))
    assert found[:2] == found[2:]
    assert found[0] != found[1]
    assert len(await migrate_up(database, files=files)) == len(files.ordered)


@pytest.mark.parametrize("name", FOLDERS)
async def test_there_and_back(empty_database: Database, name: str) -> None:
    await there_and_back(empty_database, files_of(name))


@pytest.mark.parametrize("name", FOLDERS)
async def test_there_and_back_on_debians(debian_conninfo: str, settings: Settings, name: str) -> None:
    async with Database.open(debian_conninfo, settings, min_size=1) as database:
        await there_and_back(database, files_of(name))


@pytest.mark.parametrize("name", FOLDERS)
def test_lint_finds_no_danger(name: str) -> None:
    found = lint(files_of(name).ordered)
    assert [str(each) for each in found if each.level != "advice"] == []


@pytest.mark.parametrize("name", FOLDERS)
def test_each_file_is_proven_as_it_stands(name: str) -> None:
    files = files_of(name)
    for major in (18, 16, 15):
        found = standings(files, files.ordered, major, folders={"shop": KEPT / name})
        assert {str(each.id): standing for each, standing in found if standing != "proven"} == {}


async def test_a_failing_way_back_is_named_with_its_own_file(
    empty_database: Database, tmp_path: Path
) -> None:
    (tmp_path / "1_t.up.sql").write_text("CREATE TABLE t (x INT);\n")
    (tmp_path / "1_t.down.sql").write_text("-- undo\nDROP TABLE\n  nothing_of_the_kind;\n")
    systems = {"shop": System(name="shop", summary="", package="")}
    files = order(systems, {"shop": read_folder(tmp_path, "shop", shown="db")})
    await migrate_up(empty_database, files=files)
    with pytest.raises(MigrationFailed, match=r"^db/1_t\.down\.sql:[23]: .*nothing_of_the_kind"):
        await migrate_down(empty_database, "shop", files=files)
