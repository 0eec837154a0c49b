"""Holdfast on Debian's PostgreSQL: every migration, its extensions, and TLS as production requires it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import scalar_row
from psycopg.sql import SQL

from holdfast.errors import HoldfastError
from holdfast.migrate.engine import migrate_down, migrate_up, pending, status
from holdfast.postgres.database import Database
from holdfast.postgres.endpoint import endpoint_from_settings
from holdfast.postgres.errors import Unsafe
from holdfast.settings import Settings
from tests.fixtures.certificates import write_certificates
from tests.fixtures.debian import DebianServer
from tests.test_statements import STATEMENTS, as_postgresql

# A name of this machine that nobody takes for a local one: names are compared as written.
ELSEWHERE = "LOCALHOST"


async def test_every_migration_applies_and_comes_off(debian_conninfo: str, settings: Settings) -> None:
    async with Database.open(debian_conninfo, settings, min_size=1) as database:
        done = await migrate_up(database)
        assert len(done) == len(await status(database)) > 0
        async with database.connection() as connection:
            assert await pending(connection) == []

        systems = list(dict.fromkeys(migration.system for migration in reversed(done)))
        for system in systems:
            await migrate_down(database, system, steps=sum(migration.system == system for migration in done))
        async with database.connection() as connection:
            assert len(await pending(connection)) == len(done)
        assert [migration.id for migration in await migrate_up(database)] == [entry.id for entry in done]


async def test_the_server_is_of_the_version_that_it_says(
    debian_server: DebianServer, debian_conninfo: str, settings: Settings
) -> None:
    async with Database.open(debian_conninfo, settings, min_size=1) as database:
        row = await database.fetch_one(SQL("SELECT current_setting('server_version_num')::int AS version"))
    assert row is not None
    assert row["version"] // 10000 == debian_server.major >= 15


def test_every_statement_prepares(debian_migrated: str) -> None:
    refused = {}
    with psycopg.connect(debian_migrated, autocommit=True) as connection:
        for _, statement in STATEMENTS:
            try:
                connection.execute(f"PREPARE checked AS {as_postgresql(statement)}".encode())
            except psycopg.Error as error:
                refused[statement.name] = str(error)
            else:
                connection.execute("DEALLOCATE checked")
    assert refused.keys() == {statement.name for _, statement in STATEMENTS if statement.cannot_prepare}, (
        refused
    )


def test_contrib_and_debians_extensions_can_be_had(debian_conninfo: str) -> None:
    wanted = {"pg_stat_statements", "pgcrypto", "pg_trgm", "amcheck", "pg_cron", "pg_partman", "pgaudit"}
    with psycopg.connect(debian_conninfo, row_factory=scalar_row) as connection:
        available = connection.execute("SELECT name FROM pg_available_extensions").fetchall()
    assert wanted - set(available) == set()


def production(server: DebianServer, host: str = ELSEWHERE, **parameters: str) -> Settings:
    conninfo = make_conninfo(
        host=host, port=server.port, user="owner", password=server.password, dbname="postgres", **parameters
    )
    return Settings({"HOLDFAST_ENV": "production", "DATABASE_URL": conninfo})


async def is_encrypted(settings: Settings) -> bool:
    endpoint = endpoint_from_settings(settings)
    assert endpoint is not None
    async with Database.open(endpoint, settings, min_size=1) as database:
        row = await database.fetch_one(SQL("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
    assert row is not None
    return bool(row["ssl"])


async def test_production_encrypts_to_a_server_elsewhere(debian_server: DebianServer) -> None:
    assert await is_encrypted(production(debian_server))
    verified = {"sslmode": "verify-full", "sslrootcert": str(debian_server.root_certificate)}
    assert await is_encrypted(production(debian_server, **verified))


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
async def test_production_refuses_what_may_go_in_the_clear(debian_server: DebianServer, mode: str) -> None:
    with pytest.raises(Unsafe, match=f"sslmode={mode}"):
        await is_encrypted(production(debian_server, sslmode=mode))
    assert not await is_encrypted(production(debian_server, host="127.0.0.1", sslmode="disable"))


async def test_a_certificate_of_another_authority_is_refused(
    debian_server: DebianServer, tmp_path: Path
) -> None:
    write_certificates(tmp_path)
    settings = production(debian_server, sslmode="verify-full", sslrootcert=str(tmp_path / "root.crt"))
    with pytest.raises(HoldfastError, match="SSL error"):
        await is_encrypted(settings)


async def test_a_certificate_for_another_name_is_refused(debian_server: DebianServer) -> None:
    verified = {"sslmode": "verify-full", "sslrootcert": str(debian_server.root_certificate)}
    with pytest.raises(HoldfastError, match="does not match host name"):
        await is_encrypted(production(debian_server, host="127.0.0.1", **verified))


@pytest.fixture
def without_tls(debian_server: DebianServer) -> Iterator[DebianServer]:
    """The server with TLS switched off, for one test."""
    plain = make_conninfo(debian_server.conninfo, sslmode="prefer")
    switch_tls(plain, SQL("ALTER SYSTEM SET ssl = off"), "off")
    yield debian_server
    switch_tls(plain, SQL("ALTER SYSTEM RESET ssl"), "on")


def switch_tls(conninfo: str, change: SQL, wanted: str) -> None:
    with psycopg.connect(conninfo, autocommit=True, row_factory=scalar_row) as connection:
        connection.execute(change)
        connection.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 10
        while connection.execute("SHOW ssl").fetchone() != wanted:
            assert time.monotonic() < deadline
            time.sleep(0.02)


async def test_production_does_not_start_where_the_server_has_no_tls(without_tls: DebianServer) -> None:
    with pytest.raises(HoldfastError, match="does not support SSL"):
        await is_encrypted(production(without_tls))
