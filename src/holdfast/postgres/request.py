"""The database of a request."""

from __future__ import annotations

from typing import cast

from fastapi import Request

from holdfast.postgres.database import Database


async def database(request: Request) -> Database:
    """Return the database that the application serves from."""
    return cast("Database", request.app.state.database)
