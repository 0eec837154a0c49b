"""A process of its own that migrates: told on stdin, it prints what it applied."""

from __future__ import annotations

import asyncio
import json
import sys

from holdfast.migrate import turn
from holdfast.migrate.engine import migrate_up
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from tests.fixtures.migrations import migration_files


async def main() -> None:
    told = json.load(sys.stdin)
    turn.LEASE_SECONDS = told["lease_seconds"]
    async with Database.open(told["conninfo"], Settings({}), min_size=1) as database:
        done = await migrate_up(database, files=migration_files(told["files"]))
    sys.stdout.write(json.dumps([str(each.id) for each in done]))


asyncio.run(main())
