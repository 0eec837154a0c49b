"""Gives partitions the TRUNCATE triggers of their parent: PostgreSQL clones only row triggers."""

from __future__ import annotations

from collections.abc import Collection

from psycopg import sql

from holdfast.system import Connection, Partitioned
from holdfast.timeseries import catalogue
from holdfast.timeseries.catalogue import Parent

_ENABLED = {"A": "ENABLE ALWAYS", "R": "ENABLE REPLICA", "D": "DISABLE"}


async def copy_truncate_triggers(
    connection: Connection,
    partitioned: Partitioned,
    parent: Parent,
    name: str,
    *,
    only: Collection[str] | None = None,
) -> None:
    """Give the partition ``name`` its parent's TRUNCATE triggers, or ``only`` those of these names."""
    parameters = {"table": partitioned.table, "schema": parent.schema, "partition": name}
    for trigger in await catalogue.read(connection, "truncate_triggers", parameters):
        if only is not None and trigger["name"] not in only:
            continue
        await connection.execute(sql.SQL(trigger["statement"]))
        how = _ENABLED.get(trigger["enabled"])
        if how is not None:
            await connection.execute(
                sql.SQL("ALTER TABLE {} {} TRIGGER {}").format(
                    parent.beside(name), sql.SQL(how), sql.Identifier(trigger["name"])
                )
            )


async def renew_truncate_triggers(connection: Connection, partitioned: Partitioned, parent: Parent) -> None:
    """Bring the TRUNCATE triggers of all partitions to what their parent's are now."""
    stale: dict[str, set[str]] = {}
    for row in await catalogue.read(connection, "stale_truncate_triggers", {"table": partitioned.table}):
        stale.setdefault(row["partition"], set()).add(row["trigger"])
        if row["stands"]:
            await connection.execute(
                sql.SQL("DROP TRIGGER {} ON {}").format(
                    sql.Identifier(row["trigger"]), parent.beside(row["partition"])
                )
            )
    for partition, names in stale.items():
        await copy_truncate_triggers(connection, partitioned, parent, partition, only=names)
