"""Signing in over HTTP, and what a token opens afterwards."""

from __future__ import annotations

import time
from typing import Any

import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg.sql import SQL

from holdfast.identity.keys import TokenKeys
from holdfast.identity.tokens import issue
from tests.fixtures.api import PASSWORD, Api


async def sign_in(api: Api, username: str, password: str = PASSWORD, **options: Any) -> Any:
    client = await api.anonymous()
    return await client.post("/auth/token", json={"username": username, "password": password}, **options)


async def test_a_user_signs_in_by_name_or_address_in_any_case_and_is_known(api: Api) -> None:
    user = await api.user("Ada")
    for name in ("Ada", "ada", "ADA@EXAMPLE.ORG", "ada@example.org"):
        response = await sign_in(api, name)
        assert response.status_code == 200, response.text
        assert response.headers["cache-control"] == "no-store"
        answer = response.json()
        assert answer["token_type"] == "bearer"
        assert answer["expires_in"] == 3600
        client = await api.anonymous()
        me = await client.get("/auth/me", headers={"Authorization": f"Bearer {answer['access_token']}"})
        assert me.status_code == 200
        assert me.json()["id"] == user.id
        assert me.json()["username"] == "Ada"
        assert me.json()["last_login_at"] is not None
        assert "password" not in me.text


async def test_the_form_of_oauth_signs_in_too(api: Api) -> None:
    await api.user("ada")
    client = await api.anonymous()
    form = {"grant_type": "password", "username": "ada", "password": PASSWORD, "scope": ""}
    assert (await client.post("/auth/token", data=form)).status_code == 200
    without_grant = {name: form[name] for name in ("username", "password")}  # as the README prints it
    assert (await client.post("/auth/token", data=without_grant)).status_code == 200
    for changed in ({"grant_type": "client_credentials"}, {"username": ""}, {"password": "wrong"}):
        response = await client.post("/auth/token", data={**form, **changed})
        assert response.status_code == (401 if "password" in changed else 422)


async def test_whoever_cannot_sign_in_is_answered_alike(api: Api) -> None:
    await api.user("ada")
    await api.user("gone")
    await api.database.execute(SQL("UPDATE holdfast.users SET is_active = false WHERE username = 'gone'"))
    answers = [
        await sign_in(api, "ada", "wrong password"),
        await sign_in(api, "nobody"),
        await sign_in(api, "gone"),
        await sign_in(api, "ada@example.org' OR 1=1 --"),
        await sign_in(api, "ada", PASSWORD.upper()),
    ]
    for answer in answers:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    told = [{**answer.json(), "request_id": ""} for answer in answers]
    assert all(each == told[0] for each in told)
    assert told[0]["code"] == "wrong_credentials"


@pytest.mark.parametrize(
    ("body", "status", "pointers"),
    [
        (b'{"username": "ada"}', 422, {"#/password"}),
        (b'{"username": "", "password": 1}', 422, {"#/username", "#/password"}),
        (b'{"username": "a", "password": "b", "admin": true}', 422, {"#/admin"}),
        (b'{"username": "a\\u0000", "password": "b"}', 422, {"#/username"}),
        (b'{"username": "\\ud800", "password": "b"}', 422, {"#"}),
        (b"[1]", 422, {"#"}),
        (b"{", 422, {"#"}),
        (b"\xff\xfe", 422, {"#"}),
    ],
)
async def test_credentials_of_another_shape_are_pointed_at(
    api: Api, body: bytes, status: int, pointers: set[str]
) -> None:
    client = await api.anonymous()
    response = await client.post("/auth/token", content=body, headers={"content-type": "application/json"})
    assert response.status_code == status, response.text
    assert {error["pointer"] for error in response.json()["errors"]} == pointers


async def test_credentials_of_another_kind_are_refused(api: Api) -> None:
    client = await api.anonymous()
    for headers in ({"content-type": "text/plain"}, {}):
        response = await client.post("/auth/token", content=b"ada", headers=headers)
        assert response.status_code == 415
        assert response.json()["code"] == "unsupported_media_type"


async def test_a_user_who_is_not_active_any_more_is_out_at_once(api: Api) -> None:
    client = await api.client("ada")
    assert (await client.get("/auth/me")).status_code == 200
    await api.database.execute(SQL("UPDATE holdfast.users SET is_active = false"))
    response = await client.get("/auth/me")
    assert response.status_code == 401
    assert response.json()["code"] == "invalid_token"
    await api.database.execute(SQL("DELETE FROM holdfast.users"))
    assert (await client.get("/auth/me")).status_code == 401


async def test_a_token_of_another_installation_is_refused(api: Api) -> None:
    user = await api.user("ada")
    strangers = TokenKeys.of(Ed25519PrivateKey.generate())
    token = issue(strangers, user_id=user.id, lifetime=60).access_token
    client = await api.anonymous()
    response = await client.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401


async def test_a_weak_hash_is_upgraded_when_its_owner_signs_in(api: Api) -> None:
    await api.user("ada")
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    await api.database.execute(SQL("UPDATE holdfast.users SET password_hash = %(hash)s"), {"hash": weak})
    assert (await sign_in(api, "ada", "wrong password")).status_code == 401
    [row] = await api.database.fetch(SQL("SELECT password_hash FROM holdfast.users"))
    assert row["password_hash"] == weak
    assert (await sign_in(api, "ada")).status_code == 200
    [row] = await api.database.fetch(SQL("SELECT password_hash FROM holdfast.users"))
    assert "m=19456,t=2" in row["password_hash"]
    assert (await sign_in(api, "ada")).status_code == 200


async def test_an_administrator_holds_every_permission_and_others_fewer(api: Api) -> None:
    administrator = (await (await api.client("root", is_administrator=True)).get("/auth/me")).json()
    other = (await (await api.client("ada")).get("/auth/me")).json()
    assert administrator["is_administrator"] is True
    assert other["is_administrator"] is False
    assert set(other["permissions"]) <= set(administrator["permissions"])


async def test_an_unknown_name_costs_as_much_as_a_wrong_password(api: Api) -> None:
    await api.user("ada")

    async def fastest(name: str) -> float:
        times = []
        for _ in range(6):
            began = time.perf_counter()
            assert (await sign_in(api, name, "wrong password")).status_code == 401
            times.append(time.perf_counter() - began)
        return min(times)

    await fastest("nobody")
    assert 0.4 < await fastest("nobody") / await fastest("ada") < 2.5
