"""The canonical form: the same on every session, hashed alike by the server and here, read back from JSON."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from holdfast.errors import WrongUse
from holdfast.migrate.catalogue.comparing import compare
from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.reading import fingerprint, read_catalogue
from holdfast.postgres.database import Database
from holdfast.system import Connection

SHOP = (
    "CREATE SCHEMA shop; CREATE TABLE shop.lamps (id int PRIMARY KEY,"
    " lit timestamptz DEFAULT '2026-01-01 12:00+00',"
    " note text DEFAULT E'a\\\\b\"c\\n\\u00e9');"
    "CREATE VIEW shop.lit AS SELECT id FROM shop.lamps; COMMENT ON TABLE shop.lamps IS 'Ünï \"q\" \\ \t';"
    "CREATE TABLE shop.empty ()"
)


async def connect(conninfo: str) -> Connection:
    return await psycopg.AsyncConnection.connect(conninfo, autocommit=True, row_factory=dict_row)


async def test_server_and_client_hash_alike(empty_database: Database) -> None:
    async with empty_database.connection() as connection:
        await connection.execute(SHOP.encode())
        catalogue = await read_catalogue(connection)
        assert await fingerprint(connection) == catalogue.fingerprint
        await connection.execute("COMMENT ON TABLE shop.empty IS 'x'")
        assert await fingerprint(connection) != catalogue.fingerprint


async def test_an_empty_database_has_a_hash(empty_database: Database) -> None:
    async with empty_database.connection() as connection:
        await connection.execute("DROP SCHEMA public; DROP EXTENSION plpgsql")
        catalogue = await read_catalogue(connection)
        assert len(catalogue) == 0
        assert await fingerprint(connection) == catalogue.fingerprint


async def test_the_session_does_not_matter(empty_conninfo: str) -> None:
    odd = make_conninfo(
        empty_conninfo,
        options="-c search_path=shop -c timezone=Asia/Tokyo -c datestyle=german -c quote_all_identifiers=on",
    )
    async with await connect(empty_conninfo) as plain, await connect(odd) as other:
        await plain.execute(SHOP.encode())
        assert await read_catalogue(plain) == await read_catalogue(other)
        assert await fingerprint(plain) == await fingerprint(other)


async def test_settings_and_an_open_transaction_stay_as_they_were(empty_database: Database) -> None:
    async with empty_database.connection() as connection, connection.transaction(force_rollback=True):
        await connection.execute("SET LOCAL search_path = pg_catalog")
        await read_catalogue(connection)
        await fingerprint(connection)
        row = await (await connection.execute("SHOW search_path")).fetchone()
        assert row == {"search_path": "pg_catalog"}
        await connection.execute("CREATE TABLE public.still_writable ()")
        assert (await read_catalogue(connection)).get("table", "public.still_writable")


async def test_json_is_canonical_and_read_back(empty_database: Database) -> None:
    async with empty_database.connection() as connection:
        await connection.execute(SHOP.encode())
        catalogue = await read_catalogue(connection)
    again = Catalogue.from_json(catalogue.to_json())
    assert again == catalogue
    assert again.to_json() == catalogue.to_json()
    assert compare(catalogue, again) == []


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"holdfast_catalogue": 99, "major": 18, "items": []}'])
def test_what_is_no_snapshot_is_refused(text: str) -> None:
    with pytest.raises(WrongUse):
        Catalogue.from_json(text)


async def test_only_some_schemas(empty_database: Database) -> None:
    async with empty_database.connection() as connection:
        await connection.execute(SHOP.encode())
        await connection.execute("CREATE TABLE public.other ()")
        catalogue = await read_catalogue(connection, schemas=["shop"])
    assert catalogue.get("table", "shop.lamps")
    assert {item.schema for item in catalogue} == {"shop"}


async def test_dropped_columns_leave_no_trace(empty_database: Database) -> None:
    async with empty_database.connection() as connection:
        await connection.execute("CREATE TABLE a (one int, two int)")
        before = await read_catalogue(connection)
        await connection.execute("ALTER TABLE a ADD three int; ALTER TABLE a DROP three")
        assert await read_catalogue(connection) == before


async def test_what_belongs_to_an_extension_is_left_out(empty_database: Database) -> None:
    async with empty_database.connection() as connection:
        before = await read_catalogue(connection)
        await connection.execute("CREATE EXTENSION vector")
        found = compare(before, await read_catalogue(connection))
    assert [str(difference) for difference in found] == ["unexpected: extension vector"]


async def test_data_is_no_difference(empty_database: Database) -> None:
    async with empty_database.connection() as connection:
        await connection.execute(SHOP.encode())
        await connection.execute("CREATE SEQUENCE numbers")
        before = await fingerprint(connection)
        await connection.execute("SELECT nextval('numbers')")
        await connection.execute("INSERT INTO shop.lamps (id) SELECT generate_series(1, 1000)")
        await connection.execute("ANALYZE")
        assert await fingerprint(connection) == before


def test_order_of_columns_can_be_left_out() -> None:
    def with_columns(*names: str) -> Catalogue:
        return Catalogue.of(18, [Item("table", "public.t", {"columns": list(names)}, "public")])

    [difference] = compare(with_columns("a", "b"), with_columns("b", "a"))
    assert difference.only_order
    assert compare(with_columns("a", "b"), with_columns("b", "a"), column_order=False) == []
    assert compare(with_columns("a", "b", "c"), with_columns("a", "c")) == []


async def test_reading_goes_on_while_tables_come_and_go(empty_database: Database) -> None:
    async def come_and_go() -> None:
        async with empty_database.connection() as connection:
            for number in range(60):
                name = f"t{number % 3}"
                await connection.execute(
                    f"CREATE TABLE {name} (a INT CHECK (a > 0) DEFAULT 1, b TEXT UNIQUE)".encode()
                )
                await connection.execute(f"CREATE VIEW v AS SELECT a FROM {name}".encode())
                await connection.execute(f"DROP TABLE {name} CASCADE".encode())

    restless = asyncio.create_task(come_and_go())
    async with empty_database.connection() as connection:
        while not restless.done():
            await fingerprint(connection)
            await read_catalogue(connection)
    await restless
