"""Signatures of what is delivered, as Standard Webhooks says (https://www.standardwebhooks.com, v1).

A receiver checks ``webhook-signature`` with the secret that it shares with the sender, refuses a
``webhook-timestamp`` that is old, and remembers ``webhook-id`` to tell a repeated delivery.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from holdfast.delivery.errors import NotSendable
from holdfast.errors import WrongUse

_PREFIX = "whsec_"
# A dot would make the signed text "id.timestamp.body" ambiguous.
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_:+/=-]{1,256}")


def new_secret() -> str:
    """Return a new secret: ``whsec_`` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def check_secret(secret: str) -> None:
    """Check a secret's form: ``whsec_`` and the base64 of 24 to 64 bytes.

    Raises ``WrongUse``, which does not repeat the secret.
    """
    try:
        size = len(base64.b64decode(secret.removeprefix(_PREFIX), validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if not secret.startswith(_PREFIX) or not 24 <= size <= 64:
        raise WrongUse(
            "The signing secret is not whsec_ and the base64 of 24 to 64 bytes.",
            hint="Make one with holdfast.delivery.signing.new_secret, or leave it to be made.",
        )


def signature_headers(
    secret: str | Sequence[str], message_id: str, timestamp: datetime, body: bytes
) -> dict[str, str]:
    """Return the three headers that sign a delivery: ``webhook-id``, ``-timestamp`` and ``-signature``.

    ``message_id`` stays the same over all tries of a delivery; ``timestamp`` (aware) is that of this
    try. With several secrets, newest first, there is a signature of each: receivers accept any while
    a secret is rotated. Raises ``WrongUse`` on a secret, an id or a time that is not in its form, and
    ``NotSendable`` on a body that is not UTF-8.
    """
    keys = [secret] if isinstance(secret, str) else list(secret)
    for key in keys:
        check_secret(key)
    if not keys or timestamp.tzinfo is None or not _MESSAGE_ID.fullmatch(message_id):
        raise WrongUse(
            "A signature needs a secret, a time with its zone, and an id of letters, digits and _:+/=-.",
            hint="Leave dots out of the id: the signed text separates its parts by them.",
        )
    try:
        signed = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotSendable(
            "A body that is to be signed must be UTF-8.", hint="Send JSON, or encode it as base64."
        ) from None
    moment = timestamp.astimezone(UTC)  # the library reads the clock's face and takes it for UTC
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, moment, signed) for key in keys),
    }
