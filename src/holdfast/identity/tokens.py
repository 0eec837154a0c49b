"""Access tokens: JSON Web Tokens signed with Ed25519 that say who, by whom, for whom and until when."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

import jwt

from holdfast.errors import NotSignedIn
from holdfast.identity.keys import TokenKeys

ISSUER = "holdfast"
AUDIENCE = "holdfast-api"
_ALGORITHM = "EdDSA"
_REQUIRED = ["exp", "iat", "iss", "aud", "sub", "jti"]
_LONGEST = 4096
_CLOCKS_DIFFER = 5  # seconds by which the clocks of two servers may differ


class InvalidToken(NotSignedIn):
    """A token that is damaged, forged, or made for somebody else."""

    code = "invalid_token"


class ExpiredToken(NotSignedIn):
    """A token whose time is over."""

    code = "expired_token"


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """An access token, and for how many seconds it holds."""

    access_token: str
    expires_in: int


def issue(keys: TokenKeys, *, user_id: str, lifetime: float) -> IssuedToken:
    """Return a new token for a user that holds for ``lifetime`` seconds."""
    now = int(time.time())
    seconds = max(1, int(lifetime))
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user_id,
        "iat": now,
        "exp": now + seconds,
        "jti": uuid.uuid4().hex,
    }
    token = jwt.encode(claims, keys.signing, algorithm=_ALGORITHM, headers={"kid": keys.signing_id})
    return IssuedToken(token, seconds)


def read(keys: TokenKeys, token: str) -> str:
    """Return the id of the user whom a token stands for.

    Raises ``ExpiredToken``, or ``InvalidToken`` for whatever else is wrong with it, without saying what:
    only who forges would learn from it.
    """
    try:
        if len(token) > _LONGEST:
            raise jwt.InvalidTokenError
        header = jwt.get_unverified_header(token)
        key = keys.verifying[header["kid"]]
        claims = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=_CLOCKS_DIFFER,
            options={"require": _REQUIRED},
        )
    except jwt.ExpiredSignatureError as error:
        raise ExpiredToken("The access token has expired.", hint="Sign in again.") from error
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError) as error:
        raise InvalidToken("The access token is not valid.", hint="Sign in again.") from error
    return str(claims["sub"])
