"""``GET /triggers/events``: filters, pages, and the JSON of an event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from holdfast.http.amounts import Exact
from holdfast.http.cursors import LARGEST_PAGE, CursorKey, CursorText, Page, page
from holdfast.http.text import PlainText
from holdfast.postgres.statements import Statements
from holdfast.system import Connection
from holdfast.systems.triggers.events.presentation import event_json
from holdfast.systems.triggers.moments import Moment

_STATEMENTS = Statements("holdfast.systems.triggers.events", "listing.sql")
_POSITION = CursorKey("triggers.events", datetime, int, int, int, str)
_Address = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$", to_lower=True)]
_Hash = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{64}$", to_lower=True)]
_Number = Annotated[int, Field(ge=0, lt=2**63)]
_CANONICAL = {"true": True, "false": False, "all": None}


class EventFilter(BaseModel):
    """Which events to list; every filter that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE, description="How many items at most.")] = 50
    cursor: CursorText = None
    canonical: Literal["true", "false", "all"] = Field(
        default="true", description="Events of the chain as it is, those that were retracted, or both."
    )
    id: PlainText | None = Field(default=None, max_length=100, description="{chain}-{block}-{log}")
    chain_id: _Number | None = None
    registry: Literal["identity", "reputation", "validation"] | None = None
    event_type: PlainText | None = Field(default=None, max_length=100)
    agent_id: Exact | None = None
    owner: _Address | None = None
    client_address: _Address | None = None
    validator_address: _Address | None = None
    tag: PlainText | None = Field(default=None, max_length=1000, description="tag1, tag2 or tag is this.")
    transaction_hash: _Hash | None = None
    first_block: _Number | None = None
    last_block: _Number | None = None
    since: Moment | None = Field(default=None, description="Block time, included (ISO 8601 with zone).")
    until: Moment | None = Field(default=None, description="Block time, not included.")


class Event(BaseModel):
    """A log of a registry. Wide numbers are strings of digits; addresses and hashes are lower-case."""

    id: str = Field(description="{chain}-{block}-{log}; blocks that replaced each other share it.")
    chain_id: int
    block_number: int
    block_hash: str
    block_time: datetime
    transaction_hash: str
    log_index: int
    address: str = Field(description="The registry's contract.")
    registry: Literal["identity", "reputation", "validation"]
    event_type: str
    agent_id: str | None
    timestamp: int = Field(description="Block time in Unix seconds.")
    owner: str | None
    token_uri: str | None
    updated_by: str | None
    metadata_key: str | None
    metadata_value: str | None = Field(description="The bytes, as 0x and hex digits.")
    client_address: str | None
    feedback_index: str | None
    value: str | None
    value_decimals: int | None
    score: str | None = Field(description="value / 10^value_decimals, exactly.")
    tag1: str | None
    tag2: str | None
    endpoint: str | None
    file_uri: str | None
    file_hash: str | None
    responder: str | None
    validator_address: str | None
    request_hash: str | None
    request_uri: str | None
    response: int | None
    response_uri: str | None
    response_hash: str | None
    tag: str | None
    arguments: dict[str, Any] | None = Field(description="Arguments that no other field holds.")
    canonical: bool
    generation: int


async def list_events(connection: Connection, wanted: EventFilter) -> Page[Event]:
    """Return a page of events, the newest block time first; raises ``BadCursor``."""
    after = _POSITION.decode(wanted.cursor) or (None,) * 5
    parameters = {
        **wanted.model_dump(mode="python", exclude={"cursor", "limit", "canonical", "agent_id"}),
        "agent_id": wanted.agent_id,
        "canonical": _CANONICAL[wanted.canonical],
        "limit": wanted.limit + 1,
        **dict(zip(_AFTER, after, strict=True)),
    }
    # not prepared: which index serves depends on which filters are given
    cursor = await connection.execute(_STATEMENTS["list"], parameters, prepare=False)
    return page(await cursor.fetchall(), wanted.limit, _POSITION, _position, event_json)


_AFTER = ("after_time", "after_chain", "after_block", "after_log", "after_hash")


def _position(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["block_time"], row["chain_id"], row["block_number"], row["log_index"], row["block_hash"]
