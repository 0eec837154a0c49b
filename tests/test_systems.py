"""What rooms and systems declare exists and meets its protocol; a package from outside is one of them."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import click
import pytest
from fastapi import APIRouter

from holdfast.postgres.database import Database
from holdfast.settings import Setting
from holdfast.system import System, in_order, resolve, rooms, systems
from holdfast.timeseries.catalogue import read_parent
from holdfast.timeseries.steps import Steps

EVERYTHING = in_order()
_each = pytest.mark.parametrize("system", EVERYTHING, ids=[system.name for system in EVERYTHING])


def _accepts(function: Callable[..., object], count: int) -> bool:
    try:
        inspect.signature(function).bind(*([None] * count))
    except TypeError:
        return False
    return True


def _is_asynchronous(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  asked whether calling it is asynchronous
    )


@_each
def test_names_and_places(system: System) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", system.name)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", system.schema)
    assert system.summary.endswith(".")
    importlib.import_module(system.package)
    if system.migrations:
        package, _, folder = system.migrations.rpartition(".")
        assert files(package).joinpath(folder).is_dir()
    for module in system.settings:
        declared = [value for value in vars(resolve(module)).values() if isinstance(value, Setting)]
        assert declared, module
        assert all(setting.summary.endswith(".") for setting in declared)


@_each
def test_functions_meet_their_protocols(system: System) -> None:
    """Each is asynchronous and takes what ``holdfast.system`` says."""
    wanted = [(path, 2) for path in system.checks]
    wanted += [(path, 1) for path in (system.status, system.totals, system.pending) if path]
    wanted += [(path, 2) for path in (system.recording,) if path]
    wanted += [(worker.path, 1) for worker in system.workers]
    for path, count in wanted:
        function = resolve(path)
        assert _is_asynchronous(function), path
        assert _accepts(function, count), path
    for path in system.generates:
        for name, count in {"generate": 2, "mirror": 3}.items():
            method = getattr(resolve(path), name)
            assert _is_asynchronous(method), path
            assert _accepts(method, count), path
    if system.demo:
        assert _accepts(resolve(system.demo), 3)


@_each
def test_routes_commands_and_subscriptions_are_what_they_are_named_for(system: System) -> None:
    for path in system.routes:
        assert isinstance(resolve(path), APIRouter), path
    for command in system.commands:
        loaded = resolve(command.path)
        assert isinstance(loaded, click.Command), command.path
        assert command.summary.endswith(".")
    for path in system.subscriptions:
        subscription = resolve(path)
        assert isinstance(subscription.name, str)
        counts = {"watch": 2, "decode": 3, "prepare": 2, "store": 3, "retract": 3, "restore": 3}
        for name, count in counts.items():
            method = getattr(subscription, name)
            assert _accepts(method, count), f"{path}.{name}"
            assert _is_asynchronous(method) == (name != "decode"), f"{path}.{name}"


def test_names_are_said_once() -> None:
    for names in (
        [system.name for system in EVERYTHING],
        [worker.name for system in EVERYTHING for worker in system.workers],
        [permission.name for system in EVERYTHING for permission in system.permissions],
        [command.name for room in rooms() for command in room.commands] + [s.name for s in systems()],
    ):
        assert sorted(names) == sorted(set(names))


async def test_schemas_and_partitioned_tables_are_in_the_migrated_database(database: Database) -> None:
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT nspname FROM pg_namespace")
        schemas = {row["nspname"] for row in await cursor.fetchall()}
        for system in EVERYTHING:
            assert not system.migrations or system.schema in schemas
            for partitioned in system.partitions:
                await read_parent(connection, partitioned)
                Steps.every(partitioned.every)
                assert partitioned.table.startswith(f"{system.schema}.")


@_each
def test_declaring_imports_nothing(system: System) -> None:
    """The command line lists everything before it does anything: it must not load the rooms for that."""
    code = (
        "import sys, holdfast.system; before = set(sys.modules); "
        f"import {system.package}; print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert [name for name in loaded if not system.package.startswith(name)] == []


_DECLARATION = '''
"""A system from outside."""
from holdfast.system import Command, System

SYSTEM = System(
    name="lighthouse", summary="Keeps lamps.", package="lighthouse", schema="lighthouse",
    migrations="lighthouse.migrations", depends=("identity",), routes=("lighthouse.routes:router",),
    commands=(Command("lamps", "lighthouse.commands:lamps", "List the lamps."),),
    status="lighthouse.standing:status",
)
'''
_MIGRATION = """-- UP
CREATE SCHEMA IF NOT EXISTS lighthouse;
CREATE TABLE lighthouse.lamps (name TEXT PRIMARY KEY);
INSERT INTO lighthouse.lamps VALUES ('north');
-- DOWN
DROP TABLE lighthouse.lamps;
DROP SCHEMA lighthouse;
"""
_STATEMENTS = """-- name: lamps
-- purpose: Every lamp's name.
SELECT name FROM lighthouse.lamps ORDER BY name
"""
_ROUTES = """
from fastapi import APIRouter, Depends
from holdfast.http.principal import public
from holdfast.postgres.database import Database
from holdfast.postgres.request import database
from holdfast.postgres.statements import Statements

router = APIRouter(dependencies=[Depends(public)])

@router.get("/lighthouse/lamps")
async def lamps(opened: Database = Depends(database)) -> list[str]:
    rows = await opened.fetch(Statements("lighthouse", "lamps.sql")["lamps"])
    return [row["name"] for row in rows]
"""
_COMMANDS = """
import click
from holdfast.migrate.command import run_with_database
from holdfast.postgres.statements import Statements
from holdfast.terminal.options import common_options
from holdfast.terminal.output import emit

@click.command()
@common_options
def lamps(options):
    async def read(database):
        return [row["name"] for row in await database.fetch(Statements("lighthouse", "lamps.sql")["lamps"])]
    names = run_with_database(options, read, purpose="lamps")
    emit(options, names, lambda: click.echo("; ".join(names)))
"""
_STANDING = """
from holdfast.system import StatusLine

async def status(connection):
    row = await (await connection.execute("SELECT count(*) AS lamps FROM lighthouse.lamps")).fetchone()
    return [StatusLine("lamps", str(row["lamps"]))]
"""
_SERVE = """
import asyncio, json, sys
from pathlib import Path
import httpx
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.web.app import create_app

async def main():
    settings = Settings({"HOLDFAST_API_HOSTS": "testing"})
    async with Database.open(sys.argv[1], settings, min_size=1) as database:
        app = create_app(database=database, settings=settings, data_dir=Path(sys.argv[2]))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testing") as client:
            answer = await client.get("/lighthouse/lamps")
            described = (await client.get("/openapi.json")).json()["paths"]
    print(json.dumps([answer.status_code, answer.json(), "/lighthouse/lamps" in described]))

asyncio.run(main())
"""


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of installed packages with a system that the platform does not know."""
    package = tmp_path / "site"
    for name, content in {
        "lighthouse/__init__.py": _DECLARATION,
        "lighthouse/migrations/0001_lamps.sql": _MIGRATION,
        "lighthouse/lamps.sql": _STATEMENTS,
        "lighthouse/routes.py": _ROUTES,
        "lighthouse/commands.py": _COMMANDS,
        "lighthouse/standing.py": _STANDING,
        "lighthouse-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: lighthouse\nVersion: 1.0\n",
        "lighthouse-1.0.dist-info/entry_points.txt": "[holdfast.systems]\nlighthouse = lighthouse:SYSTEM\n",
        "lighthouse-1.0.dist-info/RECORD": "",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(content)
    return package


def test_a_system_from_outside_is_migrated_listed_and_routed(
    outside: Path, empty_conninfo: str, tmp_path: Path
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "HOLDFAST", "D"))}
    environment = kept | {
        "PYTHONPATH": str(outside),
        "DATABASE_URL": empty_conninfo,
        "HOLDFAST_DATA_DIR": str(tmp_path / "data"),
    }

    def run(*arguments: str, code: str = "") -> str:
        command = ["-c", code] if code else ["-c", "from holdfast.cli.main import main; main()"]
        ended = subprocess.run(
            [sys.executable, *command, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    assert "lighthouse" in run("--help")
    assert "lamps" in run("lighthouse", "--help")
    done = json.loads(run("migrate", "up", "--json"))
    assert {"system": "lighthouse", "number": 1} in [
        {"system": each["system"], "number": each["number"]} for each in done
    ]
    shown = json.loads(run("migrate", "status", "--system", "lighthouse", "--json"))
    assert [(each["name"], each["state"]) for each in shown] == [("lamps", "applied")]
    assert json.loads(run("lighthouse", "lamps", "--json")) == ["north"]
    assert "lamps" in run("status")
    assert json.loads(run(empty_conninfo, str(tmp_path), code=_SERVE)) == [200, ["north"], True]
    undone = json.loads(run("migrate", "down", "--system", "lighthouse", "--yes", "--json"))
    assert [each["direction"] for each in undone] == ["down"]
