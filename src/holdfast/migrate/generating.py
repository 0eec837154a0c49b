"""What rooms generate from what systems declare, in the transaction of the migration that calls for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from holdfast.system import Connection, Generator, System, in_order, resolve


@cache
def declared_generators() -> tuple[Generator, ...]:
    """Return the generators of all rooms and systems, each after those that it depends on."""
    return tuple(resolve(path) for system in in_order() for path in system.generates)


async def generate(
    connection: Connection, systems: Sequence[System], *, generators: Sequence[Generator] | None = None
) -> None:
    """Bring what is generated for these systems up to date; the connection is in the migration's transaction.

    ``generators`` are the declared ones where they are not given.
    """
    for generator in declared_generators() if generators is None else generators:
        await generator.generate(connection, systems)


async def mirror(
    live: Connection,
    throwaway: Connection,
    systems: Sequence[System],
    *,
    generators: Sequence[Generator] | None = None,
) -> None:
    """Make on a throwaway database what depends on the rows that the live one has had, such as partitions."""
    for generator in declared_generators() if generators is None else generators:
        await generator.mirror(live, throwaway, systems)
