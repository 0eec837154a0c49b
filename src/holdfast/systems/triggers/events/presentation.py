"""How an event is said in JSON: the seed's column names, wide numbers as strings, times in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

EVENT_FIELDS = (
    "id",
    "chain_id",
    "block_number",
    "block_hash",
    "block_time",
    "transaction_hash",
    "log_index",
    "address",
    "registry",
    "event_type",
    "agent_id",
    "timestamp",
    "owner",
    "token_uri",
    "updated_by",
    "metadata_key",
    "metadata_value",
    "client_address",
    "feedback_index",
    "value",
    "value_decimals",
    "score",
    "tag1",
    "tag2",
    "endpoint",
    "file_uri",
    "file_hash",
    "responder",
    "validator_address",
    "request_hash",
    "request_uri",
    "response",
    "response_uri",
    "response_hash",
    "tag",
    "arguments",
    "canonical",
    "generation",
)
"""The fields of an event, in the order in which they are told."""


def event_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of ``triggers.events`` as JSON values.

    ``agent_id``, ``value``, ``score`` and ``feedback_index`` are decimal strings, since they do not
    fit into a float; ``block_time`` is ISO 8601 in UTC, ``timestamp`` the same in Unix seconds.
    """
    return {name: _plain(row[name]) for name in EVENT_FIELDS}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
