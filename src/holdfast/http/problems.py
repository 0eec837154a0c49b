"""Every error as a problem document, ``application/problem+json`` (RFC 9457).

Beside the members of the RFC a problem carries our ``code``, a ``hint`` that says the next step, the
``request_id`` that the server's log knows it by, whether trying again can help, ``details`` for
programs, and ``errors`` that point at the fields of a request that cannot be taken. Nothing that was
sent is repeated, since it may be a secret; nothing of the server's inside is told.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from http import HTTPStatus
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.errors import HoldfastError, WrongUse
from holdfast.http.request_ids import request_id

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:holdfast:problem:"
_CODES = {
    400: "bad_request",
    401: "not_signed_in",
    403: "not_allowed",
    413: "too_large",
}
logger = logging.getLogger("holdfast.http")


class FieldError(BaseModel):
    """One part of a request that cannot be taken."""

    place: Literal["body", "query", "path", "header", "cookie"] = Field(description="Where it stands.")
    pointer: str = Field(description="JSON Pointer (RFC 6901) to it within its place; `#` is the whole.")
    code: str = Field(description="The kind of fault, for programs.")
    detail: str = Field(description="The fault, for people.")


class Problem(BaseModel):
    """What went wrong and what to do about it, as RFC 9457 says it."""

    type: str = Field(description="A URN that names the kind of problem: `urn:holdfast:problem:CODE`.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The response's HTTP status.")
    detail: str = Field(description="What happened, in one sentence.")
    instance: str = Field(description="The path that was asked for.")
    code: str = Field(description="The kind of problem, for programs.")
    hint: str = Field(description="What to do about it; may be empty.")
    request_id: str = Field(description="The request's id, by which the server's log knows it.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
    details: dict[str, Any] | None = Field(default=None, description="Values for programs.")
    errors: list[FieldError] | None = Field(default=None, description="The fields that cannot be taken.")


class InvalidRequest(WrongUse):
    """Parts of a request cannot be taken; ``errors`` of the problem points at them."""

    code = "invalid_request"


class TooLarge(WrongUse):
    """The request's body is larger than the server takes."""

    code = "too_large"
    http_status = 413


class UnsupportedMediaType(WrongUse):
    """The request's body is of a kind that the route does not read."""

    code = "unsupported_media_type"
    http_status = 415


class Unexpected(HoldfastError):
    """Something failed that nobody foresaw; the server's log has the whole of it."""

    code = "unexpected"


class ProblemResponse(Response):
    """A response that carries a problem document."""

    media_type = MEDIA_TYPE


def problem_response(
    error: HoldfastError,
    *,
    path: str,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[FieldError] = (),
    status: int | None = None,
    code: str | None = None,
) -> ProblemResponse:
    """Return the response that tells an error; ``status`` and ``code`` stand in front of the error's own.

    ``Retry-After`` (seconds) is added where trying again can help: the error's detail ``retry_after``, or
    1. ``WWW-Authenticate`` is added for one of the sign-in.
    """
    status, code = status or error.http_status, code or error.code
    problem = Problem(
        type=_TYPE + code,
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=error.message,
        instance=path,
        code=code,
        hint=error.hint,
        request_id=request_id(),
        retryable=error.retryable,
        details=error.details or None,
        errors=list(errors) or None,
    )
    all_headers = dict(headers or {})
    if error.retryable:
        all_headers.setdefault("Retry-After", str(error.details.get("retry_after", 1)))
    if status == 401:
        all_headers.setdefault("WWW-Authenticate", 'Bearer realm="holdfast"')
    content = json.dumps(problem.model_dump(exclude_none=True), default=_plain)
    return ProblemResponse(content.encode(), status_code=status, headers=all_headers)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of an application's routes and of its router a problem document.

    What nobody foresaw is the business of ``UnexpectedErrors``, which stands around the routes.
    """
    app.add_exception_handler(HoldfastError, _tell_ours)
    app.add_exception_handler(RequestValidationError, _tell_invalid)
    app.add_exception_handler(HTTPException, _tell_of_router)


async def _tell_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, HoldfastError)  # noqa: S101  what the handler is registered for
    if error.http_status >= 500 and not error.retryable:
        logger.error("%s %s", request_id(), error, exc_info=error)
    return problem_response(error, path=request.url.path)


async def _tell_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  what the handler is registered for
    errors = [_field_error(fault) for fault in error.errors()]
    count = "One part" if len(errors) == 1 else f"{len(errors)} parts"
    return problem_response(
        InvalidRequest(
            f"{count} of the request cannot be taken.",
            hint="Correct what `errors` points at; GET /openapi.json says what is expected.",
        ),
        path=request.url.path,
        errors=errors,
    )


async def _tell_of_router(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  what the handler is registered for
    message, hint = _router_says(request, error)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed(request))  # the router tells the methods of one route only
    return problem_response(
        HoldfastError(message, hint=hint),
        path=request.url.path,
        headers=headers,
        status=error.status_code,
        code=_CODES.get(error.status_code, HTTPStatus(error.status_code).name.lower()),
    )


def _allowed(request: Request) -> list[str]:
    """Return the methods that the request's path takes, as the OpenAPI document tells them."""
    paths = request.app.openapi()["paths"]
    asked = request.url.path
    templates = [asked] if asked in paths else [path for path in paths if compile_path(path)[0].match(asked)]
    methods = {method.upper() for template in templates for method in paths[template]}
    for route in request.app.routes:  # those that the document leaves out, such as itself
        if getattr(route, "path", None) == asked:
            methods.update(getattr(route, "methods", None) or ())
    return sorted(methods)


def _router_says(request: Request, error: HTTPException) -> tuple[str, str]:
    if error.status_code == 404 and error.detail == "Not Found":
        return "There is nothing at this path.", "GET /openapi.json lists the paths."
    if error.status_code == 405:
        return f"This path does not take {request.method}.", "The header Allow lists what it takes."
    return str(error.detail), ""


_PLACES: dict[str, Literal["body", "query", "path", "header", "cookie"]] = {
    "body": "body",
    "query": "query",
    "path": "path",
    "header": "header",
    "cookie": "cookie",
}


def _field_error(fault: Mapping[str, Any]) -> FieldError:
    first, *rest = fault["loc"] or ("body",)
    if fault["type"] == "json_invalid":
        rest = []  # the rest is a character's position, not a field
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in rest)
    return FieldError(
        place=_PLACES.get(str(first), "body"),
        pointer="#" + "".join(f"/{step}" for step in steps),
        code=str(fault["type"]),
        detail=str(fault["msg"]),
    )


class UnexpectedErrors:
    """ASGI middleware that logs what nobody foresaw with its traceback, and tells nothing of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with a problem of status 500 where the answer fails before it has begun."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def noticing(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noticing)
        except ClientDisconnect:
            logger.info("%s %s: the client went before it was answered", request_id(), scope["method"])
        except Exception:  # the edge of a request: logged whole, and the server goes on
            logger.exception("%s %s failed unexpectedly", request_id(), scope["method"])
            if started:
                return  # the server closes the connection of an answer that never ends
            error = Unexpected(
                "This is a fault in Holdfast.",
                hint="Please report it with the request id; the server's log has the details.",
            )
            await problem_response(error, path=scope["path"])(scope, receive, send)
