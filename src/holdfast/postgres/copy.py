r"""Bulk writes with COPY, the fastest way into a table.

Text format where the rows are text already or hold wide numerics, binary format for narrow columns
(measure: neither wins for every table). Source of the formats: PostgreSQL's documentation of COPY.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Any

from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Composable, Composed, Identifier

from holdfast.errors import WrongUse
from holdfast.system import Connection

NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_STAGED = Identifier("pg_temp", "holdfast_staged")


def text_field(value: str | int | None) -> str:
    r"""Write one value as a field of COPY's text format; None is ``\N``.

    Raises ``WrongUse`` for a text with NUL, which PostgreSQL cannot hold.
    """
    if value is None:
        return NULL
    if isinstance(value, int):
        return str(value)
    if "\0" in value:
        raise WrongUse("A text with NUL cannot be stored.", hint="Remove the character U+0000.")
    return value.translate(_ESCAPES)


def text_line(values: Iterable[str | int | None]) -> str:
    """Write one row of COPY's text format, its newline included."""
    return "\t".join(map(text_field, values)) + "\n"


def copy_statement(table: Composable, columns: Sequence[str], *, binary: bool = False) -> Composed:
    """Compose the COPY statement that writes some columns of a table."""
    return SQL("COPY {} ({}) FROM STDIN{}").format(
        table, _columns(columns), SQL(" (FORMAT BINARY)" if binary else "")
    )


async def copy_text(
    connection: Connection, statement: SQL | Composed, chunks: Iterable[bytes] | AsyncIterable[bytes]
) -> int:
    """Run a COPY ... FROM STDIN with ready chunks of UTF-8 text format; return how many rows it wrote.

    A chunk may end anywhere, within a row too. Raises psycopg's errors; then nothing is written.
    """
    async with connection.cursor() as cursor:
        async with cursor.copy(statement) as copy:
            if isinstance(chunks, AsyncIterable):
                async for chunk in chunks:
                    await copy.write(chunk)
            else:
                for chunk in chunks:
                    await copy.write(chunk)
        return cursor.rowcount


async def copy_rows(connection: Connection, statement: SQL | Composed, rows: Iterable[Sequence[Any]]) -> int:
    """Run a COPY ... FROM STDIN in text format with rows of Python values; return how many it wrote."""
    return await _copy_rows(connection, statement, rows, ())


async def copy_binary(
    connection: Connection, statement: SQL | Composed, rows: Iterable[Sequence[Any]], types: Sequence[str]
) -> int:
    """Run a COPY ... FROM STDIN (FORMAT BINARY) with rows of Python values; return how many it wrote.

    ``types`` names each column's PostgreSQL type, exactly: binary COPY converts nothing.
    """
    return await _copy_rows(connection, statement, rows, types)


async def copy_missing(
    connection: Connection,
    table: Composable,
    columns: Sequence[str],
    chunks: Iterable[bytes] | AsyncIterable[bytes],
    *,
    key: Sequence[str] = (),
) -> int:
    """Write the rows, in COPY's text format, that no unique key of the table has yet.

    With ``key`` only that unique key may have them: a row that another one refuses is an error. They go
    through a temporary table, so the connection must be in a transaction: raises ``WrongUse`` where it
    is not. Returns how many rows were inserted.
    """
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise WrongUse(
            "Rows are staged in a transaction only.", hint="Call it inside of `connection.transaction()`."
        )
    names = _columns(columns)
    # not LIKE: columns that are left out must not be asked for
    await connection.execute(
        SQL("CREATE TEMPORARY TABLE holdfast_staged ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            names, table
        ),
        prepare=False,
    )
    await copy_text(connection, copy_statement(_STAGED, columns), chunks)
    inserted = await connection.execute(
        SQL("INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT {} DO NOTHING").format(
            table, names, names, _STAGED, SQL("({})").format(_columns(key)) if key else SQL("")
        ),
        prepare=False,
    )
    await connection.execute(SQL("DROP TABLE {}").format(_STAGED), prepare=False)
    return inserted.rowcount


async def _copy_rows(
    connection: Connection, statement: SQL | Composed, rows: Iterable[Sequence[Any]], types: Sequence[str]
) -> int:
    async with connection.cursor() as cursor:
        async with cursor.copy(statement) as copy:
            if types:
                copy.set_types(types)
            for row in rows:
                await copy.write_row(row)
        return cursor.rowcount


def _columns(columns: Sequence[str]) -> Composed:
    return SQL(", ").join(map(Identifier, columns))
