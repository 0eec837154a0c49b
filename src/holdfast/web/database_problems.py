"""What PostgreSQL says while a request is answered, as problems.

Values that it cannot hold are the client's fault (422); a connection that is lost or cannot be had, and
a transaction that met another one, may work again (503). Anything else is ours, and unexpected.
"""

from __future__ import annotations

import logging

import psycopg
from fastapi import FastAPI, Request
from psycopg_pool import PoolTimeout
from starlette.responses import Response

from holdfast.errors import HoldfastError, TryAgain, WrongUse
from holdfast.http.problems import problem_response
from holdfast.http.request_ids import request_id

logger = logging.getLogger("holdfast.web")


class DatabaseAway(TryAgain):
    """The database cannot be reached, or did not take the work now."""

    code = "database_away"


class CannotBeStored(WrongUse):
    """A value that no column of the database can hold, such as a number out of range."""

    code = "cannot_be_stored"


def install_database_problems(app: FastAPI) -> None:
    """Make problems of the database's own errors."""
    app.add_exception_handler(psycopg.OperationalError, _away)
    app.add_exception_handler(PoolTimeout, _away)
    app.add_exception_handler(psycopg.DataError, _not_stored)
    app.add_exception_handler(UnicodeEncodeError, _not_stored)


async def _away(request: Request, error: Exception) -> Response:
    logger.warning("%s the database is away: %s", request_id(), error)
    return _tell(request, DatabaseAway("The database does not answer now.", hint="Try again."))


async def _not_stored(request: Request, error: Exception) -> Response:
    logger.info("%s a value cannot be stored: %s", request_id(), type(error).__name__)
    return _tell(
        request,
        CannotBeStored(
            "A value of the request cannot be stored.",
            hint="Numbers must be in range, and texts without NUL and without lone surrogates.",
        ),
    )


def _tell(request: Request, error: HoldfastError) -> Response:
    return problem_response(error, path=request.url.path)
