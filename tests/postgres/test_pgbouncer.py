"""Behind a real PgBouncer in transaction mode."""

from __future__ import annotations

import asyncio
from collections import Counter

import psycopg
import pytest
from psycopg.sql import SQL

from holdfast.migrate.engine import migrate_up
from holdfast.postgres.checks import check_connection
from holdfast.postgres.database import Database
from holdfast.postgres.endpoint import Endpoint, endpoint_from_settings
from holdfast.postgres.leases import LeaseHeld, hold_lease
from holdfast.postgres.listener import Listener
from holdfast.settings import Settings

SIMPLE = SQL("SELECT %(number)s::int AS number, current_setting('TimeZone') AS zone, pg_backend_pid() AS pid")


async def repeat(database: Database, start: int) -> list[int]:
    pids = []
    for number in range(start, start + 20):
        row = await database.fetch_one(SIMPLE, {"number": number})
        assert row is not None
        assert (row["number"], row["zone"]) == (number, "UTC")
        pids.append(row["pid"])
    return pids


async def test_statements_repeat_on_shared_server_connections(pooled_conninfo: str) -> None:
    """What psycopg would prepare by itself fails here: the next transaction is another process's."""
    async with Database.open(pooled_conninfo, Settings({})) as database:
        assert database.pooling.pooled
        assert not database.pooling.prepares
        lists = await asyncio.gather(*(repeat(database, start) for start in range(0, 400, 20)))
        processes = Counter(pid for pids in lists for pid in pids)
        assert len(processes) == 2  # clients did meet on them
        async with database.transaction() as connection:
            rows = await (await connection.execute("SELECT name FROM pg_prepared_statements")).fetchall()
    assert rows == []


async def test_finding_out_leaves_nothing_on_the_server(pooled_conninfo: str) -> None:
    kept = SQL("SELECT name, pg_sleep(0.05) FROM pg_prepared_statements")
    for _ in range(4):
        async with Database.open(pooled_conninfo, Settings({}), min_size=1) as database:
            assert await asyncio.gather(*(database.fetch(kept) for _ in range(4))) == [[]] * 4


async def test_another_clients_prepared_statements_are_neither_met_nor_removed(pooled_conninfo: str) -> None:
    async with await psycopg.AsyncConnection.connect(pooled_conninfo, autocommit=True) as other:
        for _ in range(8):  # psycopg prepares it, on a server connection that is then anybody's
            await other.execute("SELECT 1")
        async with Database.open(pooled_conninfo, Settings({}), min_size=1) as database:
            assert not database.pooling.prepares
            await repeat(database, 0)
            kept = await other.execute("SELECT name FROM pg_prepared_statements", prepare=False)
            assert [row[0] for row in await kept.fetchall()] == ["_pg3_0"]


async def test_the_setting_decides_where_it_says_so(pooled_conninfo: str) -> None:
    async with Database.open(pooled_conninfo, Settings({"HOLDFAST_POOLER": "yes"}), min_size=1) as database:
        assert database.pooling.pooled
        await repeat(database, 0)


async def test_statement_timeouts_hold_in_transactions_and_reach_nobody_else(pooled_conninfo: str) -> None:
    settings = Settings({"HOLDFAST_STATEMENT_TIMEOUT": "50ms"})
    async with Database.open(pooled_conninfo, settings, min_size=1) as database:
        with pytest.raises(psycopg.errors.QueryCanceled):
            async with database.transaction() as connection:
                await connection.execute("SELECT pg_sleep(60)")
    async with Database.open(pooled_conninfo, Settings({}), min_size=1) as database:
        for _ in range(10):
            row = await database.fetch_one(SQL("SELECT current_setting('statement_timeout') AS limit"))
            assert row == {"limit": "0"}


async def test_migrations_leases_and_copy_work(pooled_conninfo: str) -> None:
    async with Database.open(pooled_conninfo, Settings({})) as database:
        await migrate_up(database)
        async with hold_lease(database, "one", "a", 5):
            with pytest.raises(LeaseHeld):
                async with hold_lease(database, "one", "b", 5):
                    pass
        async with hold_lease(database, "one", "b", 5) as lease:
            assert lease.fence == 2
        async with database.transaction() as connection:
            await connection.execute("CREATE TEMPORARY TABLE narrow (a int) ON COMMIT DROP")
            async with connection.cursor() as cursor, cursor.copy("COPY narrow FROM STDIN") as copy:
                await copy.write(b"1\n2\n")
            row = await (await connection.execute("SELECT sum(a) AS sum FROM narrow")).fetchone()
            assert row == {"sum": 3}


async def test_listening_goes_by_the_direct_connection(pooled_conninfo: str, debian_conninfo: str) -> None:
    settings = Settings({"DATABASE_URL": pooled_conninfo, "HOLDFAST_DIRECT_DATABASE_URL": debian_conninfo})
    endpoint = endpoint_from_settings(settings)
    assert isinstance(endpoint, Endpoint)
    async with Database.open(endpoint, settings) as database, Listener(database, ["told"]) as listener:
        assert listener.hears
        await database.execute(SQL("NOTIFY told, 'news'"))
        assert [told.payload for told in await listener.wait(10)] == ["news"]
        async with database.connection() as connection:
            lines = {line.name: line for line in await check_connection(connection, settings)}
    assert lines["pooler"].state == "ok"
    assert "not prepared" in lines["pooler"].value
    assert lines["direct connection"].value == "reaches the same database"


async def test_without_a_direct_connection_it_polls(pooled_conninfo: str) -> None:
    settings = Settings({"HOLDFAST_LISTEN_POLL": "50ms", "DATABASE_URL": pooled_conninfo})
    async with (
        Database.open(pooled_conninfo, settings, min_size=1) as database,
        Listener(database, ["told"]) as listener,
    ):
        assert not listener.hears
        async with asyncio.timeout(5):
            assert await listener.wait(60) == []
        async with database.connection() as connection:
            lines = {line.name: line for line in await check_connection(connection, settings)}
    assert lines["pooler"].state == "warning"
    assert "HOLDFAST_DIRECT_DATABASE_URL" in lines["pooler"].hint


async def test_a_direct_connection_to_elsewhere_is_found(pooled_conninfo: str, server: str) -> None:
    for wrong, said in [(server, "another database"), (pooled_conninfo, "through a pooler")]:
        settings = Settings({"DATABASE_URL": pooled_conninfo, "HOLDFAST_DIRECT_DATABASE_URL": wrong})
        async with (
            Database.open(pooled_conninfo, settings, min_size=1) as database,
            database.connection() as connection,
        ):
            lines = {line.name: line for line in await check_connection(connection, settings)}
        assert lines["direct connection"].state == "error"
        assert said in lines["direct connection"].value
