"""What a trigger must meet beyond its form, told by the field that does not meet it.

Conditions are checked by the database, which compiles them; here its refusals become errors of the
request's fields. Actions are checked here.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from psycopg.errors import CheckViolation

from holdfast.delivery.guard import Guard
from holdfast.errors import HoldfastError
from holdfast.systems.triggers.actions.rest import WrongAction, read_config
from holdfast.systems.triggers.definitions.models import ActionIn, Condition, ConditionIn
from holdfast.systems.triggers.events.catalogue import EVENTS, event_types

Place = tuple[str | int, ...]


def wrong_field(place: Place, message: str, hint: str = "") -> RequestValidationError:
    """Return the error that points at a part of the request's body."""
    told = f"{message} {hint}".strip()
    return RequestValidationError([{"type": "value_error", "loc": ("body", *place), "msg": told}])


def wrong_condition(place: int, error: CheckViolation) -> RequestValidationError:
    """Return what the database refused of a condition as an error of its field."""
    column = error.diag.column_name
    return wrong_field(
        ("conditions", place, *([column] if column else [])),
        error.diag.message_primary or "The condition cannot be taken.",
        error.diag.message_hint or "",
    )


def check_event_types(registry: str, conditions: Sequence[Condition | ConditionIn]) -> None:
    """Refuse an event that the registry never emits, since the trigger would wait for it for ever."""
    known = event_types(registry)
    for place, condition in enumerate(conditions):
        if condition.condition_type != "event_type_equals" or condition.operator not in ("=", "in"):
            continue
        for name in _names(condition):
            if name not in known:
                raise wrong_field(
                    ("conditions", place, "value"),
                    f"The {registry} registry emits no event {name!r}.",
                    _nearest(name, registry, known),
                )


def check_actions(actions: Sequence[ActionIn], guard: Guard) -> None:
    """Refuse an action that could not be sent."""
    for place, action in enumerate(actions):
        if action.action_type != "rest":
            raise wrong_field(
                ("actions", place, "action_type"),
                f"Actions of the type {action.action_type} are not delivered yet.",
                "Use rest.",
            )
        try:
            guard.destination(read_config(action.config).url)
        except WrongAction as error:
            raise wrong_field(
                ("actions", place, "config", str(error.details["field"])), error.message, error.hint
            ) from error
        except HoldfastError as error:
            raise wrong_field(("actions", place, "config", "url"), error.message, error.hint) from error


def _names(condition: Condition | ConditionIn) -> list[str]:
    if condition.operator == "=":
        return [condition.value]
    if not condition.value.lstrip().startswith("["):
        return [part.strip() for part in condition.value.split(",")]
    try:
        names: Any = json.loads(condition.value)
    except ValueError:
        return []  # the database says what is wrong with it
    return [name for name in names if isinstance(name, str)]


def _nearest(name: str, registry: str, known: Sequence[str]) -> str:
    for other in EVENTS:
        if other != registry and name in event_types(other):
            return f"The {other} registry does."
    near = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]}?" if near else f"It emits {', '.join(known)}."
