"""``GET /triggers/action-results``: a user's own attempts, with filters and pages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from holdfast.http.cursors import LARGEST_PAGE, CursorKey, CursorText, Page, page
from holdfast.http.text import PlainText
from holdfast.postgres.statements import Statements
from holdfast.system import Connection
from holdfast.systems.triggers.moments import Moment

_STATEMENTS = Statements("holdfast.systems.triggers.actions", "listing.sql")
_POSITION = CursorKey("triggers.action_results", datetime, str)
_Id = Annotated[PlainText, Field(max_length=200)]


class ResultFilter(BaseModel):
    """Which attempts to list; every filter that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE, description="How many items at most.")] = 50
    cursor: CursorText = None
    job_id: _Id | None = None
    trigger_id: _Id | None = None
    event_id: _Id | None = Field(default=None, description="{chain}-{block}-{log}")
    action_type: Literal["telegram", "rest", "mcp"] | None = None
    status: Literal["started", "success", "failed", "retrying"] | None = None
    since: Moment | None = Field(default=None, description="When the attempt began, included.")
    until: Moment | None = Field(default=None, description="When the attempt began, not included.")


class ActionResult(BaseModel):
    """One attempt of one delivery."""

    id: str
    job_id: str = Field(description="The delivery: what its receiver sees as webhook-id.")
    kind: Literal["match", "retraction"] | None = Field(description="What the delivery tells.")
    retracts: str | None = Field(description="The delivery that a retraction takes back.")
    job_status: str | None = Field(
        description="How the delivery stands: queued, sending, retrying, succeeded, dead or cancelled."
    )
    trigger_id: str | None = Field(description="Null once the trigger is deleted.")
    event_id: str | None
    action_type: str
    status: Literal["started", "success", "failed", "retrying"]
    executed_at: datetime
    finished_at: datetime | None
    duration_ms: int | None
    error_message: str | None
    response_data: dict[str, Any] | None = Field(description="Status, the body's start, whether it was cut.")
    retry_count: int = Field(description="0 for the first attempt.")


async def list_results(connection: Connection, user_id: str, wanted: ResultFilter) -> Page[ActionResult]:
    """Return a page of a user's attempts, the newest first; raises ``BadCursor``."""
    after = _POSITION.decode(wanted.cursor) or (None, None)
    parameters = {
        **wanted.model_dump(exclude={"cursor", "limit"}),
        "user_id": user_id,
        "limit": wanted.limit + 1,
        "after_time": after[0],
        "after_id": after[1],
    }
    # not prepared: which index serves depends on which filters are given
    cursor = await connection.execute(_STATEMENTS["list"], parameters, prepare=False)
    return page(await cursor.fetchall(), wanted.limit, _POSITION, lambda row: (row["executed_at"], row["id"]))
