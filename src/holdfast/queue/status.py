"""How the background jobs stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from psycopg.rows import dict_row

from holdfast.postgres.statements import Statements
from holdfast.system import Connection, StatusLine, in_order

_STATEMENTS = Statements("holdfast.queue", "jobs.sql")


async def status(connection: Connection) -> Sequence[StatusLine]:
    """Say how many jobs wait, run and are dead, and whether any waits for a system that is not installed."""
    rows = await _counts(connection)
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row["status"]] += row["jobs"]
    lines = [
        StatusLine(
            "jobs",
            f"{counts['queued']} queued, {counts['running']} running, "
            f"{counts['retrying']} retrying, {counts['dead']} dead",
            state="warning" if counts["dead"] else "ok",
            hint="Read last_error of the dead ones in holdfast.jobs." if counts["dead"] else "",
        )
    ]
    homeless = sorted({row["kind"] for row in rows if row["status"] != "dead"} - _kinds())
    if homeless:
        lines.append(
            StatusLine(
                "jobs without a handler",
                ", ".join(homeless),
                state="warning",
                hint="Install the system that declares a handler of this kind, or cancel the jobs.",
            )
        )
    return lines


async def pending(connection: Connection) -> int:
    """Count the jobs that an installed system has yet to end."""
    kinds = _kinds()
    return sum(
        row["jobs"]
        for row in await _counts(connection)
        if row["status"] in ("queued", "running", "retrying") and row["kind"] in kinds
    )


def _kinds() -> set[str]:
    return {handler.kind for system in in_order() for handler in system.handlers}


async def _counts(connection: Connection) -> list[dict[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_STATEMENTS["counts"])
        return await cursor.fetchall()
