"""Runs a command's work on the database: reaches the server, and sees that it is migrated."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from holdfast.migrate.engine import migrate_up, pending
from holdfast.migrate.errors import NotMigrated
from holdfast.postgres.database import Database
from holdfast.postgres.reach import Reached, default_data_dir, reach
from holdfast.settings import Settings
from holdfast.terminal.options import CommandOptions
from holdfast.terminal.output import note

T = TypeVar("T")


def run_with_database(
    options: CommandOptions,
    work: Callable[[Database], Awaitable[T]],
    *,
    purpose: str,
    migrated: bool = True,
) -> T:
    """Reach the server, open a small ``Database`` on it, run ``work`` and return what it returns.

    ``purpose`` says to others what holds the embedded server. With ``migrated``, the embedded
    server's database is brought up to date first; another server's must be: raises ``NotMigrated``
    where it is behind, because who runs a command there need not be who may change its schema.
    """
    data_dir = options.data_dir or default_data_dir(options.settings)
    with reach(options.settings, data_dir, purpose=purpose) as reached:
        return asyncio.run(_run(reached, options.settings, work, purpose=purpose, migrated=migrated))


async def _run(
    reached: Reached,
    settings: Settings,
    work: Callable[[Database], Awaitable[T]],
    *,
    purpose: str,
    migrated: bool,
) -> T:
    async with Database.open(
        reached.endpoint,
        settings,
        application_name=f"holdfast {purpose}",
        min_size=1 if migrated else 0,  # what migrates works on a connection of its own
        max_size=4,
    ) as database:
        if migrated:
            await _bring_up_to_date(database, embedded=reached.embedded)
        return await work(database)


async def _bring_up_to_date(database: Database, *, embedded: bool) -> None:
    if embedded:
        await migrate_up(database, tell=note)
        return
    async with database.connection() as connection:
        behind = await pending(connection)
    if behind:
        shown = ", ".join(f"{entry.id} ({entry.state})" for entry in behind[:5])
        more = f" and {len(behind) - 5} more" if len(behind) > 5 else ""
        raise NotMigrated(
            f"The database is behind the installed systems: {shown}{more}.",
            hint="Run: holdfast migrate up",
            pending=[str(entry.id) for entry in behind],
        )
