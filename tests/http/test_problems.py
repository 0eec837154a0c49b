"""Every way to fail is a problem document, and none of them tells what it should not."""

from __future__ import annotations

import logging
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, Field

from holdfast.errors import Conflict, HoldfastError, NotSignedIn, TryAgain
from holdfast.http.openapi import describe_problems, problem
from holdfast.http.problems import MEDIA_TYPE, UnexpectedErrors, install_problem_handlers
from holdfast.http.request_ids import RequestIds
from holdfast.http.surroundings import BodyLimit


class Inner(BaseModel):
    count: int = Field(ge=1)


class Outer(BaseModel):
    password: str = Field(min_length=20)
    parts: list[Inner] = []


def application() -> FastAPI:
    app = FastAPI()

    @app.post("/things/{number}")
    async def make(number: int, body: Outer, limit: Annotated[int, Query(le=5)] = 1) -> int:
        return number

    @app.get("/conflict", responses={409: problem("It stands already.")})
    async def conflict() -> None:
        raise Conflict("It stands already.", hint="Take another.", name="a")

    @app.get("/later")
    async def later() -> None:
        raise TryAgain("Not now.", hint="Wait.", retry_after=7)

    @app.get("/stranger")
    async def stranger() -> None:
        raise NotSignedIn("Who are you?")

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("the secret word is xyzzy")

    @app.get("/ours-broken")
    async def ours_broken() -> None:
        raise HoldfastError("It failed.")

    install_problem_handlers(app)
    describe_problems(app)
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(BodyLimit, largest=1000)
    app.add_middleware(RequestIds)
    return app


async def ask(method: str, path: str, **options: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app=application())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, path, **options)


def members(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == MEDIA_TYPE
    found: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "instance", "code", "hint", "request_id"} <= set(found)
    assert found["status"] == response.status_code
    assert found["type"] == f"urn:holdfast:problem:{found['code']}"
    assert found["request_id"] == response.headers["x-request-id"]
    return found


async def test_an_error_of_ours_tells_its_code_hint_and_details() -> None:
    found = members(await ask("GET", "/conflict"))
    assert (found["status"], found["code"], found["hint"]) == (409, "conflict", "Take another.")
    assert found["instance"] == "/conflict"
    assert found["details"] == {"name": "a"}
    assert found["retryable"] is False


async def test_what_may_work_later_says_when() -> None:
    response = await ask("GET", "/later")
    assert members(response)["retryable"] is True
    assert response.status_code == 503
    assert response.headers["retry-after"] == "7"


async def test_a_stranger_is_told_how_to_show_who_they_are() -> None:
    response = await ask("GET", "/stranger")
    assert members(response)["status"] == 401
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_each_field_that_cannot_be_taken_is_pointed_at() -> None:
    secret = "open sesame"
    response = await ask(
        "POST", "/things/x?limit=9", json={"password": secret, "parts": [{"count": 1}, {"count": 0}]}
    )
    found = members(response)
    assert found["status"] == 422
    assert found["code"] == "invalid_request"
    assert {(error["place"], error["pointer"]) for error in found["errors"]} == {
        ("path", "#/number"),
        ("query", "#/limit"),
        ("body", "#/password"),
        ("body", "#/parts/1/count"),
    }
    assert secret not in response.text, "what was sent may be a secret and is not repeated"


@pytest.mark.parametrize("content", [b"{", b'{"a": \xff}', b"", b"[" * 900])
async def test_a_body_that_is_no_json_is_refused(content: bytes) -> None:
    response = await ask("POST", "/things/1", content=content, headers={"content-type": "application/json"})
    assert response.status_code in {400, 422}
    members(response)


async def test_an_unknown_path_and_an_unknown_method_are_problems() -> None:
    assert members(await ask("GET", "/nothing"))["code"] == "not_found"
    response = await ask("DELETE", "/conflict")
    assert members(response)["code"] == "method_not_allowed"
    assert response.headers["allow"] == "GET"


async def test_a_fault_is_logged_whole_and_told_without_its_inside(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        response = await ask("GET", "/broken", headers={"X-Request-ID": "abc-1"})
    found = members(response)
    assert (found["status"], found["code"], found["request_id"]) == (500, "unexpected", "abc-1")
    assert "xyzzy" not in response.text
    assert "ZeroDivision" not in response.text
    assert "abc-1" in caplog.text
    assert "xyzzy" in caplog.text
    assert "Traceback" in caplog.text


async def test_a_failure_of_ours_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert members(await ask("GET", "/ours-broken"))["status"] == 500
    assert "It failed." in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    "given", ["", "two words", "a" * 129, "line\tbreak", "ünï".encode().decode("latin-1")]
)
async def test_a_request_id_that_could_harm_the_log_is_replaced(given: str) -> None:
    response = await ask("GET", "/conflict", headers=[(b"X-Request-ID", given.encode("latin-1"))])
    assert response.headers["x-request-id"] != given
    assert len(response.headers["x-request-id"]) == 32


async def test_a_body_that_is_too_large_is_refused_before_it_is_read() -> None:
    response = await ask("POST", "/things/1", json={"password": "x" * 2000})
    assert members(response)["code"] == "too_large"
    assert response.status_code == 413


async def test_a_body_of_untold_length_is_refused_when_it_passes_the_limit() -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 100

    response = await ask("POST", "/things/1", content=endless(), headers={"content-type": "application/json"})
    assert members(response)["code"] == "too_large"
    assert sent <= 12


async def test_a_client_that_goes_is_no_fault_of_the_server(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    install_problem_handlers(app)
    app.add_middleware(UnexpectedErrors)

    @app.post("/read")
    async def read(request: Request) -> int:
        return len(await request.body())

    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pytest.fail(f"nobody is there to be told {message}")

    scope = {"type": "http", "method": "POST", "path": "/read", "headers": [], "query_string": b""}
    await app(scope, gone, send)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_document_tells_the_problems_of_each_route() -> None:
    document = application().openapi()
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    assert "HTTPValidationError" not in schemas
    assert set(schemas["Problem"]["required"]) >= {"type", "title", "status", "detail", "code"}
    assert "FieldError" in schemas
    responses = document["paths"]["/things/{number}"]["post"]["responses"]
    assert {"200", "404", "413", "422", "503", "default"} <= set(responses)
    for status in ("404", "413", "422", "503", "default"):
        assert list(responses[status]["content"]) == [MEDIA_TYPE]
    assert document["paths"]["/conflict"]["get"]["responses"]["409"]["description"] == "It stands already."
