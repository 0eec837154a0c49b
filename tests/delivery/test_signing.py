"""Signatures are what the Standard Webhooks library verifies."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from holdfast.delivery.allowlist import AllowList
from holdfast.delivery.errors import NotSendable
from holdfast.delivery.guard import Guard
from holdfast.delivery.sender import Outbound, Sender
from holdfast.delivery.signing import check_secret, new_secret, signature_headers
from holdfast.errors import WrongUse
from tests.delivery.servers import fine, serving

BODY = b'{"event":"NewFeedback"}'


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.integers(-720, 720))
def test_any_body_and_any_zone_are_verified_by_the_library(text: str, minutes: int) -> None:
    secret = new_secret()
    now = datetime.now(UTC).astimezone(timezone(timedelta(minutes=minutes)))
    headers = signature_headers(secret, "msg_1", now, text.encode())
    Webhook(secret).verify(text.encode(), headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(text.encode() + b" ", headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(text.encode(), {**headers, "webhook-id": "msg_2"}, json_parse=False)


def test_the_signature_is_that_of_the_standard_s_own_example() -> None:
    headers = signature_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_while_a_secret_is_rotated_the_old_and_the_new_one_verify() -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    headers = signature_headers([new, old], "msg_1", datetime.now(UTC), BODY)
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, headers)


async def test_a_delivery_is_verified_as_it_arrives_and_repeats_its_id() -> None:
    secret = new_secret()
    async with serving(fine) as server, Sender(Guard(AllowList.read(["127.0.0.1"]))) as sender:
        for _ in range(2):
            headers = signature_headers(secret, "delivery-7", datetime.now(UTC), BODY)
            assert (await sender.send(Outbound("POST", server.url(), headers, BODY))).ok
        for request in server.requests:
            assert Webhook(secret).verify(request.body, request.headers) == json.loads(BODY)
            assert request.headers["webhook-id"] == "delivery-7"


def test_new_secrets_are_right_and_differ() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    for secret in made:
        check_secret(secret)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_c2hvcnQ=",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La aSw",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSé",
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
    ],
)
def test_a_secret_in_another_form_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(WrongUse) as caught:
        signature_headers(secret, "msg_1", datetime.now(UTC), BODY)
    assert len(secret) < 12 or secret not in str(caught.value)


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "a\nb", "é", "x" * 257])
def test_an_id_that_would_make_the_signature_ambiguous_is_refused(message_id: str) -> None:
    with pytest.raises(WrongUse):
        signature_headers(new_secret(), message_id, datetime.now(UTC), BODY)


def test_a_time_without_a_zone_no_secret_and_a_body_that_is_no_text_are_refused() -> None:
    with pytest.raises(WrongUse):
        signature_headers(new_secret(), "msg_1", datetime(2026, 1, 1), BODY)  # noqa: DTZ001  that is the fault
    with pytest.raises(WrongUse):
        signature_headers([], "msg_1", datetime.now(UTC), BODY)
    with pytest.raises(NotSendable):
        signature_headers(new_secret(), "msg_1", datetime.now(UTC), b"\xff")
