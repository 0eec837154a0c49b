"""The application's own routes: ``GET /health`` and ``GET /ready``."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from holdfast import __version__
from holdfast.errors import TryAgain
from holdfast.http.openapi import problem
from holdfast.http.principal import public
from holdfast.system import StatusLine
from holdfast.web.readiness import ReadinessCheck

router = APIRouter(tags=["service"], dependencies=[Depends(public)])


class NotReady(TryAgain):
    """The process lives and cannot serve yet, or not at the moment; ``missing`` of its details says why."""

    code = "not_ready"


class Health(BaseModel):
    """The process lives."""

    status: Literal["alive"] = "alive"
    version: str


class Part(BaseModel):
    """How one part of the platform or of a system stands."""

    system: str
    name: str
    value: str
    state: Literal["ok", "warning", "error"]
    hint: str


class Ready(BaseModel):
    """The process can serve; ``details`` say how each part stands, which fails nothing."""

    status: Literal["ready"] = "ready"
    details: list[Part]


@router.get("/health", summary="Is the process alive")
async def health() -> Health:
    """Answer that the process lives; nothing else is looked at, the database included."""
    return Health(version=__version__)


@router.get(
    "/ready",
    summary="Can the process serve",
    responses={503: problem("The database cannot be reached, or migrations are not applied.")},
)
async def ready(request: Request) -> Ready:
    """Answer whether the database can be reached and its migrations are current.

    A chain that lags or a queue that waits is told in `details` and fails nothing.
    """
    check: ReadinessCheck = request.app.state.readiness
    readiness = await check()
    if readiness.missing:
        raise NotReady(
            "This process cannot serve now.",
            hint="Run `holdfast doctor`; where migrations are missing, `holdfast migrate up`.",
            missing=list(readiness.missing),
            parts=[_part(system, line).model_dump() for system, line in readiness.details],
        )
    return Ready(details=[_part(system, line) for system, line in readiness.details])


def _part(system: str, line: StatusLine) -> Part:
    return Part(system=system, name=line.name, value=line.value, state=line.state, hint=line.hint)
