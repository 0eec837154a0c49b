"""The SQL that mends makes a whole database from nothing, and takes a whole one down."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.migrate.catalogue.comparing import compare
from holdfast.migrate.catalogue.mending import mend_all
from holdfast.migrate.catalogue.model import Catalogue
from holdfast.migrate.catalogue.reading import fingerprint, read_catalogue
from holdfast.migrate.engine import migrate_up
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.system import Connection

FOLDER = Path(__file__).parent
ON_BOTH = pytest.mark.parametrize("own", ["empty_conninfo", "debian_conninfo"], ids=["embedded", "debian"])


@ON_BOTH
async def test_our_own_database_is_taken_down_and_made_again(
    request: pytest.FixtureRequest, settings: Settings, own: str
) -> None:
    async with Database.open(request.getfixturevalue(own), settings, min_size=1) as database:
        async with database.connection() as connection:
            nothing = await read_catalogue(connection)
        await migrate_up(database)
        async with database.connection() as connection:
            await take_down_and_make_again(connection, nothing)


@ON_BOTH
async def test_what_is_odd_is_taken_down_and_made_again(
    request: pytest.FixtureRequest, settings: Settings, own: str
) -> None:
    async with (
        Database.open(request.getfixturevalue(own), settings, min_size=1) as database,
        database.connection() as connection,
    ):
        nothing = await read_catalogue(connection)
        await connection.execute((FOLDER / "odd.sql").read_bytes())
        if nothing.major >= 18:
            await connection.execute((FOLDER / "odd_18.sql").read_bytes())
        await take_down_and_make_again(connection, nothing)


async def take_down_and_make_again(connection: Connection, nothing: Catalogue) -> None:
    everything = await read_catalogue(connection)
    assert await fingerprint(connection) == everything.fingerprint
    for statement in mend_all(compare(nothing, everything), nothing, everything):
        await connection.execute(statement.encode())
    assert compare(nothing, await read_catalogue(connection)) == []
    for statement in mend_all(compare(everything, nothing), everything, nothing):
        await connection.execute(statement.encode())
    assert compare(everything, await read_catalogue(connection)) == []
