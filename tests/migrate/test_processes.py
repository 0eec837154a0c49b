"""Several processes that migrate one database, and processes that are killed while they do."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import LiteralString

import pytest
from psycopg import sql

from holdfast.migrate.engine import migrate_up, status
from holdfast.postgres.database import Database
from tests.fixtures.migrations import migration_files, table

_ROOT = Path(__file__).parents[2]


async def start(
    conninfo: str, files: Mapping[str, str], *, lease_seconds: float = 15.0
) -> asyncio.subprocess.Process:
    """Start a process that migrates."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.migrate.up_process",
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    told = {"conninfo": conninfo, "files": dict(files), "lease_seconds": lease_seconds}
    process.stdin.write(json.dumps(told).encode())
    process.stdin.close()
    return process


async def until(database: Database, condition: LiteralString) -> None:
    """Wait until a statement returns a row; fail after 20 seconds."""
    for _ in range(1000):
        if await database.fetch(sql.SQL(condition)):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(condition)


async def test_three_processes_at_once_all_succeed(empty_conninfo: str) -> None:
    files = {f"a/{number:04}_x": table(f"public.t{number}") for number in range(1, 41)}
    processes = [await start(empty_conninfo, files) for _ in range(3)]
    outputs = [(await process.communicate())[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(each for output in outputs for each in json.loads(output)) == [
        f"a/{n:04}" for n in range(1, 41)
    ]


async def test_killed_inside_a_transaction_it_leaves_nothing_behind(
    empty_conninfo: str, empty_database: Database
) -> None:
    slow = (
        "-- UP\nCREATE TABLE public.two (id INT);\nSELECT pg_sleep(600);\n-- DOWN\nDROP TABLE public.two;\n"
    )
    process = await start(empty_conninfo, {"a/0001_one": table("public.one"), "a/0002_two": slow})
    await until(
        empty_database,
        "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
    )
    process.kill()
    await process.wait()
    files = migration_files({"a/0001_one": table("public.one"), "a/0002_two": table("public.two")})
    assert [entry.state for entry in await status(empty_database, files=files)] == ["applied", "pending"]
    done = await asyncio.wait_for(migrate_up(empty_database, files=files), 20)
    assert [str(each.id) for each in done] == ["a/0002"]


STEPS = """-- no-transaction
-- UP
INSERT INTO public.t VALUES (1);
CREATE INDEX CONCURRENTLY IF NOT EXISTS t_x ON public.t (x);
INSERT INTO public.t VALUES (2);
-- DOWN
DROP INDEX CONCURRENTLY public.t_x;
"""
BASE = "-- UP\nCREATE TABLE public.t (x INT);\n-- DOWN\nDROP TABLE public.t;\n"


@pytest.mark.parametrize("resume", ["process", "engine"])
async def test_killed_while_it_builds_an_index_it_is_built_again(
    empty_conninfo: str, empty_database: Database, resume: str
) -> None:
    contents = {"a/0001_t": BASE, "a/0002_steps": STEPS}
    await migrate_up(empty_database, files=migration_files({"a/0001_t": BASE}))
    async with empty_database.transaction() as old:
        await old.execute("INSERT INTO public.t VALUES (0)")
        process = await start(empty_conninfo, contents, lease_seconds=2.0)
        await until(empty_database, "SELECT 1 FROM pg_index WHERE NOT indisvalid")
        process.kill()
        await process.wait()
        await until(
            empty_database,
            "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%')",
        )
    left = await empty_database.fetch(
        sql.SQL("SELECT indisvalid FROM pg_index WHERE indexrelid = 'public.t_x'::regclass")
    )
    assert left == [{"indisvalid": False}]
    if resume == "process":
        again = await start(empty_conninfo, contents, lease_seconds=2.0)
        await again.communicate()
        assert again.returncode == 0
    else:
        await asyncio.wait_for(migrate_up(empty_database, files=migration_files(contents)), 20)
    whole = await empty_database.fetch(
        sql.SQL("SELECT indisvalid FROM pg_index WHERE indexrelid = 'public.t_x'::regclass")
    )
    assert whole == [{"indisvalid": True}]
    assert await empty_database.fetch(sql.SQL("SELECT x FROM public.t ORDER BY x")) == [
        {"x": 0},
        {"x": 1},
        {"x": 2},
    ]


@pytest.mark.parametrize("applied", [1, 7, 23])
async def test_killed_between_files_what_is_there_is_what_the_history_says(
    empty_conninfo: str, empty_database: Database, applied: int
) -> None:
    contents = {f"a/{number:04}_x": table(f"public.t{number}") for number in range(1, 201)}
    process = await start(empty_conninfo, contents)
    await until(empty_database, "SELECT 1 WHERE to_regclass('holdfast.migrations') IS NOT NULL")
    for _ in range(2000):
        rows = await empty_database.fetch(sql.SQL("SELECT FROM holdfast.migrations"))
        if len(rows) >= applied:
            break
        await asyncio.sleep(0.002)
    process.kill()
    await process.wait()
    found = await empty_database.fetch(
        sql.SQL(
            "SELECT (SELECT count(*) FROM holdfast.migrations) AS rows,"
            " (SELECT count(*) FROM pg_tables WHERE schemaname = 'public') AS tables"
        )
    )
    assert found[0]["rows"] == found[0]["tables"] >= applied
    await asyncio.wait_for(migrate_up(empty_database, files=migration_files(contents)), 30)
    states = {entry.state for entry in await status(empty_database, files=migration_files(contents))}
    assert states == {"applied"}
