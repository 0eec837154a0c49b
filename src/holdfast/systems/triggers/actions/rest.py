"""The action ``rest``: its configuration, and the request that a delivery becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from holdfast.delivery.destination import read_destination
from holdfast.delivery.sender import Outbound
from holdfast.delivery.signing import signature_headers
from holdfast.errors import HoldfastError, WrongUse
from holdfast.systems.triggers.actions.message import body, check_template

METHODS = ("POST", "PUT", "PATCH", "DELETE", "GET")
LONGEST_TIMEOUT_MS = 60_000
RESPONSE_BYTES = 4096
_KEYS = frozenset({"method", "url", "headers", "body_template", "timeout_ms"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE = re.compile(r"[\x20-\x7e\t]{0,4096}")
# What frames the message, speaks to the next hop, or signs it is ours to say.
_OURS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "holdfast-retracts",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)


class WrongAction(WrongUse):
    """An action's configuration cannot be used; ``details["field"]`` names the part of it."""

    code = "wrong_action"


@dataclass(frozen=True)
class RestConfig:
    """Where and how a ``rest`` action sends; ``timeout_ms`` of None takes the delivery room's setting."""

    url: str = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body_template: Any = None
    timeout_ms: int | None = None


def read_config(config: Mapping[str, Any]) -> RestConfig:
    """Read an action's ``config``; raises ``WrongAction`` that names the part that cannot be taken."""
    for key in config:
        if key not in _KEYS:
            raise _wrong(key, f"A rest action knows no {key!r}.", f"It takes {', '.join(sorted(_KEYS))}.")
    method = config.get("method", "POST")
    if method not in METHODS:
        raise _wrong("method", "The method is not one that is sent.", f"Use one of {', '.join(METHODS)}.")
    timeout = config.get("timeout_ms")
    if timeout is not None and (
        not isinstance(timeout, int) or isinstance(timeout, bool) or not 1 <= timeout <= LONGEST_TIMEOUT_MS
    ):
        raise _wrong(
            "timeout_ms",
            "timeout_ms is not a whole number of milliseconds within its bounds.",
            f"Write 1 to {LONGEST_TIMEOUT_MS}.",
        )
    template = config.get("body_template")
    if template is not None:
        if method == "GET":
            raise _wrong("body_template", "A GET carries no body.", "Leave it out, or use POST.")
        try:
            check_template(template)
        except WrongUse as error:
            raise _wrong("body_template", error.message, error.hint) from error
    return RestConfig(_url(config.get("url")), method, _headers(config.get("headers")), template, timeout)


def outbound(config: RestConfig, secret: str, row: Mapping[str, Any]) -> Outbound:
    """Return the signed request of a delivery, from a row of the statement ``load``.

    The body and ``webhook-id`` are the same for every attempt; the time and so the signature are this
    attempt's. A retraction names what it takes back in the header ``holdfast-retracts`` too.
    """
    content = b"" if config.method == "GET" else body(row, config.body_template)
    headers = dict(config.headers)
    if content and "content-type" not in {name.lower() for name in headers}:
        headers["content-type"] = "application/json"
    if row["job_retracts"] is not None:
        headers["holdfast-retracts"] = row["job_retracts"]
    headers.update(signature_headers(secret, row["job_id"], datetime.now(UTC), content))
    return Outbound(
        config.method,
        config.url,
        headers,
        content,
        None if config.timeout_ms is None else config.timeout_ms / 1000,
        RESPONSE_BYTES,
    )


def _url(url: Any) -> str:
    if not isinstance(url, str) or len(url) > 2048:
        raise _wrong(
            "url",
            "A rest action needs a url of at most 2048 characters.",
            "Such as https://example.org/hook.",
        )
    try:
        read_destination(url)
    except HoldfastError as error:
        raise _wrong("url", error.message, error.hint) from error
    return url


def _headers(headers: Any) -> dict[str, str]:
    if headers is None:
        return {}
    if not isinstance(headers, dict) or len(headers) > 32:
        raise _wrong("headers", "headers is not an object of at most 32 texts.", 'Such as {"X-Key": "..."}.')
    for name, value in headers.items():
        if not isinstance(value, str) or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise _wrong(
                "headers", f"The header {name[:128]!r} or its value cannot be sent.", "Use ASCII text."
            )
        if name.lower() in _OURS:
            raise _wrong("headers", f"The header {name} cannot be set.", "Leave it out: it is set as needed.")
    return dict(headers)


def _wrong(name: str, message: str, hint: str) -> WrongAction:
    return WrongAction(message, hint=hint, field=name)
