"""How the agent triggers stand: totals, what is left to do, and lines for ``holdfast status``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.postgres.statements import Statements
from holdfast.system import Connection, StatusLine

_STATEMENTS = Statements("holdfast.systems.triggers", "standing.sql")
_LATE_SECONDS = 60.0
_COUNTED = 100_000  # beyond this a status line does not wait for an exact count


async def totals(connection: Connection) -> Mapping[str, object]:
    """Count events, matches, and deliveries by status.

    ``standing_deliveries`` are those that were sent and not retracted.
    """
    events = await _one(connection, "events")
    matches = await _one(connection, "matches")
    deliveries = await _all(connection, "deliveries")
    return {
        "events_canonical": events["canonical"],
        "events_retracted": events["retracted"],
        "matches": matches["matches"],
        "deliveries": {row["status"]: row["count"] for row in deliveries},
        "standing_deliveries": sum(row["standing"] for row in deliveries),
    }


async def pending(connection: Connection) -> int:
    """Count the deliveries that have not ended."""
    return int((await _one(connection, "unfinished"))["count"])


async def status(connection: Connection) -> list[StatusLine]:
    """Say what is followed, how old the newest event is, and how deliveries go."""
    made = await _one(connection, "ended_lately")
    newest = await _one(connection, "newest")
    waiting = await _one(connection, "waiting")
    late = waiting["oldest"] > _LATE_SECONDS
    return [
        StatusLine(
            "triggers",
            f"{made['triggers']} enabled, {made['registries']} registries followed",
            "ok" if made["registries"] else "warning",
            "" if made["registries"] else "Name the contracts: holdfast triggers registries add.",
        ),
        StatusLine(
            "events",
            f"{_how_many(newest)}, the newest of {newest['newest']:%Y-%m-%d %H:%M:%S}Z"
            if newest["newest"]
            else "none yet",
        ),
        StatusLine(
            "deliveries",
            f"{_at_most(made['sent'])} sent within a day, {waiting['queued']} queued, "
            f"{waiting['sending']} being sent, {waiting['retrying']} to be retried"
            + (f", the oldest due for {waiting['oldest']:.0f} s" if late else ""),
            "warning" if late else "ok",
            "No worker delivers, or receivers are slow: see GET /triggers/action-results." if late else "",
        ),
        StatusLine(
            "dead letters",
            f"{made['dead']} within a day",
            "warning" if made["dead"] else "ok",
            "GET /triggers/action-results?status=failed says why." if made["dead"] else "",
        ),
    ]


def _how_many(newest: Mapping[str, Any]) -> str:
    if newest["few"] <= _COUNTED:
        return str(newest["few"])
    return f"about {max(newest['few'], newest['estimate'])}"


def _at_most(counted: int) -> str:
    return f"more than {_COUNTED}" if counted > _COUNTED else str(counted)


async def _one(connection: Connection, name: str) -> dict[str, Any]:
    row = await (await connection.execute(_STATEMENTS[name])).fetchone()
    assert row is not None  # noqa: S101  an aggregate without GROUP BY has one row
    return dict(row)


async def _all(connection: Connection, name: str) -> list[dict[str, Any]]:
    return await (await connection.execute(_STATEMENTS[name])).fetchall()
