"""Every declared migration can be undone and applied again, and leaves the same catalogue, on each server."""

from __future__ import annotations

import pytest
from psycopg import sql

from holdfast.migrate.engine import migrate_down, migrate_up, pending
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.system import in_order

_CATALOGUE = """
WITH ours AS (
    SELECT oid, nspname FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'public')
)
SELECT 'column' AS kind, format('%s.%s.%s', nspname, relname, attname) AS name,
       format('%s %s %s %s', attnum, format_type(atttypid, atttypmod), attnotnull,
              pg_get_expr(adbin, adrelid)) AS says
FROM ours JOIN pg_class AS class ON relnamespace = ours.oid
JOIN pg_attribute ON attrelid = class.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
UNION ALL
SELECT 'relation', format('%s.%s', nspname, relname),
       format('%s %s %s', relkind, obj_description(class.oid, 'pg_class'),
              CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(class.oid)
                   WHEN relkind IN ('i', 'I') THEN pg_get_indexdef(class.oid) END)
FROM ours JOIN pg_class AS class ON relnamespace = ours.oid
UNION ALL
SELECT 'constraint', format('%s.%s', conrelid::regclass, conname), pg_get_constraintdef(pg_constraint.oid)
FROM ours JOIN pg_constraint ON connamespace = ours.oid
UNION ALL
SELECT 'trigger', format('%s.%s', tgrelid::regclass, tgname),
       format('%s %s', pg_get_triggerdef(pg_trigger.oid), tgenabled)
FROM ours JOIN pg_class AS class ON relnamespace = ours.oid
JOIN pg_trigger ON tgrelid = class.oid AND NOT tgisinternal
UNION ALL
SELECT 'function', pg_proc.oid::regprocedure::text, pg_get_functiondef(pg_proc.oid)
FROM ours JOIN pg_proc ON pronamespace = ours.oid AND prokind <> 'a'
UNION ALL
SELECT 'type', format('%s.%s', nspname, typname),
       format('%s %s', typtype, (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum
                                 WHERE enumtypid = pg_type.oid))
FROM ours JOIN pg_type ON typnamespace = ours.oid
ORDER BY 1, 2, 3
"""


async def catalogue(database: Database) -> list[tuple[str, str, str]]:
    rows = await database.fetch(sql.SQL(_CATALOGUE))
    return [(row["kind"], row["name"], row["says"]) for row in rows]


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
        assert await catalogue(database) == bare
        assert [each.id for each in await migrate_up(database)] == [each.id for each in done]
        assert await catalogue(database) == whole
        async with database.connection() as connection:
            assert await pending(connection) == []
    assert len(whole) > len(bare) + 100
