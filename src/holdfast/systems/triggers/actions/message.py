"""What a delivery says: the default body, and templates of a user's own.

A template is JSON in which texts may hold ``{{name}}``. A text that is one placeholder becomes the
value itself (a number stays a number, null stays null); inside a longer text the value is written
out, null as nothing. The result is encoded as JSON afterwards, so that nothing that stands on a
chain can break out of its text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from holdfast.errors import WrongUse
from holdfast.systems.triggers.events.presentation import EVENT_FIELDS, event_json

MATCHED = "triggers.event.matched"
RETRACTED = "triggers.event.retracted"
PLACEHOLDERS = frozenset(
    {"type", "message_id", "retracts", "trigger.id", "trigger.name"}
    | set(EVENT_FIELDS)
    | {f"event.{name}" for name in EVENT_FIELDS}
)
"""The names that a template may use; an event's field may be written with or without ``event.``."""

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.]*)\s*\}\}")
_TELLS_RETRACTION = frozenset({"type", "retracts", "canonical", "event.canonical"})


class WrongTemplate(WrongUse):
    """A body template cannot be used."""

    code = "wrong_template"


def message(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the default body of a delivery, from a row of the statement ``load``."""
    matched = row["job_kind"] == "match"
    event = {**event_json(row), "canonical": matched, "generation": row["job_generation"]}
    data = {
        "message_id": row["job_id"],
        "trigger": {"id": row["trigger_id"], "name": row["trigger_name"]},
        "event": event,
    }
    if not matched:
        data["retracts"] = row["job_retracts"]
    created: datetime = row["job_created_at"]
    return {
        "type": MATCHED if matched else RETRACTED,
        "timestamp": created.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": data,
    }


def body(row: Mapping[str, Any], template: Any) -> bytes:
    """Return a delivery's body in UTF-8: the default one, or a template filled in.

    A retraction takes the template only where that can tell it from a match, by ``{{type}}``,
    ``{{retracts}}`` or ``{{canonical}}``; else it takes the default body.
    """
    told = message(row)
    if template is not None and (row["job_kind"] == "match" or _TELLS_RETRACTION & set(_names(template))):
        told = _filled(template, _values(told))
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def check_template(template: Any) -> None:
    """Check a template when it is saved; raises ``WrongTemplate``."""
    if not isinstance(template, dict | list):
        raise WrongTemplate(
            "A body template is a JSON object or array.", hint='Such as {"text": "{{score}}"}.'
        )
    unknown = sorted(set(_names(template)) - PLACEHOLDERS)
    if unknown:
        raise WrongTemplate(
            f"The body template names {{{{{unknown[0]}}}}}, which is nothing that a delivery tells.",
            hint=f"It may name {', '.join(sorted(name for name in PLACEHOLDERS if '.' not in name))}, "
            "trigger.id and trigger.name.",
        )


def _values(told: Mapping[str, Any]) -> dict[str, Any]:
    data = told["data"]
    event = data["event"]
    return {
        **event,
        **{f"event.{name}": value for name, value in event.items()},
        "type": told["type"],
        "message_id": data["message_id"],
        "retracts": data.get("retracts"),
        "trigger.id": data["trigger"]["id"],
        "trigger.name": data["trigger"]["name"],
    }


def _names(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield from _PLACEHOLDER.findall(template)
    elif isinstance(template, dict):
        for key, value in template.items():
            yield from _names(key)
            yield from _names(value)
    elif isinstance(template, list):
        for part in template:
            yield from _names(part)


def _filled(template: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(template, str):
        whole = _PLACEHOLDER.fullmatch(template)
        if whole:
            return values[whole[1]]
        return _PLACEHOLDER.sub(lambda match: _written(values[match[1]]), template)
    if isinstance(template, dict):
        return {
            _PLACEHOLDER.sub(lambda match: _written(values[match[1]]), key): _filled(value, values)
            for key, value in template.items()
        }
    if isinstance(template, list):
        return [_filled(part, values) for part in template]
    return template


def _written(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
