"""What ``holdfast doctor`` looks at: the way to the server, and what the server can do."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from holdfast.errors import HoldfastError
from holdfast.postgres.capabilities import capabilities
from holdfast.postgres.connecting import connect
from holdfast.postgres.conninfo import parse
from holdfast.postgres.endpoint import endpoint_from_settings
from holdfast.postgres.pooler import is_pooled
from holdfast.postgres.reachability import Reachability
from holdfast.postgres.settings import DIRECT_URL, POOL_MAX, POOLER
from holdfast.postgres.statements import Statements
from holdfast.postgres.tls import is_local
from holdfast.settings import Settings, is_production
from holdfast.system import Connection, State, StatusLine

_STATEMENTS = Statements("holdfast.postgres", "capabilities.sql")


async def check_server(connection: Connection, settings: Settings) -> Sequence[StatusLine]:  # noqa: ARG001  the protocol's
    """Say what the server can do, and what Holdfast does without."""
    return (await capabilities(connection)).lines()


async def check_connection(connection: Connection, settings: Settings) -> Sequence[StatusLine]:
    """Say how the server is reached, and whether safely."""
    info = connection.info
    place = info.host if info.host.startswith("/") else f"{info.host}:{info.port}"
    return [
        StatusLine("connection", f"database {info.dbname} at {place} as {info.user}"),
        _tls(connection, settings),
        await _pooler(connection, settings),
        *await _direct(connection, settings),
        await _pool(connection, settings),
    ]


def _tls(connection: Connection, settings: Settings) -> StatusLine:
    if connection.pgconn.ssl_in_use:
        return StatusLine("TLS", "in use")
    if is_local({"host": connection.info.host, "hostaddr": connection.info.hostaddr}):
        return StatusLine("TLS", "not in use; the connection stays on this machine")
    state: State = "error" if is_production(settings) else "warning"
    return StatusLine("TLS", "not in use", state, "Set sslmode=verify-full, or at least sslmode=require.")


async def _pooler(connection: Connection, settings: Settings) -> StatusLine:
    mode = settings.get(POOLER)
    if mode == "no" or (mode == "auto" and not await is_pooled(connection)):
        return StatusLine("pooler", "none")
    prepared = (
        "statements are not prepared" if connection.prepare_threshold is None else "statements are prepared"
    )
    value = f"one stands before the server; {prepared}"
    endpoint = endpoint_from_settings(settings)
    if endpoint is not None and endpoint.direct:
        return StatusLine("pooler", f"{value}; notifications come by {DIRECT_URL.name}")
    hint = f"Set {DIRECT_URL.name} to the server itself, and work begins at once."
    return StatusLine("pooler", f"{value}; no notifications arrive, work is polled for", "warning", hint)


async def _direct(connection: Connection, settings: Settings) -> Sequence[StatusLine]:
    endpoint = endpoint_from_settings(settings)
    if endpoint is None or not endpoint.direct:
        return []
    try:
        direct = await connect(endpoint.direct, Reachability(parse(endpoint.direct, DIRECT_URL.name)))
    except HoldfastError as error:
        return [StatusLine("direct connection", error.message, "error", error.hint)]
    try:
        if await _identity(direct) != await _identity(connection):
            hint = f"Correct {DIRECT_URL.name}: notifications of the one are not heard at the other."
            return [StatusLine("direct connection", "reaches another database", "error", hint)]
        if await is_pooled(direct):
            hint = f"Name the server itself in {DIRECT_URL.name}: a pooler passes no notifications on."
            return [StatusLine("direct connection", "goes through a pooler", "error", hint)]
    except psycopg.Error as error:
        return [StatusLine("direct connection", type(error).__name__, "error", "See the server's log.")]
    finally:
        await direct.close()
    return [StatusLine("direct connection", "reaches the same database")]


async def _identity(connection: Connection) -> object:
    return await (await connection.execute(_STATEMENTS["identity"])).fetchone()


async def _pool(connection: Connection, settings: Settings) -> StatusLine:
    row = await (await connection.execute(_STATEMENTS["server"])).fetchone()
    allowed = row["max_connections"] if row else 0
    most = settings.get(POOL_MAX)
    return StatusLine(
        "connections",
        f"up to {most} a process; the server takes {allowed} in all",
        "warning" if most > allowed else "ok",
        f"Lower {POOL_MAX.name}, raise max_connections, or put PgBouncer before the server.",
    )
