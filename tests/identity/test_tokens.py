"""Tokens: only what this installation signed, for its API, and within its time, opens anything."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from holdfast.identity.keys import TokenKeys
from holdfast.identity.tokens import ExpiredToken, InvalidToken, issue, read

KEYS = TokenKeys.of(Ed25519PrivateKey.generate())
OTHERS = TokenKeys.of(Ed25519PrivateKey.generate())


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {
        "iss": "holdfast",
        "aud": "holdfast-api",
        "sub": "u1",
        "iat": now,
        "exp": now + 60,
        "jti": "j",
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def signed(keys: TokenKeys = KEYS, kid: str | None = None, **changes: Any) -> str:
    return jwt.encode(
        claims(**changes), keys.signing, algorithm="EdDSA", headers={"kid": kid or keys.signing_id}
    )


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_an_issued_token_says_who_by_whom_for_whom_and_until_when() -> None:
    issued = issue(KEYS, user_id="u1", lifetime=3600.0)
    assert issued.expires_in == 3600
    assert read(KEYS, issued.access_token) == "u1"
    header = jwt.get_unverified_header(issued.access_token)
    assert (header["alg"], header["kid"]) == ("EdDSA", KEYS.signing_id)
    told = jwt.decode(issued.access_token, options={"verify_signature": False})
    assert set(told) == {"iss", "aud", "sub", "iat", "exp", "jti"}
    assert told["exp"] - told["iat"] == 3600
    again = jwt.decode(
        issue(KEYS, user_id="u1", lifetime=1).access_token, options={"verify_signature": False}
    )
    assert again["jti"] != told["jti"]


@pytest.mark.parametrize("missing", ["exp", "iat", "iss", "aud", "sub", "jti"])
def test_a_token_that_leaves_something_out_is_refused(missing: str) -> None:
    assert read(KEYS, signed()) == "u1"
    left_out: dict[str, Any] = {missing: None}
    with pytest.raises(InvalidToken):
        read(KEYS, signed(**left_out))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-api"},
        {"iss": "somebody"},
        {"iat": int(time.time()) + 3600},
        {"sub": 7},
        {"jti": 7},
        {"exp": "tomorrow"},
        {"nbf": int(time.time()) + 3600},
    ],
)
def test_a_token_for_or_by_somebody_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        read(KEYS, signed(**changes))


def test_an_expired_token_is_told_as_such() -> None:
    now = int(time.time())
    with pytest.raises(ExpiredToken):
        read(KEYS, signed(iat=now - 100, exp=now - 10))
    assert read(KEYS, signed(iat=now - 100, exp=now - 1)) == "u1", "clocks may differ by a few seconds"


def test_a_forged_token_is_refused() -> None:
    header = {"alg": "none", "typ": "JWT", "kid": KEYS.signing_id}
    public = KEYS.verifying[KEYS.signing_id].public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    raw = KEYS.verifying[KEYS.signing_id].public_bytes(Encoding.Raw, PublicFormat.Raw)
    key = base64.urlsafe_b64encode(raw.ljust(32)).decode()
    forged = [
        f"{part(header)}.{part(claims())}.",
        f"{part({**header, 'alg': 'NONE'})}.{part(claims())}.",
        signed(OTHERS),
        signed(OTHERS, kid=KEYS.signing_id),
        jwt.encode(claims(), key, algorithm="HS256", headers={"kid": KEYS.signing_id}),
        signed()[:-4] + "AAAA",
        ".".join([signed().split(".")[0], part(claims(sub="u2")), signed().split(".")[2]]),
        signed(kid="../../etc/passwd"),
        jwt.encode(claims(), KEYS.signing, algorithm="EdDSA"),
        "a" * 5000,
        f"{part({**header, 'kid': ['x']})}.{part(claims())}.x",
        f"{part({**header, 'kid': {}})}.{part(claims())}.x",
        f"{part([])}.{part(claims())}.x",
        public.decode(),
    ]
    for token in forged:
        with pytest.raises(InvalidToken):
            read(KEYS, token)


@given(st.text(max_size=300) | st.builds(".".join, st.lists(st.text("abcAB_-=01", max_size=40), max_size=5)))
def test_anything_else_is_refused_the_same_way(text: str) -> None:
    with pytest.raises(InvalidToken):
        read(KEYS, text)


def test_a_token_of_an_earlier_key_holds_while_that_key_is_known() -> None:
    old = issue(OTHERS, user_id="u1", lifetime=60).access_token
    both = TokenKeys(KEYS.signing, KEYS.signing_id, {**KEYS.verifying, **OTHERS.verifying})
    assert read(both, old) == "u1"
    with pytest.raises(InvalidToken):
        read(KEYS, old)
