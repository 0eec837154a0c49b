"""``GET /chains``: which chains are followed, and how each stands."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from holdfast.chain.standing import standings
from holdfast.http.principal import Principal, signed_in
from holdfast.postgres.database import Database
from holdfast.postgres.request import database

router = APIRouter(tags=["chains"])


class ChainStanding(BaseModel):
    """A chain as one subscription has read it. Times are ISO 8601; null is what was not read yet."""

    chain_id: int
    name: str
    rpc_url: str = Field(description="Scheme and host; the rest may hold a key and is not shown.")
    start_block: int
    confirmations: int | None
    enabled: bool
    subscription: str | None
    state: str = Field(
        description="reading, following, at_end, idle, lagging, waiting, failing, starting, paused"
    )
    message: str
    since: str | None
    retry_at: str | None
    heard_at: str | None = Field(description="When the follower last said how it stands.")
    head_number: int | None
    finalized_number: int | None
    last_block_number: int | None
    last_block_hash: str | None
    last_block_time: str | None
    blocks_observed: int
    reorganisations: int
    at_end: bool
    replaying: list[int] | None = Field(description="The next and the last block of history read again.")
    quarantined: int
    updated_at: str | None


class Chains(BaseModel):
    """All chains."""

    chains: list[ChainStanding]


@router.get("/chains", summary="Which chains are followed, and how each stands")
async def list_chains(
    _principal: Annotated[Principal, Depends(signed_in)], database: Annotated[Database, Depends(database)]
) -> Chains:
    """Return every chain with each subscription's checkpoint and state."""
    async with database.connection() as connection:
        rows: list[dict[str, Any]] = [standing.as_json() for standing in await standings(connection)]
    return Chains(chains=[ChainStanding(**row) for row in rows])
