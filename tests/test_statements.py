"""Every statement in a ``.sql`` file is one that PostgreSQL takes, on the schema that migrations make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import psycopg
import pytest

import holdfast
from holdfast.postgres.statements import Statement, Statements
from holdfast.system import in_order

_PARAMETER = re.compile(r"%\((?P<name>\w+)\)[sbt]|%%")
_SOURCE = Path(holdfast.__file__).parent


def _sql_files(place: Traversable, package: str) -> Iterator[tuple[str, str]]:
    """Yield (package, file) of every file of statements at or below a package."""
    for entry in place.iterdir():
        if entry.is_file() and entry.name.endswith(".sql"):
            yield package, entry.name
        elif entry.is_dir() and entry.name != "migrations" and not entry.name.startswith("__"):
            yield from _sql_files(entry, f"{package}.{entry.name}")


FILES = sorted(
    {found for system in in_order() for found in _sql_files(files(system.package), system.package)}
)
STATEMENTS = [
    (f"{package}/{file}", statement)
    for package, file in FILES
    for statement in Statements(package, file).values()
]


def as_postgresql(statement: Statement) -> str:
    """Write a statement's parameters as PostgreSQL does: ``$1``, ``$2``, each name once."""
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        if match["name"] is None:
            return "%"
        return f"${numbers.setdefault(match['name'], len(numbers) + 1)}"

    return _PARAMETER.sub(number, statement.text)


@pytest.fixture(scope="module")
def connection(conninfo: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(conninfo, autocommit=True) as opened:
        yield opened


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(statement, id=statement.name)
        for _, statement in STATEMENTS
        if not statement.cannot_prepare
    ],
)
def test_prepares(connection: psycopg.Connection[tuple[object, ...]], statement: Statement) -> None:
    connection.execute(f"PREPARE checked AS {as_postgresql(statement)}".encode())
    connection.execute("DEALLOCATE checked")


@pytest.mark.parametrize(
    "statement",
    [pytest.param(statement, id=statement.name) for _, statement in STATEMENTS if statement.cannot_prepare],
)
def test_what_is_said_not_to_prepare_does_not(
    connection: psycopg.Connection[tuple[object, ...]], statement: Statement
) -> None:
    """The reason given is still true: otherwise the statement could be checked and is not."""
    with pytest.raises(psycopg.Error):
        connection.execute(f"PREPARE checked AS {as_postgresql(statement)}".encode())


@pytest.mark.parametrize(
    ("file", "statement"), STATEMENTS, ids=[statement.name for _, statement in STATEMENTS]
)
def test_says_its_purpose_and_why_it_is_not_prepared(file: str, statement: Statement) -> None:
    assert len(statement.purpose) > 10, file
    assert not statement.cannot_prepare or len(statement.cannot_prepare) >= 3, file


def test_names_are_unique_within_a_package() -> None:
    seen: dict[str, str] = {}
    for file, statement in STATEMENTS:
        assert seen.setdefault(statement.name, file) == file, (
            f"{statement.name}: {seen[statement.name]} and {file}"
        )


def test_no_file_is_overlooked() -> None:
    """Every ``.sql`` file of the source tree is a migration or belongs to a declared package."""
    found = {
        path.relative_to(_SOURCE.parent)
        for path in _SOURCE.rglob("*.sql")
        if path.parent.name != "migrations"
    }
    listed = {Path(*package.split("."), file) for package, file in FILES}
    assert found == {path for path in listed if path.parts[0] == "holdfast"}
