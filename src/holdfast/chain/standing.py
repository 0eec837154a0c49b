"""How chains stand: for ``status``, ``chains list``, ``GET /chains``, the live view and the end of ``up``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.chain.masking import masked
from holdfast.postgres.statements import Statements
from holdfast.system import Connection, State, StatusLine, in_order, resolve

SQL = Statements("holdfast.chain", "standing.sql")

_COLOURS: Mapping[str, State] = {"lagging": "warning", "waiting": "warning", "failing": "error"}


@dataclass(frozen=True)
class Standing:
    """A chain and how one subscription has read it; what is None was not read yet."""

    chain_id: int
    name: str
    rpc_url: str
    start_block: int
    confirmations: int | None
    enabled: bool
    subscription: str | None
    last_block_number: int | None
    last_block_hash: str | None
    last_block_time: datetime | None
    blocks_observed: int | None
    reorganisations: int | None
    at_end: bool | None
    replay_next: int | None
    replay_until: int | None
    updated_at: datetime | None
    state: str | None
    message: str | None
    head_number: int | None
    finalized_number: int | None
    retry_at: datetime | None
    since: datetime | None
    heard_at: datetime | None
    quarantined: int

    @property
    def shown_state(self) -> str:
        """The state in a word: what the follower said, or that the chain is paused or not begun."""
        return (self.state or "not followed yet") if self.enabled else "paused"

    def as_json(self) -> dict[str, Any]:
        """Return what may be shown, the URL masked."""
        return {
            "chain_id": self.chain_id,
            "name": self.name,
            "rpc_url": masked(self.rpc_url),
            "start_block": self.start_block,
            "confirmations": self.confirmations,
            "enabled": self.enabled,
            "subscription": self.subscription,
            "state": self.shown_state,
            "message": self.message or "",
            "since": _time(self.since),
            "retry_at": _time(self.retry_at),
            "heard_at": _time(self.heard_at),
            "head_number": self.head_number,
            "finalized_number": self.finalized_number,
            "last_block_number": self.last_block_number,
            "last_block_hash": self.last_block_hash,
            "last_block_time": _time(self.last_block_time),
            "blocks_observed": self.blocks_observed or 0,
            "reorganisations": self.reorganisations or 0,
            "at_end": bool(self.at_end),
            "replaying": None if self.replay_next is None else [self.replay_next, self.replay_until],
            "quarantined": self.quarantined,
            "updated_at": _time(self.updated_at),
        }


async def standings(connection: Connection) -> list[Standing]:
    """Return every chain with each subscription's checkpoint, or once without where nothing was read."""
    cursor = await connection.execute(SQL["standings"])
    found = []
    for row in await cursor.fetchall():
        if row["last_block_number"] is not None and row["last_block_number"] < 0:
            row["last_block_number"] = row["last_block_hash"] = None
        found.append(Standing(**row))
    return found


async def status(connection: Connection) -> Sequence[StatusLine]:
    """Say how each chain stands and what is in quarantine, for ``holdfast status``."""
    lines = [_line(standing) for standing in await standings(connection)]
    cursor = await connection.execute(SQL["quarantine_reasons"])
    lines += [
        StatusLine(
            f"quarantine of chain {row['chain_id']}",
            f"{row['logs']} logs: {row['reason']}",
            "warning",
            f"See holdfast.quarantine ({row['subscription']}, newest in block {row['newest_block']}).",
        )
        for row in await cursor.fetchall()
    ]
    return lines or [StatusLine("chains", "none", "ok", "Add one with 'holdfast chains add'.")]


def _line(standing: Standing) -> StatusLine:
    value = standing.shown_state.replace("_", " ")
    if standing.last_block_number is not None:
        value += f", block {standing.last_block_number}"
        if standing.head_number is not None and not standing.at_end:
            value += f" of {standing.head_number}"
    if standing.replay_next is not None:
        value += f", history read again at {standing.replay_next} of {standing.replay_until}"
    colour: State = _COLOURS.get(standing.shown_state, "ok")
    return StatusLine(f"chain {standing.chain_id}", value, colour, standing.message or "")


async def totals(connection: Connection) -> Mapping[str, object]:
    """Return the observed blocks and reorganisations that the database holds, over all chains."""
    cursor = await connection.execute(SQL["totals"])
    row = await cursor.fetchone()
    return dict(row or {})


async def pending(connection: Connection) -> int:
    """Count pairs of an enabled chain and a declared subscription that are not at their end."""
    names = [resolve(path).name for system in in_order() for path in system.subscriptions]
    cursor = await connection.execute(SQL["ended"], {"subscriptions": names})
    row = await cursor.fetchone()
    return 0 if row is None else int(row["chains"]) * len(names) - int(row["ended"])


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
