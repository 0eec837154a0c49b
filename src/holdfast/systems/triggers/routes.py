"""``/triggers``: triggers, events, and the attempts of actions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from holdfast.delivery.guard import Guard
from holdfast.http.cursors import CursorKey, CursorText, Limit, Page, page
from holdfast.http.openapi import problem
from holdfast.http.principal import Principal, requires, signed_in
from holdfast.postgres.database import Database
from holdfast.postgres.request import database
from holdfast.systems.triggers.actions.listing import ActionResult, ResultFilter, list_results
from holdfast.systems.triggers.definitions import triggers as owned
from holdfast.systems.triggers.definitions.checks import check_actions
from holdfast.systems.triggers.definitions.models import Trigger, TriggerChange, TriggerIn
from holdfast.systems.triggers.events.listing import Event, EventFilter, list_events

router = APIRouter(prefix="/triggers", tags=["triggers"])
_POSITION = CursorKey("triggers.triggers", datetime, str)
_Database = Annotated[Database, Depends(database)]
_Reader = Annotated[Principal, Depends(requires("triggers.read"))]
_Writer = Annotated[Principal, Depends(requires("triggers.write"))]
_TriggerId = Annotated[str, Path(max_length=100, pattern=r"^[^\x00]+$")]
_IfMatch = Annotated[
    str | None, Header(max_length=1000, description="Only where the trigger's ETag is one of these.")
]
_CHANGED: dict[int | str, dict[str, Any]] = {412: problem("The trigger was changed since it was read.")}


@router.post(
    "",
    status_code=201,
    summary="Make a trigger",
    response_model_exclude_none=False,
    responses={201: {"headers": {"Location": {"schema": {"type": "string"}}}}},
)
async def create_trigger(
    wanted: TriggerIn, principal: _Writer, database: _Database, request: Request, response: Response
) -> Trigger:
    """Make a trigger of one's own; the signing secrets of its actions are told in this answer only."""
    check_actions(wanted.actions, _guard(request))
    async with database.transaction() as connection:
        trigger = await owned.create(connection, principal.user_id, wanted)
    response.headers["Location"] = f"/triggers/{trigger.id}"
    response.headers["ETag"] = owned.entity_tag(trigger)
    response.headers["Cache-Control"] = "no-store"
    return trigger


@router.get("", summary="List one's triggers")
async def list_triggers(
    principal: _Reader,
    database: _Database,
    limit: Limit = 50,
    cursor: CursorText = None,
    chain_id: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    registry: Literal["identity", "reputation", "validation"] | None = None,
    enabled: bool | None = None,
) -> Page[Trigger]:
    """Return one's own triggers, the newest first."""
    after = _POSITION.decode(cursor)
    async with database.connection() as connection:
        rows = await owned.list_triggers(
            connection,
            principal.user_id,
            chain_id=chain_id,
            registry=registry,
            enabled=enabled,
            after=None if after is None else (after[0], after[1]),
            limit=limit + 1,
        )
    return page(rows, limit, _POSITION, lambda trigger: (trigger.created_at, trigger.id))


@router.get("/events", summary="List events", dependencies=[Depends(signed_in)])
async def events(wanted: Annotated[EventFilter, Query()], database: _Database) -> Page[Event]:
    """Return events of all followed registries, the newest block first. They are everybody's to see."""
    async with database.connection() as connection:
        return await list_events(connection, wanted)


@router.get("/action-results", summary="List the attempts of one's actions")
async def action_results(
    wanted: Annotated[ResultFilter, Query()], principal: _Reader, database: _Database
) -> Page[ActionResult]:
    """Return every attempt to deliver an action of one's own triggers, the newest first."""
    async with database.connection() as connection:
        return await list_results(connection, principal.user_id, wanted)


@router.get("/{trigger_id}", summary="Read a trigger")
async def read_trigger(
    trigger_id: _TriggerId, principal: _Reader, database: _Database, response: Response
) -> Trigger:
    """Return a trigger of one's own, with its ETag."""
    async with database.connection() as connection:
        trigger = await owned.find(connection, principal.user_id, trigger_id)
    response.headers["ETag"] = owned.entity_tag(trigger)
    return trigger


@router.patch("/{trigger_id}", summary="Change a trigger", responses=_CHANGED)
async def change_trigger(
    trigger_id: _TriggerId,
    wanted: TriggerChange,
    principal: _Writer,
    database: _Database,
    request: Request,
    response: Response,
    if_match: _IfMatch = None,
) -> Trigger:
    """Change a trigger of one's own: what is left out stays, lists are replaced as a whole.

    An action with the ``id`` of one that the trigger has is that one, and keeps its signing secret.
    """
    check_actions(wanted.actions or [], _guard(request))
    async with database.transaction() as connection:
        trigger = await owned.change(connection, principal.user_id, trigger_id, wanted, if_match=if_match)
    response.headers["ETag"] = owned.entity_tag(trigger)
    response.headers["Cache-Control"] = "no-store"
    return trigger


@router.delete("/{trigger_id}", status_code=204, summary="Delete a trigger", responses=_CHANGED)
async def delete_trigger(
    trigger_id: _TriggerId, principal: _Writer, database: _Database, if_match: _IfMatch = None
) -> None:
    """Delete a trigger of one's own; what waits to be delivered for it is cancelled."""
    async with database.transaction() as connection:
        await owned.delete(connection, principal.user_id, trigger_id, if_match=if_match)


def _guard(request: Request) -> Guard:
    return Guard.from_settings(request.app.state.settings)
