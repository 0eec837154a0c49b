"""A route asks for who makes the request, and for what they may do."""

from __future__ import annotations

from typing import Annotated, cast

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute

from holdfast.errors import NotSignedIn
from holdfast.http.principal import Principal, declared_access, public, requires, signed_in
from holdfast.http.problems import install_problem_handlers

app = FastAPI()
install_problem_handlers(app)
asked: list[str] = []


async def authenticate(token: str, /) -> Principal:
    asked.append(token)
    if token == "root":
        return Principal("0", "root", frozenset(), is_administrator=True)
    if token != "ada":
        raise NotSignedIn("No.")
    return Principal("1", "ada", frozenset({"things.read"}))


app.state.authenticate = authenticate


@app.get("/open", dependencies=[Depends(public)])
async def open_route() -> str:
    return "open"


@app.get("/mine")
async def mine(principal: Annotated[Principal, Depends(signed_in)]) -> str:
    return principal.username


@app.get("/read", dependencies=[Depends(requires("things.read"))])
async def read(principal: Annotated[Principal, Depends(requires("things.read"))]) -> str:
    return principal.user_id


@app.get("/write", dependencies=[Depends(requires("things.write"))])
async def write() -> str:
    return "written"


@app.get("/forgotten")
async def forgotten() -> str:
    return "?"


async def status(path: str, token: str | None = None, scheme: str = "Bearer") -> int:
    headers = {} if token is None else {"Authorization": f"{scheme} {token}"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return (await client.get(path, headers=headers)).status_code


@pytest.mark.parametrize(
    ("path", "token", "expected"),
    [
        ("/open", None, 200),
        ("/mine", None, 401),
        ("/mine", "", 401),
        ("/mine", "eve", 401),
        ("/mine", "ada", 200),
        ("/read", "ada", 200),
        ("/write", "ada", 403),
        ("/write", "root", 200),
        ("/write", None, 401),
    ],
)
async def test_who_may_do_what(path: str, token: str | None, expected: int) -> None:
    assert await status(path, token) == expected


async def test_another_scheme_is_no_token() -> None:
    assert await status("/mine", "ada", scheme="Basic") == 401


async def test_a_request_asks_once_who_makes_it() -> None:
    asked.clear()
    assert await status("/read", "ada") == 200
    assert asked == ["ada"]


def test_what_a_route_declares_can_be_seen() -> None:
    declared = {
        route.path: declared_access(route.dependant)
        for route in (cast("APIRoute", route) for route in app.routes)
        if isinstance(route, APIRoute)
    }
    assert set(declared["/read"]) == {"things.read"}
    assert declared["/mine"] == ["signed in"]
    assert declared["/open"] == ["public"]
    assert declared["/forgotten"] == []


def test_the_document_says_which_routes_take_a_token() -> None:
    paths = app.openapi()["paths"]
    assert paths["/mine"]["get"]["security"] == [{"token": []}]
    assert "security" not in paths["/open"]["get"]
    scheme = app.openapi()["components"]["securitySchemes"]["token"]
    assert scheme["flows"]["password"]["tokenUrl"] == "/auth/token"
