"""Connections, transactions and the pool's limits."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from holdfast.errors import WrongUse
from holdfast.postgres.database import Database
from holdfast.postgres.errors import Busy, Refused, Unreachable
from holdfast.settings import Settings
from holdfast.system import Connection
from tests.fixtures.debian import DebianServer
from tests.fixtures.doors import open_door
from tests.fixtures.waiting import eventually

SMALL = {"HOLDFAST_POOL_MIN": "1", "HOLDFAST_POOL_MAX": "2", "HOLDFAST_ACQUIRE_TIMEOUT": "200ms"}


async def count(database: Database) -> int:
    row = await database.fetch_one(SQL("SELECT count(*) AS rows FROM kept"))
    assert row is not None
    return int(row["rows"])


async def test_rows_are_dictionaries_and_times_are_utc(database: Database) -> None:
    moment = datetime(2026, 7, 1, 12, tzinfo=UTC)
    row = await database.fetch_one(
        SQL("SELECT %(moment)s::timestamptz AS moment, %(moment)s::timestamptz::text AS text"),
        {"moment": moment},
    )
    assert row == {"moment": moment, "text": "2026-07-01 12:00:00+00"}
    assert row["moment"].utcoffset().total_seconds() == 0
    assert await database.fetch(SQL("SELECT 1 AS one WHERE false")) == []
    assert await database.fetch_one(SQL("SELECT 1 AS one WHERE false")) is None


async def test_the_time_zone_survives_a_reset_of_everything(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("SET TimeZone TO 'Asia/Tokyo'")
        await connection.execute("RESET ALL")
        row = await (await connection.execute("SELECT current_setting('TimeZone') AS zone")).fetchone()
    assert row == {"zone": "UTC"}


async def test_the_greatest_amount_round_trips(database: Database) -> None:
    row = await database.fetch_one(SQL("SELECT %(amount)s::numeric(78,0) AS amount"), {"amount": 2**256 - 1})
    assert row is not None
    assert int(row["amount"]) == 2**256 - 1


async def test_transactions_roll_back_and_savepoints_roll_back_alone(empty_database: Database) -> None:
    await empty_database.execute(SQL("CREATE TABLE kept (number int PRIMARY KEY)"))

    async def insert_twice(connection: Connection) -> None:
        async with connection.transaction():
            await connection.execute("INSERT INTO kept VALUES (2)")
            await connection.execute("INSERT INTO kept VALUES (1)")

    async with empty_database.transaction() as connection:
        await connection.execute("INSERT INTO kept VALUES (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            await insert_twice(connection)
        await connection.execute("INSERT INTO kept VALUES (3)")
    assert await empty_database.fetch(SQL("SELECT number FROM kept ORDER BY number")) == [
        {"number": 1},
        {"number": 3},
    ]

    async def insert_and_fail() -> None:
        async with empty_database.transaction() as connection:
            await connection.execute("INSERT INTO kept VALUES (4)")
            raise LookupError

    with pytest.raises(LookupError):
        await insert_and_fail()
    assert await count(empty_database) == 2


async def test_a_cancelled_transaction_leaves_nothing_and_gives_its_connection_back(
    empty_conninfo: str,
) -> None:
    settings = Settings({**SMALL, "HOLDFAST_POOL_MAX": "1", "HOLDFAST_ACQUIRE_TIMEOUT": "10s"})
    async with Database.open(empty_conninfo, settings) as database:
        await database.execute(SQL("CREATE TABLE kept (number int)"))
        inserted = asyncio.Event()

        async def work() -> None:
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO kept VALUES (1)")
                inserted.set()
                await connection.execute("SELECT pg_sleep(60)")

        task = asyncio.create_task(work())
        await inserted.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await count(database) == 0


async def test_execute_tells_the_rows_it_touched(empty_database: Database) -> None:
    await empty_database.execute(SQL("CREATE TABLE kept (number int)"))
    assert await empty_database.execute(SQL("INSERT INTO kept SELECT generate_series(1, 5)")) == 5
    assert await empty_database.execute(SQL("DELETE FROM kept WHERE number > %(n)s"), {"n": 3}) == 2


async def test_a_pool_in_use_says_so_in_time(empty_conninfo: str) -> None:
    async with Database.open(empty_conninfo, Settings(SMALL)) as database:
        async with database.connection(), database.connection():
            with pytest.raises(Busy) as raised:
                async with database.connection():
                    pass
        assert "HOLDFAST_POOL_MAX" in raised.value.hint
        assert raised.value.retryable
        async with database.connection() as connection:
            await connection.execute("SELECT 1")


async def test_the_pool_opens_no_more_than_its_limit(empty_conninfo: str) -> None:
    settings = Settings({**SMALL, "HOLDFAST_ACQUIRE_TIMEOUT": "30s"})
    async with Database.open(empty_conninfo, settings, application_name="limited") as database:
        statement = SQL(
            "SELECT count(*) AS open FROM pg_stat_activity WHERE application_name = 'limited' "
            "AND datname = current_database()"
        )
        rows = await asyncio.gather(*(database.fetch_one(statement) for _ in range(50)))
    assert max(row["open"] for row in rows if row) == 2


@pytest.mark.parametrize(
    "environment",
    [
        {"HOLDFAST_POOL_MIN": "3", "HOLDFAST_POOL_MAX": "2"},
        {"HOLDFAST_POOL_MIN": "0", "HOLDFAST_POOL_MAX": "0"},
        {"HOLDFAST_POOL_MIN": "-1"},
    ],
)
async def test_a_pool_that_cannot_be_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(WrongUse, match="HOLDFAST_POOL_MIN"):
        async with Database.open("", Settings(environment)):
            pass


async def test_a_server_that_is_not_there_is_told_with_its_place_and_without_the_password() -> None:
    conninfo = "host=127.0.0.1 port=1 user=u password=Tr0ub4dor dbname=d"
    with pytest.raises(Unreachable) as raised:
        async with Database.open(conninfo, Settings({})):
            pass
    assert "127.0.0.1" in raised.value.message
    assert raised.value.exit_code == 3
    assert "Tr0ub4dor" not in str(raised.value) + repr(raised.value)
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"password": "Tr0ub4dor"}, "password"),
        ({"dbname": "nowhere"}, "Create the database"),
        ({"sslmode": "disable", "user": "nobody"}, "password"),
    ],
)
async def test_a_server_that_refuses_is_told_with_a_hint(
    debian_server: DebianServer, wrong: dict[str, str], hint: str
) -> None:
    with pytest.raises(Refused) as raised:
        async with Database.open(make_conninfo(debian_server.conninfo, **wrong), Settings({})):
            pass
    assert hint in raised.value.hint
    assert not raised.value.retryable
    assert "Tr0ub4dor" not in str(raised.value)
    assert debian_server.password not in str(raised.value)


async def test_a_server_without_tls_is_not_connected_to_where_tls_is_asked_for(empty_conninfo: str) -> None:
    async with open_door(empty_conninfo) as door:  # TLS is for TCP
        with pytest.raises(Refused, match="SSL") as raised:
            async with Database.open(make_conninfo(door.conninfo, sslmode="require"), Settings({})):
                pass
    assert "TLS" in raised.value.hint


async def test_a_full_server_is_tried_again(empty_conninfo: str) -> None:
    database = conninfo_to_dict(empty_conninfo)["dbname"]
    visitor = "visitor_of_a_full_server"
    async with Database.open(empty_conninfo, Settings({}), min_size=1) as owner:
        names = {"role": Identifier(visitor), "database": Identifier(str(database))}
        await owner.execute(SQL("CREATE ROLE {role} LOGIN PASSWORD 'visits'").format(**names))
        try:
            await owner.execute(SQL("ALTER ROLE {role} CONNECTION LIMIT 0").format(**names))
            with pytest.raises(Unreachable, match="too many connections") as raised:
                async with Database.open(
                    make_conninfo(empty_conninfo, user=visitor, password="visits"), Settings({})
                ):
                    pass
            assert "HOLDFAST_POOL_MAX" in raised.value.hint
        finally:
            await owner.execute(SQL("DROP ROLE {role}").format(**names))


async def test_a_direct_connection_stands_outside_the_pool(empty_conninfo: str) -> None:
    async with Database.open(empty_conninfo, Settings({**SMALL, "HOLDFAST_POOL_MAX": "1"})) as database:
        async with database.connection(), database.direct() as connection:
            row = await (await connection.execute("SELECT current_setting('TimeZone') AS zone")).fetchone()
            assert row == {"zone": "UTC"}
        assert connection.closed


async def test_statements_of_the_pool_end_at_their_timeout(empty_conninfo: str) -> None:
    settings = Settings({"HOLDFAST_STATEMENT_TIMEOUT": "50ms", "HOLDFAST_POOL_MIN": "1"})
    async with Database.open(empty_conninfo, settings) as database:
        with pytest.raises(psycopg.errors.QueryCanceled):
            await database.execute(SQL("SELECT pg_sleep(60)"))
        with pytest.raises(psycopg.errors.QueryCanceled):
            async with database.transaction() as connection:
                await connection.execute("SELECT pg_sleep(60)")
        async with database.direct() as connection:
            row = await (await connection.execute("SHOW statement_timeout")).fetchone()
            assert row == {"statement_timeout": "0"}


async def test_several_hosts_are_tried_until_one_answers(empty_conninfo: str) -> None:
    parameters = conninfo_to_dict(empty_conninfo)
    several = make_conninfo(
        "", **{**parameters, "host": f"127.0.0.1,{parameters['host']}", "port": f"1,{parameters['port']}"}
    )
    async with Database.open(several, Settings({}), min_size=1) as database:
        assert await database.fetch(SQL("SELECT 1 AS one")) == [{"one": 1}]


async def test_repeated_statements_are_prepared(database: Database) -> None:
    assert not database.pooling.pooled
    async with database.connection() as connection:
        for _ in range(8):
            await connection.execute(SQL("SELECT %(n)s::int AS often"), {"n": 1})
        rows = await (await connection.execute("SELECT statement FROM pg_prepared_statements")).fetchall()
    assert any("AS often" in row["statement"] for row in rows)


async def test_a_closed_database_leaves_no_connection(empty_conninfo: str) -> None:
    name = f"closing {os.getpid()}"
    async with Database.open(empty_conninfo, Settings({}), application_name=name) as database:
        await database.fetch(SQL("SELECT 1"))
    async with await psycopg.AsyncConnection.connect(empty_conninfo, autocommit=True) as connection:

        async def none_is_left() -> bool:
            statement = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
            return await (await connection.execute(statement, [name])).fetchone() == (0,)

        await eventually(none_is_left)
