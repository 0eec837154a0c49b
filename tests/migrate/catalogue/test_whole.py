"""The SQL that mends makes a whole database from nothing, and takes a whole one down."""

from __future__ import annotations

import pytest

from holdfast.migrate.catalogue.comparing import compare
from holdfast.migrate.catalogue.mending import mend_all
from holdfast.migrate.catalogue.reading import read_catalogue
from holdfast.migrate.engine import migrate_up
from holdfast.postgres.database import Database
from holdfast.settings import Settings


@pytest.mark.parametrize("own", ["empty_conninfo", "debian_conninfo"], ids=["embedded", "debian"])
async def test_our_own_database_is_taken_down_and_made_again(
    request: pytest.FixtureRequest, settings: Settings, own: str
) -> None:
    async with Database.open(request.getfixturevalue(own), settings, min_size=1) as database:
        async with database.connection() as connection:
            nothing = await read_catalogue(connection)
        await migrate_up(database)
        async with database.connection() as connection:
            everything = await read_catalogue(connection)
            for statement in mend_all(compare(nothing, everything), nothing, everything):
                await connection.execute(statement.encode())
            assert compare(nothing, await read_catalogue(connection)) == []
            for statement in mend_all(compare(everything, nothing), everything, nothing):
                await connection.execute(statement.encode())
            assert compare(everything, await read_catalogue(connection)) == []
