"""What this room makes from the partitioned tables that systems declare (``holdfast.system.Generator``).

Partitions themselves are made when rows are about to need them, never by a migration. A migration
that changes the TRUNCATE triggers of a partitioned table reaches the partitions that exist by this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from holdfast.system import Connection, Partitioned, System
from holdfast.timeseries import catalogue
from holdfast.timeseries.errors import NotPartitioned
from holdfast.timeseries.partitions import create_partition, partition_name
from holdfast.timeseries.steps import Steps
from holdfast.timeseries.truncate_triggers import renew_truncate_triggers

_FIRST = datetime(1, 1, 3, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)


class _Partitions:
    async def generate(self, connection: Connection, systems: Sequence[System], /) -> None:
        """Give existing partitions the TRUNCATE triggers that their parent has now."""
        for partitioned in _declared(systems):
            try:
                parent = await catalogue.read_parent(connection, partitioned)
            except NotPartitioned:  # the migration that makes it is yet to come
                continue
            await renew_truncate_triggers(connection, partitioned, parent)

    async def mirror(self, live: Connection, throwaway: Connection, systems: Sequence[System], /) -> None:
        """Make the partitions that the live database has, where they have the names that are ours."""
        for partitioned in _declared(systems):
            try:
                await catalogue.read_parent(live, partitioned)
                parent = await catalogue.read_parent(throwaway, partitioned)
            except NotPartitioned:
                continue
            steps = Steps.every(partitioned.every)
            whole_days = steps.whole_days
            for partition in await catalogue.read_partitions(live, partitioned, _FIRST, _LAST):
                if partition.name == partition_name(parent.name, partition.lower, whole_days=whole_days):
                    bounds = (partition.lower, partition.upper)
                    await create_partition(throwaway, partitioned, parent, partition.name, bounds)


def _declared(systems: Sequence[System]) -> Iterator[Partitioned]:
    for system in systems:
        yield from system.partitions


PARTITIONS = _Partitions()
