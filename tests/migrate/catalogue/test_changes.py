"""Each deliberate change is found by name, mended by the SQL that is given, and nothing else is reported."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from holdfast.migrate.catalogue.comparing import compare
from holdfast.migrate.catalogue.mending import mend, mend_all
from holdfast.migrate.catalogue.model import Catalogue
from holdfast.migrate.catalogue.reading import read_catalogue
from holdfast.migrate.commands.drifting import print_drift
from holdfast.migrate.drift import Drift
from holdfast.system import Connection
from tests.fixtures.servers import temporary_database
from tests.migrate.catalogue import changes_of_others, changes_of_tables
from tests.migrate.catalogue.change import Change

SHOP = (Path(__file__).parent / "shop.sql").read_bytes()
_PARTS = 8
CHANGES = {**changes_of_tables.CHANGES, **changes_of_others.CHANGES}


@pytest.fixture(scope="module", params=["embedded", "debian"])
def shop(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of this module's own that holds the shop."""
    if request.param == "embedded":
        server = request.getfixturevalue("server")
    else:
        server = request.getfixturevalue("debian_server").conninfo
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE ROLE catalogue_reader")
    try:
        with temporary_database(server) as conninfo:
            with psycopg.connect(conninfo, autocommit=True) as connection:
                connection.execute(SHOP)
            yield conninfo
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("DROP ROLE catalogue_reader")


@pytest.fixture
async def connection(shop: str) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(shop, autocommit=True, row_factory=dict_row) as opened:
        yield opened


_read: dict[str, Catalogue] = {}


async def expected_of(connection: Connection, shop: str) -> Catalogue:
    """Return what the shop holds before any change, read once."""
    if shop not in _read:
        _read[shop] = await read_catalogue(connection)
    return _read[shop]


def named(change: Change, major: int) -> list[str]:
    """Return the differences as this version has them: not-null constraints have names from 18 on."""
    if major >= 18:
        return list(change.finds)
    return [each.replace("(not_null, not_null_constraint)", "(not_null)") for each in change.finds]


@pytest.mark.parametrize("part", range(_PARTS))
async def test_each_change_is_found_and_mended(
    connection: Connection, shop: str, part: int, subtests: pytest.Subtests
) -> None:
    """One session runs many changes, each in a transaction of its own: it plans the reading once."""
    expected = await expected_of(connection, shop)
    for name in sorted(CHANGES)[part::_PARTS]:
        with subtests.test(name):
            async with connection.transaction(force_rollback=True):
                await find_and_mend(connection, expected, name, CHANGES[name])


async def find_and_mend(connection: Connection, expected: Catalogue, name: str, change: Change) -> None:
    if change.newest_only and expected.major < 18:
        return
    await connection.execute(change.sql.encode())
    found = await read_catalogue(connection)
    differences = compare(expected, found)
    if change.finds:
        assert [str(difference) for difference in differences] == named(change, expected.major)
    assert differences
    with redirect_stdout(StringIO()) as shown:
        print_drift(Drift(differences, (), (), expected, found), everything=False)
    assert [each.key for each in differences if each.key not in shown.getvalue()] == []
    statements = mend_all(differences, expected, found)
    if len(differences) == 1:
        alone = mend(differences[0], expected, found)
        assert sorted(set(statements) - {"SET check_function_bodies = off;"}) == sorted(alone)
    for statement in statements:
        await connection.execute(statement.encode())
    mended = await read_catalogue(connection)
    left = compare(expected, mended)
    if change.is_a_persons:
        assert all(difference.only_order or name == "extension dropped" for difference in left)
    else:
        assert left == []
