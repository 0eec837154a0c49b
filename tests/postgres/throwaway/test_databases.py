"""Throwaway databases: made, cloned, dropped though they are in use, and swept up after a kill."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from holdfast.postgres.throwaway.databases import NoThrowawayDatabase, drop_abandoned, throwaway_database


def _name(conninfo: str) -> str:
    return str(conninfo_to_dict(conninfo)["dbname"])


async def _exists(server: str, name: str) -> bool:
    async with await AsyncConnection.connect(server) as connection:
        found = await connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        return await found.fetchone() is not None


async def test_it_is_empty_and_dropped_at_the_end_though_somebody_uses_it(server: str) -> None:
    async with throwaway_database(server, name_hint="Drift of shop!") as conninfo:
        assert _name(conninfo).startswith("holdfast_drift_of_shop_")
        user = await AsyncConnection.connect(conninfo)
        found = await user.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert await found.fetchone() == (0,)
    assert not await _exists(server, _name(conninfo))
    with pytest.raises(psycopg.OperationalError):
        await user.execute("SELECT 1")
    await user.close()


async def test_it_is_a_clone_of_its_template(server: str) -> None:
    async with throwaway_database(server) as first:
        async with await AsyncConnection.connect(first) as connection:
            await connection.execute("CREATE TABLE kept (number INTEGER)")
        async with (
            throwaway_database(server, template=_name(first)) as second,
            await AsyncConnection.connect(second) as connection,
        ):
            await connection.execute("SELECT number FROM kept")


async def test_it_is_dropped_where_the_block_fails(server: str) -> None:
    seen = []

    async def fail() -> None:
        async with throwaway_database(server) as conninfo:
            seen.append(_name(conninfo))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert not await _exists(server, seen[0])


async def test_what_killed_processes_left_is_dropped_and_what_lives_or_is_young_or_foreign_stays(
    server: str,
) -> None:
    old, used, foreign = "holdfast_x_1600000000_0123abcd", "holdfast_x_1600000000_0123abce", "holdfast_x_mine"
    async with (
        throwaway_database(server) as young,
        await AsyncConnection.connect(server, autocommit=True) as connection,
    ):
        for name in (old, used, foreign):
            await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        async with await AsyncConnection.connect(server, application_name=used):
            dropped = await drop_abandoned(connection)
        assert old in dropped
        assert not {used, foreign, _name(young)} & set(dropped)
        assert await _exists(server, used)
        assert not await _exists(server, old)
        for name in (used, foreign):
            await connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


async def test_a_role_that_may_not_make_one_is_told_what_to_do(server: str) -> None:
    async with await AsyncConnection.connect(server, autocommit=True) as connection:
        await connection.execute("CREATE ROLE without_databases LOGIN PASSWORD 'x'")
        try:
            with pytest.raises(NoThrowawayDatabase) as raised:
                async with throwaway_database(make_conninfo(server, user="without_databases", password="x")):
                    pass
            assert "CREATEDB" in (raised.value.hint or "")
        finally:
            await connection.execute("DROP ROLE without_databases")


async def test_its_maker_s_session_outlives_the_server_s_patience_with_idle_ones(server: str) -> None:
    impatient = make_conninfo(server, options="-c idle_session_timeout=50ms")
    async with throwaway_database(impatient) as conninfo, await AsyncConnection.connect(server) as connection:
        await connection.execute("SELECT pg_sleep(0.2)")
        found = await connection.execute(
            "SELECT FROM pg_stat_activity WHERE application_name = %s", [_name(conninfo)]
        )
        assert await found.fetchone() is not None
