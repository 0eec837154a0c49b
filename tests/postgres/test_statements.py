"""Named statements, and the log that names them."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.sql import SQL

from holdfast.errors import WrongUse
from holdfast.postgres.database import Database
from holdfast.postgres.statements import Statement, Statements
from holdfast.settings import Settings

SECRET = "hunter2"


def package(folder: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> Statements:
    """Make a package with one .sql file and read it."""
    (folder / "written").mkdir()
    (folder / "written" / "__init__.py").touch()
    (folder / "written" / "some.sql").write_text(content)
    monkeypatch.delitem(sys.modules, "written", raising=False)
    monkeypatch.syspath_prepend(folder)
    return Statements("written", "some.sql")


def test_a_file_is_read_into_its_statements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (
        "-- name: first\n-- Says one.\nSELECT 1;\n\n-- name: second_one\n-- Makes a table.\n"
        "-- cannot-prepare: DDL\n-- a comment\nCREATE TABLE x ()\n"
    )
    statements = package(tmp_path, monkeypatch, content)
    assert list(statements) == ["first", "second_one"]
    first, second = statements.values()
    assert (first.text, first.name, first.purpose) == ("SELECT 1", "written.first", "Says one.")
    assert (second.text, second.cannot_prepare) == ("-- a comment\nCREATE TABLE x ()", "DDL")


@pytest.mark.parametrize("content", ["SELECT 1\n", "-- name: first\nSELECT 1\n", ""])
def test_a_file_without_names_or_purposes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    with pytest.raises(WrongUse, match=r"written/some\.sql"):
        package(tmp_path, monkeypatch, content)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "holdfast.statements"]


async def test_the_log_says_name_duration_and_rows_and_no_parameters(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    named = Statement("SELECT n, %(secret)s AS s FROM generate_series(1, {}) n", "room.some", "Some.")
    caplog.set_level(logging.DEBUG)
    async with database.connection() as connection:
        await connection.execute(named.format(sql.Literal(3)), {"secret": SECRET})
        await connection.execute(Statement("SELECT 1", "room.plain", "One."))
        await connection.execute("SELECT %s", [SECRET])
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            await connection.execute(Statement("SELECT %s::int", "room.wrong", "Wrong."), [SECRET])
        async with connection.cursor() as cursor:
            await cursor.executemany("SELECT %s", [[SECRET], [SECRET]])
            copying = Statement("COPY (SELECT generate_series(1, 4)) TO STDOUT", "room.copy", "Copy.")
            async with cursor.copy(copying) as copy:
                assert len([chunk async for chunk in copy]) == 4
    found = lines(caplog)
    said = [(line.split(": ")[0], line.partition(" ms, ")[2]) for line in found]
    assert said == [
        ("room.some", "3 rows"),
        ("room.plain", "1 rows"),
        ("unnamed", "1 rows"),
        ("room.wrong", "failed: InvalidTextRepresentation 22P02"),
        ("unnamed", "2 rows"),
        ("room.copy", "4 rows"),
    ]
    assert all(float(line.split(": ")[1].split(" ms")[0]) > 0 for line in found)
    for record in caplog.records:
        assert SECRET not in record.getMessage()
        assert SECRET not in str(vars(record))


async def test_a_slow_statement_is_a_warning_others_are_silent(
    empty_conninfo: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with Database.open(
        empty_conninfo, Settings({"HOLDFAST_SLOW_STATEMENT": "100ms"}), min_size=1
    ) as database:
        await database.fetch(SQL("SELECT 1"))
        assert lines(caplog) == []
        await database.fetch(Statement("SELECT pg_sleep(0.1)", "room.slow", "Sleeps."))
        async with database.direct() as connection:
            await connection.execute(Statement("SELECT pg_sleep(0.1)", "room.direct", "Sleeps."))
    slow = [record for record in caplog.records if record.name == "holdfast.statements"]
    assert [(record.levelname, vars(record)["statement"]) for record in slow] == [
        ("WARNING", "room.slow"),
        ("WARNING", "room.direct"),
    ]
    assert vars(slow[0])["milliseconds"] >= 100
    assert vars(slow[0])["rows"] == 1
