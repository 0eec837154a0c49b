"""The ASGI application, composed of what rooms and systems declare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from holdfast import __version__
from holdfast.errors import WrongUse
from holdfast.http.openapi import describe_problems
from holdfast.http.principal import declared_access
from holdfast.http.problems import UnexpectedErrors, install_problem_handlers
from holdfast.http.request_ids import RequestIds
from holdfast.http.surroundings import AccessLog, BodyLimit, KnownHosts, SecurityHeaders
from holdfast.identity.access import Access
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.system import in_order, resolve
from holdfast.web.database_problems import install_database_problems
from holdfast.web.readiness import ReadinessCheck
from holdfast.web.settings import API_BODY_LIMIT, API_HOST, API_HOSTS, READY_WITHIN

_DESCRIPTION = """Runs the PostgreSQL behind a business that lives on chains and agents.

Errors are problem documents (RFC 9457). Amounts and other wide integers are strings of digits. Listings
are read page by page with `cursor`. Times are UTC."""


def create_app(*, database: Database, settings: Settings, data_dir: Path) -> FastAPI:
    """Return the application that serves every declared route over an open database.

    The database stays its owner's: the application neither opens nor closes it. ``data_dir`` holds the
    key of the access tokens where no setting gives it. Routes find what they need in ``app.state``:
    ``database``, ``settings``, ``authenticate`` and ``access``. Raises ``WrongUse`` where a route declares
    no permission or two claim the same path, ``UnusableKey`` for a token key that cannot be used.
    """
    app = compose()
    access = Access.from_settings(database, settings, data_dir)
    app.state.database = database
    app.state.settings = settings
    app.state.access = access
    app.state.authenticate = access.authenticate
    app.state.readiness = ReadinessCheck(database, settings.get(READY_WITHIN))
    # The last one added stands outermost.
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(BodyLimit, largest=settings.get(API_BODY_LIMIT))
    app.add_middleware(KnownHosts, names=(settings.get(API_HOST), *settings.get(API_HOSTS)))
    app.add_middleware(SecurityHeaders, no_store=("/auth",))
    app.add_middleware(AccessLog)
    app.add_middleware(RequestIds)
    return app


def compose() -> FastAPI:
    """Return the declared routes and their OpenAPI document, without a database; raises ``WrongUse``."""
    app = FastAPI(
        title="Holdfast",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in declared_routers():
        app.include_router(router)
    install_problem_handlers(app)
    install_database_problems(app)
    describe_problems(app)
    return app


def declared_routers() -> list[APIRouter]:
    """Return every declared router, in the order of the rooms and systems.

    Raises ``WrongUse`` where a route declares no permission, or claims a path and method that another has.
    """
    owners: dict[tuple[str, str], str] = {}
    routers = []
    for system in in_order():
        for path in system.routes:
            router: APIRouter = resolve(path)
            for route in _routes(router, path):
                _check(route, path, owners)
            routers.append(router)
    return routers


def _routes(router: APIRouter, path: str) -> Iterator[APIRoute]:
    for route in router.routes:
        if not isinstance(route, APIRoute):
            raise WrongUse(
                f"{path} holds {type(route).__name__}, whose permissions cannot be seen.",
                hint="Declare each router in the System value by itself, and each route by its method.",
            )
        yield route


def _check(route: APIRoute, path: str, owners: dict[tuple[str, str], str]) -> None:
    if not declared_access(route.dependant):
        raise WrongUse(
            f"{path}: {route.path} declares no permission.",
            hint='Add Depends(requires("...")), Depends(signed_in) or Depends(public) to the route.',
        )
    for method in route.methods or ():
        owner = owners.setdefault((method, route.path), path)
        if owner != path:
            raise WrongUse(
                f"{path} and {owner} both serve {method} {route.path}.", hint="Rename one of the two."
            )
