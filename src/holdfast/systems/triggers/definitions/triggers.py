"""Users' triggers: made, read, listed, changed and deleted, each by its owner only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.errors import CheckViolation
from psycopg.types.json import Jsonb

from holdfast.errors import HoldfastError, NotFound
from holdfast.postgres.statements import Statements
from holdfast.system import Connection
from holdfast.systems.triggers.definitions.checks import (
    check_event_types,
    wrong_condition,
    wrong_field,
)
from holdfast.systems.triggers.definitions.models import (
    ActionChange,
    ActionIn,
    ConditionIn,
    Trigger,
    TriggerChange,
    TriggerIn,
)

_STATEMENTS = Statements("holdfast.systems.triggers.definitions", "definitions.sql")
_COLUMNS = ("name", "description", "chain_id", "registry", "enabled")


class ChangedMeanwhile(HoldfastError):
    """The trigger is not what the request's If-Match names."""

    code = "changed_meanwhile"
    http_status = 412


def entity_tag(trigger: Trigger) -> str:
    """Return a trigger's ETag: it changes with anything that is told of the trigger but its secrets."""
    told = trigger.model_dump_json(exclude={"actions": {"__all__": {"signing_secret"}}})
    return f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'


async def create(connection: Connection, user_id: str, wanted: TriggerIn) -> Trigger:
    """Make a trigger, in a transaction; its actions carry their signing secrets this once.

    Raises FastAPI's ``RequestValidationError`` that names the condition's field that cannot be taken.
    """
    check_event_types(wanted.registry, wanted.conditions)
    values = {"user_id": user_id, **{name: getattr(wanted, name) for name in _COLUMNS}}
    row = await (await connection.execute(_STATEMENTS["insert"], values)).fetchone()
    assert row is not None  # noqa: S101  RETURNING of one inserted row
    await _add_conditions(connection, row["id"], wanted.conditions)
    secrets = await _add_actions(connection, row["id"], wanted.actions)
    return await find(connection, user_id, row["id"], secrets=secrets)


async def find(
    connection: Connection, user_id: str, trigger_id: str, *, secrets: Mapping[int, str] | None = None
) -> Trigger:
    """Return a user's trigger; raises ``NotFound`` where there is none that is theirs."""
    row = await (
        await connection.execute(_STATEMENTS["find"], {"id": trigger_id, "user_id": user_id})
    ).fetchone()
    if row is None:
        raise _not_found()
    trigger = Trigger.model_validate(row)
    for action in trigger.actions:
        action.signing_secret = (secrets or {}).get(action.id)
    return trigger


async def list_triggers(
    connection: Connection,
    user_id: str,
    *,
    chain_id: int | None,
    registry: str | None,
    enabled: bool | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Trigger]:
    """Return up to ``limit`` of a user's triggers, the newest first, after a position."""
    parameters = {
        "user_id": user_id,
        "chain_id": chain_id,
        "registry": registry,
        "enabled": enabled,
        "after_time": after[0] if after else None,
        "after_id": after[1] if after else None,
        "limit": limit,
    }
    rows = await (await connection.execute(_STATEMENTS["list"], parameters)).fetchall()
    return [Trigger.model_validate(row) for row in rows]


async def change(
    connection: Connection, user_id: str, trigger_id: str, wanted: TriggerChange, *, if_match: str | None
) -> Trigger:
    """Change a user's trigger, in a transaction; new actions carry their signing secrets this once.

    Raises ``NotFound``, ``ChangedMeanwhile``, and ``RequestValidationError`` as ``create`` does.
    """
    stands = await _locked(connection, user_id, trigger_id, if_match)
    values = {name: getattr(stands, name) for name in _COLUMNS}
    for name in wanted.model_fields_set & set(_COLUMNS):
        value = getattr(wanted, name)
        if value is None and name != "description":
            raise wrong_field((name,), f"{name} cannot be null.", "Leave it out to keep it.")
        values[name] = value
    check_event_types(
        values["registry"], stands.conditions if wanted.conditions is None else wanted.conditions
    )
    await connection.execute(_STATEMENTS["update"], {"id": trigger_id, "user_id": user_id, **values})
    if wanted.conditions is not None:
        await connection.execute(_STATEMENTS["delete_conditions"], {"trigger_id": trigger_id})
        await _add_conditions(connection, trigger_id, wanted.conditions)
    secrets: Mapping[int, str] = {}
    if wanted.actions is not None:
        secrets = await _change_actions(connection, trigger_id, wanted.actions)
    return await find(connection, user_id, trigger_id, secrets=secrets)


async def delete(connection: Connection, user_id: str, trigger_id: str, *, if_match: str | None) -> None:
    """Delete a user's trigger, in a transaction; raises ``NotFound`` and ``ChangedMeanwhile``."""
    if if_match is not None:
        await _locked(connection, user_id, trigger_id, if_match)
    cursor = await connection.execute(_STATEMENTS["delete"], {"id": trigger_id, "user_id": user_id})
    if await cursor.fetchone() is None:
        raise _not_found()


async def _locked(connection: Connection, user_id: str, trigger_id: str, if_match: str | None) -> Trigger:
    await connection.execute(_STATEMENTS["lock"], {"id": trigger_id, "user_id": user_id})
    trigger = await find(connection, user_id, trigger_id)
    wanted = [tag.strip() for tag in (if_match or "*").split(",")]
    if "*" not in wanted and entity_tag(trigger) not in wanted:
        raise ChangedMeanwhile(
            "The trigger was changed since it was read.", hint="Read it again and decide anew."
        )
    return trigger


async def _add_conditions(connection: Connection, trigger_id: str, conditions: Sequence[ConditionIn]) -> None:
    for place, condition in enumerate(conditions):
        values = {
            "trigger_id": trigger_id,
            **condition.model_dump(exclude={"config"}),
            "config": None if condition.config is None else Jsonb(condition.config),
        }
        try:
            await connection.execute(_STATEMENTS["insert_condition"], values)
        except CheckViolation as error:
            raise wrong_condition(place, error) from error


async def _add_actions(
    connection: Connection, trigger_id: str, actions: Sequence[ActionIn]
) -> dict[int, str]:
    secrets = {}
    for action in actions:
        row = await (
            await connection.execute(_STATEMENTS["insert_action"], _action(trigger_id, action))
        ).fetchone()
        assert row is not None  # noqa: S101  RETURNING of one inserted row
        secrets[row["id"]] = row["signing_secret"]
    return secrets


async def _change_actions(
    connection: Connection, trigger_id: str, actions: Sequence[ActionChange]
) -> dict[int, str]:
    kept = [action.id for action in actions if action.id is not None]
    await connection.execute(_STATEMENTS["delete_actions"], {"trigger_id": trigger_id, "kept": kept})
    for place, action in enumerate(actions):
        if action.id is None:
            continue
        cursor = await connection.execute(
            _STATEMENTS["update_action"], {**_action(trigger_id, action), "id": action.id}
        )
        if await cursor.fetchone() is None:
            raise wrong_field(
                ("actions", place, "id"), "The trigger has no such action.", "Leave id out for a new one."
            )
    return await _add_actions(connection, trigger_id, [action for action in actions if action.id is None])


def _action(trigger_id: str, action: ActionIn) -> dict[str, Any]:
    return {
        "trigger_id": trigger_id,
        "action_type": action.action_type,
        "priority": action.priority,
        "config": Jsonb(action.config),
    }


def _not_found() -> NotFound:
    return NotFound("There is no such trigger.", hint="GET /triggers lists yours.")
