"""Whether a database holds what its files give: both catalogues, one from a throwaway database."""

from __future__ import annotations

from holdfast.migrate.adopting.histories import Table
from holdfast.migrate.catalogue.comparing import Difference, compare
from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.reading import read_catalogue
from holdfast.migrate.engine import migrate_up
from holdfast.migrate.plan import Files
from holdfast.postgres.database import Database
from holdfast.postgres.throwaway.databases import throwaway_database

OWN_SCHEMA = "holdfast"


async def catalogue_of(files: Files, like: Database) -> Catalogue:
    """Apply files to a throwaway database on the server of ``like``, and read what that then holds."""
    server = like.endpoint.direct or like.conninfo
    async with (
        throwaway_database(server, name_hint="adopt") as conninfo,
        Database.open(conninfo, like.settings, application_name="holdfast adopt", min_size=1) as scratch,
    ):
        await migrate_up(scratch, files=files)
        async with scratch.connection() as connection:
            return await read_catalogue(connection)


def without(catalogue: Catalogue, *tables: Table) -> Catalogue:
    """Leave out Holdfast's own schema, and tables with all that comes and goes with them."""
    gone = {f"{kind} {table}" for table in tables for kind in ("table", "partitioned table")}

    def stays(item: Item) -> bool:
        if item.schema == OWN_SCHEMA or item.key == f"schema {OWN_SCHEMA}":
            return False
        above: Item | None = item
        while above is not None:
            if above.key in gone:
                return False
            above = catalogue.items.get(above.parent) if above.parent else None
        return True

    return Catalogue.of(catalogue.major, (item for item in catalogue if stays(item)))


async def differences(database: Database, files: Files, *tables: Table) -> list[Difference]:
    """Return how a database differs from what files give; ``tables`` are another tool's own."""
    expected = await catalogue_of(files, database)
    async with database.connection() as connection:
        found = await read_catalogue(connection)
    return compare(without(expected), without(found, *tables))
