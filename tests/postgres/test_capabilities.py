"""What servers can do, asked of the embedded one and of Debian's."""

from __future__ import annotations

import dataclasses

import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL

from holdfast.postgres.capabilities import (
    WANTED,
    Capabilities,
    Extension,
    Timescale,
    capabilities,
    timescale_edition,
)
from holdfast.postgres.checks import check_connection, check_server
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.system import StatusLine
from tests.fixtures.debian import DebianServer


async def ask(conninfo: str) -> Capabilities:
    async with (
        Database.open(conninfo, Settings({}), min_size=1) as database,
        database.connection() as connection,
    ):
        return await capabilities(connection)


def by_name(lines: list[StatusLine]) -> dict[str, StatusLine]:
    assert len({line.name for line in lines}) == len(lines)
    return {line.name: line for line in lines}


async def test_the_embedded_server(empty_conninfo: str) -> None:
    found = await ask(empty_conninfo)
    assert found.version_number >= 180000
    assert found.supported
    assert found.uuidv7
    assert found.checksums
    assert not found.in_recovery
    assert not found.tls
    assert found.local
    assert not found.pooler
    assert found.timescale == "none"
    assert found.extensions["vector"].available
    assert not found.extensions["vector"].installed
    lines = by_name(found.lines())
    assert {line.state for line in lines.values()} == {"ok"}
    for wanted in WANTED:
        assert wanted.without in lines[wanted.name].value  # what is done without it is said


async def test_an_installed_extension_is_seen(empty_database: Database) -> None:
    await empty_database.execute(SQL("CREATE EXTENSION vector"))
    async with empty_database.connection() as connection:
        found = await capabilities(connection)
    vector = found.extensions["vector"]
    assert vector.installed == vector.available
    assert by_name(found.lines())["vector"].value == vector.installed


async def test_debians_server_with_tls_and_contrib(debian_server: DebianServer, debian_conninfo: str) -> None:
    found = await ask(debian_conninfo)
    assert found.version_number // 10000 == debian_server.major
    assert found.tls
    assert found.superuser
    assert found.uuidv7 == (debian_server.major >= 18)
    assert found.extensions["pg_trgm"].available
    assert found.extensions["pg_stat_statements"].preloaded is False
    plain = await ask(make_conninfo(debian_conninfo, sslmode="disable", host="127.0.0.1"))
    assert not plain.tls


async def test_an_extension_that_is_installed_and_not_loaded_is_a_warning(debian_conninfo: str) -> None:
    async with Database.open(debian_conninfo, Settings({}), min_size=1) as database:
        await database.execute(SQL("CREATE EXTENSION pg_stat_statements"))
        async with database.connection() as connection:
            lines = by_name(list(await check_server(connection, Settings({}))))
    assert lines["pg_stat_statements"].state == "warning"
    assert "shared_preload_libraries" in lines["pg_stat_statements"].hint


async def test_a_role_that_may_see_little_gets_an_answer_too(debian_conninfo: str) -> None:
    name = f"visitor_{conninfo_to_dict(debian_conninfo)['dbname']}"
    async with Database.open(debian_conninfo, Settings({}), min_size=1) as owner:
        await owner.execute(SQL("CREATE ROLE {} LOGIN PASSWORD 'visits'").format(sql.Identifier(name)))
        try:
            found = await ask(make_conninfo(debian_conninfo, user=name, password="visits"))
        finally:
            await owner.execute(SQL("DROP ROLE {}").format(sql.Identifier(name)))
    assert not found.superuser
    assert found.role == name
    assert found.extensions["pg_stat_statements"].preloaded is None  # unknown is not no
    assert by_name(found.lines())["version"].state == "ok"


@pytest.mark.parametrize(
    ("installed", "licence", "edition"),
    [
        ("", "timescale", "none"),
        ("2.17", "timescale", "community"),
        ("2.17", "apache", "apache"),
        ("2.17", None, "apache"),
    ],
)
def test_the_editions_of_timescaledb(installed: str, licence: str | None, edition: Timescale) -> None:
    assert timescale_edition(Extension("timescaledb", "2.17", installed), licence) == edition


async def test_what_is_wrong_is_red_and_says_what_to_do(empty_conninfo: str) -> None:
    found = await ask(empty_conninfo)
    wrong = {
        "version": {"version_number": 140012, "version": "14.12"},
        "encoding": {"encoding": "SQL_ASCII"},
        "writable": {"in_recovery": True},
    }
    for name, change in wrong.items():
        line = by_name(dataclasses.replace(found, **change).lines())[name]  # type: ignore[arg-type]  # of one field
        assert line.state == "error"
        assert line.hint
    lines = by_name(dataclasses.replace(found, checksums=False, wal_level="minimal").lines())
    assert lines["data checksums"].state == lines["WAL level"].state == "warning"


async def test_the_way_to_the_server_is_said(debian_conninfo: str, empty_conninfo: str) -> None:
    settings = Settings({"HOLDFAST_POOL_MAX": "1000"})
    async with (
        Database.open(debian_conninfo, settings, min_size=1, max_size=1) as database,
        database.connection() as connection,
    ):
        lines = by_name(list(await check_connection(connection, settings)))
    assert lines["TLS"] == StatusLine("TLS", "in use")
    assert lines["pooler"].value == "none"
    assert "localhost" in lines["connection"].value
    assert lines["connections"].state == "warning"
    async with (
        Database.open(empty_conninfo, Settings({}), min_size=1) as database,
        database.connection() as connection,
    ):
        lines = by_name(list(await check_connection(connection, Settings({}))))
    assert "stays on this machine" in lines["TLS"].value
    assert {line.state for line in lines.values()} == {"ok"}
