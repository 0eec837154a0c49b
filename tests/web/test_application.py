"""The application as a whole: what it composes, and what it refuses to compose."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import APIRouter, Depends, FastAPI
from psycopg.sql import SQL

from holdfast import system
from holdfast.errors import WrongUse
from holdfast.http.principal import declared_access, public
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.system import Connection, StatusLine, System
from holdfast.web import app as app_module
from holdfast.web import readiness
from holdfast.web.app import create_app, declared_routers
from holdfast.web.readiness import ReadinessCheck
from tests.fixtures.api import Api


def named(path: str, **declared: Any) -> System:
    return System(name=path, summary="A test's own.", package="holdfast", **declared)


@pytest.fixture
def declaring(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a test put routers and systems of its own beside the declared ones."""

    def declare(**found: Any) -> None:
        real = system.resolve
        systems = (*system.in_order(), *(named(name, **fields) for name, (fields, _) in found.items()))
        values = {path: value for _, (_, given) in found.items() for path, value in given.items()}
        for module in (app_module, readiness):
            monkeypatch.setattr(module, "in_order", lambda: systems)
            monkeypatch.setattr(module, "resolve", lambda path: values.get(path) or real(path))

    return declare


def test_every_declared_route_declares_its_permission() -> None:
    for router in declared_routers():
        for route in router.routes:
            assert declared_access(route.dependant), route  # type: ignore[attr-defined]  # checked to be an APIRoute


def test_every_permission_that_a_route_asks_for_is_declared() -> None:
    declared = {permission.name for each in system.in_order() for permission in each.permissions}
    asked = {
        access
        for router in declared_routers()
        for route in router.routes
        for access in declared_access(route.dependant)  # type: ignore[attr-defined]  # see above
    }
    assert asked - {"public", "signed in"} <= declared


def test_a_route_that_declares_no_permission_is_refused(declaring: Callable[..., None]) -> None:
    router = APIRouter()

    @router.get("/open-by-mistake")
    async def mistake() -> None: ...

    declaring(forgetful=({"routes": ("forgetful:router",)}, {"forgetful:router": router}))
    with pytest.raises(WrongUse, match="/open-by-mistake declares no permission"):
        declared_routers()


def test_a_router_inside_another_is_refused(declaring: Callable[..., None]) -> None:
    inner, outer = APIRouter(), APIRouter()

    @inner.get("/hidden")
    async def hidden() -> None: ...

    outer.mount("/files", FastAPI())
    declaring(nesting=({"routes": ("nesting:router",)}, {"nesting:router": outer}))
    with pytest.raises(WrongUse, match="cannot be seen"):
        declared_routers()


def test_two_routes_of_one_path_are_refused(declaring: Callable[..., None]) -> None:
    router = APIRouter(dependencies=[Depends(public)])

    @router.get("/health")
    async def health() -> None: ...

    declaring(doubling=({"routes": ("doubling:router",)}, {"doubling:router": router}))
    with pytest.raises(WrongUse, match="both serve GET /health"):
        declared_routers()


async def test_health_looks_at_nothing_else(api: Api) -> None:
    async with api.database.connection():
        client = await api.anonymous()
        response = await client.get("/health")
    assert response.status_code == 200
    assert response.json()["status"] == "alive"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_no_page_of_the_application_loads_scripts_from_elsewhere(api: Api) -> None:
    client = await api.anonymous()
    for path in ("/docs", "/redoc"):
        response = await client.get(path)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert {"/health", "/ready", "/auth/token", "/auth/me"} <= set(document["paths"])


async def test_a_name_that_is_not_the_servers_is_refused(api: Api) -> None:
    client = await api.anonymous()
    response = await client.get("/health", headers={"Host": "rebound.example.com"})
    assert response.status_code == 421


async def test_a_value_that_the_database_cannot_hold_is_the_clients_fault(
    database: Database, tmp_path: Path, declaring: Callable[..., None]
) -> None:
    router = APIRouter(dependencies=[Depends(public)])

    @router.get("/casts")
    async def casts(value: str) -> Any:
        return await database.fetch(SQL("SELECT %(value)s::bigint AS value"), {"value": value})

    @router.get("/lost")
    async def lost() -> None:
        raise psycopg.OperationalError("server closed the connection; password=xyzzy")

    declaring(casting=({"routes": ("casting:router",)}, {"casting:router": router}))
    app = create_app(database=database, settings=Settings({}), data_dir=tmp_path)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for value in ("9" * 30, "x", "\x00"):
            response = await client.get("/casts", params={"value": value})
            assert response.status_code == 422, value
            assert response.json()["code"] == "cannot_be_stored"
        assert (await client.get("/casts", params={"value": "7"})).status_code == 200
        response = await client.get("/lost")
        assert response.status_code == 503
        assert response.json()["code"] == "database_away"
        assert "retry-after" in response.headers
        assert "xyzzy" not in response.text


async def test_ready_says_how_each_part_stands(api: Api) -> None:
    client = await api.anonymous()
    response = await client.get("/ready")
    assert response.status_code == 200, response.text
    assert response.json()["status"] == "ready"
    assert isinstance(response.json()["details"], list)


async def test_a_part_that_is_not_well_fails_nothing(
    database: Database, declaring: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    async def lags(connection: Connection) -> list[StatusLine]:
        well = StatusLine("users", "5 active")
        return [well, StatusLine("chain 1", "1,000 blocks behind", "warning", "Wait.")]

    async def breaks(connection: Connection) -> list[StatusLine]:
        await connection.execute("SELECT 1 / 0")
        return []

    declaring(
        lagging=({"status": "lagging:status"}, {"lagging:status": lags}),
        breaking=({"status": "breaking:status"}, {"breaking:status": breaks}),
    )
    with caplog.at_level(logging.WARNING):
        found = await ReadinessCheck(database, 5.0)()
    assert found.missing == ()
    told = {name: line for name, line in found.details if name in {"lagging", "breaking"}}
    assert told["lagging"].value == "1,000 blocks behind"
    assert told["breaking"].state == "error"
    assert all(line.state != "ok" for _, line in found.details), "how much there is, is not for everybody"


async def test_a_database_without_migrations_is_not_ready(empty_database: Database, tmp_path: Path) -> None:
    app = create_app(database=empty_database, settings=Settings({}), data_dir=tmp_path)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.get("/ready")
        assert response.status_code == 503
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert problem["code"] == "not_ready"
        assert any("identity/0001" in line for line in problem["details"]["missing"])
        assert "holdfast migrate up" in problem["hint"]
        assert (await client.get("/health")).status_code == 200


async def test_a_database_that_does_not_answer_is_not_ready_in_time(
    fresh_database: Database, fresh_conninfo: str
) -> None:
    async with await psycopg.AsyncConnection.connect(fresh_conninfo) as blocker:
        await blocker.execute("LOCK TABLE holdfast.migrations IN ACCESS EXCLUSIVE MODE")
        began = asyncio.get_running_loop().time()
        found = await ReadinessCheck(fresh_database, 0.3)()
        assert asyncio.get_running_loop().time() - began < 2
    assert "did not answer within 0.3 s" in found.missing[0]


async def test_however_often_it_is_asked_the_database_is_asked_once_a_second(database: Database) -> None:
    check = ReadinessCheck(database, 5.0)
    found = await asyncio.gather(*(check() for _ in range(50)))
    assert len({id(each) for each in found}) == 1


async def test_a_method_that_a_path_does_not_take_is_told_those_that_it_takes(api: Api) -> None:
    client = await api.anonymous()
    for method, path, allowed in (
        ("PUT", "/triggers", "GET, POST"),
        ("PUT", "/triggers/some-id", "DELETE, GET, PATCH"),
        ("GET", "/auth/token", "POST"),
    ):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed), path
