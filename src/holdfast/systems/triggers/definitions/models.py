"""The JSON of a trigger: the seed's column names, conditions and actions inline."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    WithJsonSchema,
)

from holdfast.http.text import PlainText

Registry = Literal["identity", "reputation", "validation"]
_MOST_CONDITIONS = 50
_MOST_ACTIONS = 10


def _as_text(value: object) -> object:
    """Write a whole number in digits and a list as a JSON array, as the column holds them."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return value


def _stateless(value: bool) -> bool:
    if value:
        raise ValueError("no condition keeps state yet: leave it out, or say false")
    return value


_Value = Annotated[
    PlainText,
    Field(max_length=65536),
    BeforeValidator(_as_text),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": 65536},
                {"type": "integer"},
                {"type": "array", "items": {"type": ["string", "integer"]}},
            ]
        }
    ),
]


class ConditionIn(BaseModel):
    """A condition; all conditions of a trigger must hold."""

    model_config = ConfigDict(extra="forbid")

    condition_type: Annotated[PlainText, Field(max_length=64)] = Field(
        description="event_type_equals, agent_id_equals, score_threshold or tag_equals."
    )
    field: Annotated[PlainText, Field(max_length=64)] = Field(
        description="event_type; agent_id; score or value (both value / 10^decimals) or response; "
        "tag1, tag2 or tag."
    )
    operator: Annotated[PlainText, Field(max_length=16)] = Field(
        description="= != < <= > >= in, and for texts contains."
    )
    value: _Value = Field(
        description="Text, or a number in digits; for `in` a JSON array, or values between commas."
    )
    config: dict[str, Any] | None = Field(default=None, description="These conditions take none.")


class ActionIn(BaseModel):
    """An action: what is done for each match."""

    model_config = ConfigDict(extra="forbid")

    action_type: Literal["rest", "telegram", "mcp"]
    priority: Annotated[StrictInt, Field(ge=-(2**31), lt=2**31)] = Field(
        default=1, description="Lower number, higher priority."
    )
    config: dict[str, Any] = Field(
        description="rest: url; method, headers, body_template (JSON with {{event.score}} and the like), "
        "timeout_ms."
    )


class ActionChange(ActionIn):
    """An action of a changed trigger: with the ``id`` of one that it has, or none for a new one."""

    id: StrictInt | None = None


_Name = Annotated[PlainText, Field(min_length=1, max_length=200)]
_Description = Annotated[PlainText, Field(max_length=2000)]
_ChainId = Annotated[StrictInt, Field(ge=1, lt=2**63)]
_Conditions = Annotated[list[ConditionIn], Field(max_length=_MOST_CONDITIONS)]


class TriggerIn(BaseModel):
    """A trigger to be made."""

    model_config = ConfigDict(extra="forbid")

    name: _Name
    description: _Description | None = None
    chain_id: _ChainId
    registry: Registry
    enabled: StrictBool = True
    is_stateful: Annotated[StrictBool, AfterValidator(_stateless)] = Field(
        default=False, description="No condition keeps state yet.", json_schema_extra={"const": False}
    )
    conditions: _Conditions = Field(
        default=[], description="All must hold; without any, every event of the registry fires the trigger."
    )
    actions: Annotated[list[ActionIn], Field(max_length=_MOST_ACTIONS)] = []


class TriggerChange(BaseModel):
    """What is to change of a trigger; what is left out stays. ``conditions`` and ``actions`` are whole."""

    model_config = ConfigDict(extra="forbid")

    name: _Name | None = None
    description: _Description | None = None
    chain_id: _ChainId | None = None
    registry: Registry | None = None
    enabled: StrictBool | None = None
    conditions: _Conditions | None = None
    actions: Annotated[list[ActionChange], Field(max_length=_MOST_ACTIONS)] | None = None


class Condition(BaseModel):
    """A condition as it is stored."""

    id: int
    condition_type: str
    field: str
    operator: str
    value: str
    config: dict[str, Any] | None
    created_at: datetime


class Action(BaseModel):
    """An action as it is stored; ``signing_secret`` is told once, when the action is made."""

    id: int
    action_type: str
    priority: int
    config: dict[str, Any]
    created_at: datetime
    signing_secret: str | None = Field(
        default=None, description="Verifies what is delivered (Standard Webhooks); told only here and now."
    )


class Trigger(BaseModel):
    """A trigger as it is stored."""

    id: str
    user_id: str
    name: str
    description: str | None
    chain_id: int
    registry: Registry
    enabled: bool
    is_stateful: bool
    created_at: datetime
    updated_at: datetime
    conditions: list[Condition]
    actions: list[Action]
