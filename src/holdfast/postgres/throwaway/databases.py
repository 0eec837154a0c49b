"""A database for a while, on any server where this role may make one.

Its name says whose it is: ``holdfast_HINT_SECONDS_RANDOM``, with the time of its making. Its maker keeps
a session on the server whose name is the database's; one that is older than a minute and whose session
is gone was left by a killed process, and is dropped by the next.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg import AsyncConnection, errors, sql
from psycopg.conninfo import make_conninfo

from holdfast.errors import HoldfastError
from holdfast.postgres.statements import Statements

_STATEMENTS = Statements("holdfast.postgres.throwaway", "databases.sql")
_ABANDONED_AFTER = 60  # seconds; younger ones may be about to be used
_LONGEST_HINT = 24


class NoThrowawayDatabase(HoldfastError):
    """A throwaway database cannot be made on the server."""

    code = "no_throwaway_database"


@asynccontextmanager
async def throwaway_database(
    server: str, *, template: str | None = None, name_hint: str = "throwaway"
) -> AsyncIterator[str]:
    """Make a database on the server that ``server`` (a conninfo) reaches, yield its conninfo, drop it.

    ``template`` None is ``template0``: an empty database with the server's encoding and locale.
    Databases that killed processes left are dropped first. Raises ``NoThrowawayDatabase``, psycopg's
    errors where the server does not answer.
    """
    name = _name(name_hint)
    keeper = await AsyncConnection.connect(
        server, autocommit=True, application_name=name, prepare_threshold=None
    )
    async with keeper:
        await keeper.execute(_STATEMENTS["keep"])
        await drop_abandoned(keeper)
        await _create(keeper, name, template)
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            await _drop(keeper, server, name)


async def drop_abandoned(connection: AsyncConnection[tuple[object, ...]]) -> list[str]:
    """Drop the throwaway databases whose makers are gone; return their names."""
    found = await (await connection.execute(_STATEMENTS["abandoned"])).fetchall()
    dropped = []
    for (name,) in found:
        made = re.search(r"_(\d{10,})_[0-9a-f]{8}$", str(name))
        if made is None or time.time() - int(made[1]) < _ABANDONED_AFTER:
            continue
        try:
            await connection.execute(_dropping(str(name)))
        except (errors.InsufficientPrivilege, errors.InvalidCatalogName, errors.ObjectInUse):
            continue  # another role's, or another process was faster
        dropped.append(str(name))
    return dropped


def _name(hint: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", hint.lower()).strip("_")[:_LONGEST_HINT] or "throwaway"
    return f"holdfast_{words}_{int(time.time())}_{secrets.token_hex(4)}"


async def _create(connection: AsyncConnection[tuple[object, ...]], name: str, template: str | None) -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    try:
        await connection.execute(statement)
    except errors.InsufficientPrivilege as error:
        raise NoThrowawayDatabase(
            "The role may not create databases on this server, and a throwaway one is needed.",
            hint="ALTER ROLE ... CREATEDB, or name a server where it may.",
        ) from error
    except (errors.ObjectInUse, errors.InvalidCatalogName, errors.DiskFull) as error:
        raise NoThrowawayDatabase(
            f"A throwaway database cannot be made: {error.diag.message_primary}.",
            hint="End the sessions on the template, or name another server.",
        ) from error


async def _drop(connection: AsyncConnection[tuple[object, ...]], server: str, name: str) -> None:
    try:
        await connection.execute(_dropping(name))
    except psycopg.OperationalError:  # our session was cut off meanwhile; the server may well be there
        async with await AsyncConnection.connect(server, autocommit=True) as again:
            await again.execute(_dropping(name))


def _dropping(name: str) -> sql.Composed:
    return sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
