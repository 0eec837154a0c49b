"""Whether a database holds what its files give, before there is a history of ours."""

from __future__ import annotations

from holdfast.migrate.adopting.histories import Table
from holdfast.migrate.catalogue.comparing import compare
from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.drift import Drift, catalogue_of, split_managed
from holdfast.migrate.plan import Files
from holdfast.migrate.scratch import built
from holdfast.postgres.database import Database

_OWN_SCHEMA = "holdfast"


async def compared(
    database: Database, files: Files, table: Table | None, *, allow_remote: bool = False
) -> Drift:
    """Compare a database with a throwaway one that ``files`` were applied to.

    Another tool's ``table`` and Holdfast's own schema are left out. Raises as ``built``.
    """
    async with built(files, database.settings, live=database, allow_remote=allow_remote) as other:
        expected = without_own(await catalogue_of(other))
    found = without_own(await catalogue_of(database), table)
    managed, outside = split_managed(compare(expected, found), expected, found)
    return Drift(managed, outside, (), expected, found)


def without_own(catalogue: Catalogue, table: Table | None = None) -> Catalogue:
    """Leave out Holdfast's own schema, and a table with all that comes and goes with it."""
    gone = {f"schema {_OWN_SCHEMA}", f"table {table}", f"partitioned table {table}"}

    def stays(item: Item) -> bool:
        above: Item | None = item
        while above is not None:
            if above.key in gone or above.schema == _OWN_SCHEMA:
                return False
            above = catalogue.items.get(above.parent) if above.parent else None
        return True

    return Catalogue.of(catalogue.major, (item for item in catalogue if stays(item)))
