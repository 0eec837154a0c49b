"""The OpenAPI document: every way in which a route can fail, said as problems."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from holdfast.http.problems import MEDIA_TYPE, Problem

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")
_REFERENCE = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def problem(description: str) -> dict[str, Any]:
    """Return how a route declares a failure of its own, as a value of its ``responses`` by status."""
    return {"description": description, "content": _REFERENCE}


def describe_problems(app: FastAPI) -> None:
    """Make the application's OpenAPI document tell the problems that each route can answer."""
    make = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_problems(make())
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to extend its document


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FASTAPIS_OWN:
        schemas.pop(name, None)
    own = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(own.pop("$defs", {}))
    schemas["Problem"] = own
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                _add_problems(path, item[method])
    return document


def _add_problems(path: str, operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    taken = responses.get("422", {}).get("content", {})
    if "application/json" in taken:
        del responses["422"]  # FastAPI's own form of it, which is never answered
    if operation.get("security"):
        responses.setdefault("401", problem("Nobody is signed in, or the token does not hold any more."))
        responses.setdefault("403", problem("Who is signed in may not do this."))
    if "{" in path:
        responses.setdefault("404", problem("There is no such thing, or none that is visible to who asks."))
    if operation.get("parameters") or operation.get("requestBody"):
        responses.setdefault("422", problem("Parts of the request cannot be taken; `errors` points at them."))
    if operation.get("requestBody"):
        responses.setdefault("413", problem("The body is too large."))
    responses.setdefault("503", problem("It does not work now, and may work later; see `Retry-After`."))
    responses.setdefault("default", problem("Anything else that went wrong."))
