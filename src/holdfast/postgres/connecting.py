"""One connection to PostgreSQL: how it is made and what its session is set to."""

from __future__ import annotations

import asyncio
import math
import traceback
from collections.abc import Mapping
from time import monotonic
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row

from holdfast.postgres.reachability import Reachability
from holdfast.postgres.statement_log import LoggedCursor

_ASK_AFTER_IDLE = 1.0  # seconds
# A peer that is gone without a word is noticed after these: seconds, a count, milliseconds.
_KEEPALIVES = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


class Session(AsyncConnection[DictRow]):
    """A connection in autocommit mode whose rows are dictionaries and whose statements are logged.

    ``slow_seconds`` is the duration from which a statement is logged as slow.
    """

    slow_seconds: float = 1.0
    used_at: float = 0.0

    @classmethod
    async def connect(  # type: ignore[override]  # what psycopg's takes is fixed here, but for two more
        cls,
        conninfo: str = "",
        *,
        reachability: Reachability | None = None,
        slow_seconds: float = 1.0,
        prepare_threshold: int | None = 5,
        **keywords: Any,
    ) -> Self:
        """Connect. Raises psycopg's errors; ``reachability`` notes and logs what became of it."""
        try:
            connection = await super().connect(
                conninfo,
                autocommit=True,
                row_factory=dict_row,
                cursor_factory=LoggedCursor,
                prepare_threshold=prepare_threshold,
                **keywords,
            )
        except (psycopg.Error, OSError) as error:
            if reachability is not None:
                reachability.failed(error)
            raise
        except asyncio.CancelledError as cancelled:
            # The error's frames hold the half-made connection, which keeps the server waiting in its
            # authentication (and a DROP DATABASE with it) until the garbage collector comes by.
            traceback.clear_frames(cancelled.__traceback__)
            raise
        if reachability is not None:
            reachability.succeeded()
        connection.slow_seconds = slow_seconds
        connection.used_at = monotonic()
        return connection

    async def answers(self) -> bool:
        """Tell whether the connection still works: from the socket alone where it was used just now.

        A server that ended has closed the socket, which costs no round trip to see.
        """
        try:
            self.pgconn.consume_input()
            self.pgconn.consume_input()  # the first may have read the server's farewell, this sees the end
            if monotonic() - self.used_at > _ASK_AFTER_IDLE:
                await AsyncCursor(self).execute("")  # not logged
        except psycopg.Error:
            return False
        return not self.closed


async def connect(conninfo: str, reachability: Reachability, **keywords: Any) -> Session:
    """Connect. Raises ``Unreachable`` or ``Refused``, with secrets hidden."""
    try:
        return await Session.connect(conninfo, **keywords)
    except (psycopg.Error, OSError) as error:
        raise reachability.explained(error) from None  # the original may repeat the connection string


def session_conninfo(
    parameters: Mapping[str, str],
    *,
    application_name: str,
    connect_timeout: float,
    session: Mapping[str, str],
) -> str:
    """Return the conninfo of a session: what the endpoint says comes first, but for name and encoding.

    ``session`` are server parameters sent as ``options``, which poolers refuse; they hold for the
    session's life, RESET ALL included. ``connect_timeout`` is in seconds, at least 2 as with libpq.
    """
    options = [parameters.get("options", ""), *(f"-c {name}={value}" for name, value in session.items())]
    complete = {
        **_KEEPALIVES,
        "connect_timeout": str(max(2, math.ceil(connect_timeout))),
        **parameters,
        "application_name": application_name,
        "client_encoding": "UTF8",
        "options": " ".join(part for part in options if part),
    }
    return make_conninfo("", **{key: value for key, value in complete.items() if value})
