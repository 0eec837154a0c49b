"""What stands around every route: known hosts, headers, and a log that cannot be forged."""

from __future__ import annotations

import logging

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from holdfast.http.request_ids import RequestIds
from holdfast.http.surroundings import AccessLog, KnownHosts, SecurityHeaders


def application(*names: str) -> ASGIApp:
    app = FastAPI()

    @app.get("/{name:path}")
    async def answer(name: str) -> str:
        return name

    return RequestIds(AccessLog(SecurityHeaders(KnownHosts(app, names), no_store=("/auth",))))


async def get(app: ASGIApp, url: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        return await client.get(url, headers=headers)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost", True),
        ("LOCALHOST:3000", True),
        ("app.localhost", True),
        ("127.0.0.1:3000", True),
        ("127.8.8.8", True),
        ("[::1]:3000", True),
        ("10.0.0.8:3000", True),
        ("db.example.org", True),
        ("DB.example.org.:3000", True),
        ("evil.example.com", False),
        ("localhost.evil.example.com", False),
        ("127.0.0.1.evil.example.com", False),
        ("xdb.example.org", False),
        ("[", False),
        (":3000", False),
    ],
)
async def test_only_names_that_cannot_be_rebound_are_known(host: str, known: bool) -> None:
    response = await get(application("db.example.org"), "http://localhost/a", Host=host)
    assert response.status_code == (200 if known else 421)
    if not known:
        assert response.json()["code"] == "unknown_host"
        assert "HOLDFAST_API_HOSTS" in response.json()["hint"]


async def test_a_star_takes_every_name() -> None:
    assert (await get(application("*"), "http://anything.example/a")).status_code == 200


async def test_browsers_are_told_to_guess_nothing_and_keep_no_tokens() -> None:
    app = application()
    response = await get(app, "http://localhost/auth/token")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert "cache-control" not in (await get(app, "http://localhost/a")).headers


async def test_the_log_has_one_line_a_request_without_its_query(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="holdfast.access"):
        await get(application(), "http://localhost/a%0Afaked%20line?token=xyzzy", **{"X-Request-ID": "r-1"})
    [record] = [record for record in caplog.records if record.name == "holdfast.access"]
    message = record.getMessage()
    assert message.startswith("r-1 GET /a%0Afaked%20line 404 ")
    assert "xyzzy" not in message
    assert "\n" not in message
