"""COPY in text and binary format, and through a staging table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier

from holdfast.errors import WrongUse
from holdfast.postgres.copy import (
    copy_binary,
    copy_missing,
    copy_rows,
    copy_statement,
    copy_text,
    text_field,
    text_line,
)
from holdfast.postgres.database import Database
from holdfast.settings import Settings

GREATEST = 2**256 - 1
COLUMNS = ["id", "amount", "note"]
TABLE = Identifier("kept")


@pytest_asyncio.fixture
async def kept(empty_database: Database) -> Database:
    """A database with a table whose columns are not all written."""
    await empty_database.execute(
        SQL(
            "CREATE TABLE kept (serial bigint GENERATED ALWAYS AS IDENTITY, id bigint PRIMARY KEY, "
            "amount numeric(78,0), note text, made timestamptz NOT NULL DEFAULT now())"
        )
    )
    return empty_database


async def stored(database: Database) -> list[tuple[Any, ...]]:
    rows = await database.fetch(SQL("SELECT id, amount, note FROM kept ORDER BY id"))
    return [tuple(row.values()) for row in rows]


ROWS: list[tuple[int, int | None, str | None]] = [
    (1, GREATEST, "tab\tnewline\nreturn\rbackslash\\ \\N \\."),
    (2, None, None),
    (3, -GREATEST, ""),
    (4, 0, "\\."),
    (5, 1, "Grüße 🎈"),
]
EXPECTED = [(number, None if amount is None else Decimal(amount), note) for number, amount, note in ROWS]


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
async def test_text_chunks_may_end_anywhere(kept: Database, size: int) -> None:
    text = "".join(map(text_line, ROWS)).encode()
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    async with kept.connection() as connection:
        assert await copy_text(connection, copy_statement(TABLE, COLUMNS), chunks) == len(ROWS)
    assert await stored(kept) == EXPECTED


async def test_text_chunks_may_come_one_by_one(kept: Database) -> None:
    async def lines() -> AsyncIterator[bytes]:
        for row in ROWS:
            await asyncio.sleep(0)
            yield text_line(row).encode()

    async with kept.connection() as connection:
        assert await copy_text(connection, copy_statement(TABLE, COLUMNS), lines()) == len(ROWS)
    assert await stored(kept) == EXPECTED


async def test_rows_in_either_format(kept: Database) -> None:
    types = ["int8", "numeric", "text"]
    statement = copy_statement(TABLE, COLUMNS, binary=True)
    async with kept.connection() as connection:
        assert await copy_binary(connection, statement, ROWS, types) == len(ROWS)
        assert await stored(kept) == EXPECTED
        await connection.execute("TRUNCATE kept")
        assert await copy_rows(connection, copy_statement(TABLE, COLUMNS), ROWS) == len(ROWS)
    assert await stored(kept) == EXPECTED


async def test_nothing_of_a_failed_copy_stays(kept: Database) -> None:
    chunks = [text_line((1, 1, "good")).encode(), text_line((1, 1, "twice")).encode()]
    async with kept.connection() as connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            await copy_text(connection, copy_statement(TABLE, COLUMNS), chunks)
        assert await copy_text(connection, copy_statement(TABLE, COLUMNS), []) == 0
    assert await stored(kept) == []


async def test_only_missing_rows_are_inserted_however_often(kept: Database) -> None:
    await kept.execute(SQL("INSERT INTO kept (id, note) VALUES (2, 'stays')"))
    chunks = [text_line(row).encode() for row in (*ROWS, ROWS[0])]
    async with kept.transaction() as connection:
        assert await copy_missing(connection, TABLE, COLUMNS, chunks) == 4
        assert await copy_missing(connection, TABLE, COLUMNS, chunks) == 0
        assert await copy_missing(connection, TABLE, ["id"], [b"9\n"]) == 1
    async with kept.transaction() as connection:
        assert await copy_missing(connection, TABLE, COLUMNS, chunks) == 0
    rows = await stored(kept)
    assert rows[1] == (2, None, "stays")
    assert [row for row in rows if row[0] not in (2, 9)] == [row for row in EXPECTED if row[0] != 2]


async def test_staging_outside_of_a_transaction_is_refused(kept: Database) -> None:
    async with kept.connection() as connection:
        with pytest.raises(WrongUse, match="transaction"):
            await copy_missing(connection, TABLE, COLUMNS, [])


async def test_a_text_with_nul_is_refused() -> None:
    with pytest.raises(WrongUse, match="NUL"):
        text_field("a\0b")


VALUE = st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(VALUE, VALUE), max_size=30))
@example([("\\.", "\\N"), ("\\", None), ("\r\n", "\x0b\b\f"), ("\\t", "\\x41"), ("\u2028", "\ufeff")])
def test_any_text_round_trips(empty_conninfo: str, rows: list[tuple[str | None, str | None]]) -> None:
    async def round_trip() -> list[tuple[str | None, str | None]]:
        async with (
            Database.open(empty_conninfo, Settings({}), min_size=1) as database,
            database.transaction() as connection,
        ):
            await connection.execute("CREATE TEMPORARY TABLE texts (a text, b text) ON COMMIT DROP")
            text = "".join(map(text_line, rows)).encode()
            statement = copy_statement(Identifier("texts"), ["a", "b"])
            assert await copy_text(connection, statement, [text]) == len(rows)
            found = await connection.execute("SELECT a, b FROM texts ORDER BY ctid")
            return [(row["a"], row["b"]) for row in await found.fetchall()]

    assert asyncio.run(round_trip()) == rows
