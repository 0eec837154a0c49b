"""What all systems hold together, and what they have yet to do."""

from __future__ import annotations

from holdfast.postgres.database import Database
from holdfast.system import Pending, Status, StatusLine, Totals, in_order, resolve


async def totals(database: Database) -> dict[str, object]:
    """Return the declared totals of every room and system, in one snapshot."""
    sums: dict[str, object] = {}
    async with database.transaction() as connection:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for system in in_order():
            if system.totals:
                count: Totals = resolve(system.totals)
                sums.update(await count(connection))
    return sums


async def pending(database: Database) -> int:
    """Return how many pieces of work of every room and system are not ended, in one snapshot."""
    left = 0
    async with database.transaction() as connection:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for system in in_order():
            if system.pending:
                count: Pending = resolve(system.pending)
                left += await count(connection)
    return left


async def status_lines(database: Database) -> dict[str, list[StatusLine]]:
    """Return what every room and system says of itself, by its name."""
    lines: dict[str, list[StatusLine]] = {}
    async with database.transaction() as connection:
        for system in in_order():
            if system.status:
                tell: Status = resolve(system.status)
                lines[system.name] = list(await tell(connection))
    return lines
