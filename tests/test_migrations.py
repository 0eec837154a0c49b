"""Every declared migration can be undone and applied again, and leaves the same catalogue, on each server."""

from __future__ import annotations

import pytest

from holdfast.migrate.catalogue.comparing import compare
from holdfast.migrate.catalogue.model import Catalogue
from holdfast.migrate.catalogue.reading import read_catalogue
from holdfast.migrate.engine import migrate_down, migrate_up, pending
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.system import in_order


async def catalogue(database: Database) -> Catalogue:
    async with database.connection() as connection:
        return await read_catalogue(connection)


@pytest.mark.parametrize(
    "server_of_its_own", ["empty_conninfo", "debian_conninfo"], ids=["embedded", "debian"]
)
async def test_up_down_and_up_again_give_the_same_catalogue(
    request: pytest.FixtureRequest, settings: Settings, server_of_its_own: str
) -> None:
    conninfo = str(request.getfixturevalue(server_of_its_own))
    async with Database.open(conninfo, settings, min_size=1) as database:
        await migrate_up(database, [])
        bare = await catalogue(database)
        done = await migrate_up(database)
        whole = await catalogue(database)
        for system in reversed(in_order()):
            await migrate_down(database, system.name, 1000)
        assert compare(bare, await catalogue(database)) == []
        assert [each.id for each in await migrate_up(database)] == [each.id for each in done]
        assert compare(whole, await catalogue(database)) == []
        async with database.connection() as connection:
            assert await pending(connection) == []
    assert len(compare(bare, whole)) > 30
