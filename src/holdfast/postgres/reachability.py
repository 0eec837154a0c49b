"""What became of a pool's attempts to connect, and the errors that say so.

psycopg's pool connects in the background and tells who waits for a connection only that none came;
this keeps the reason, and logs an outage once at its begin and once at its end.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

import psycopg

from holdfast.errors import HoldfastError
from holdfast.postgres.conninfo import scrubbed, shown
from holdfast.postgres.errors import Refused, Unreachable

logger = logging.getLogger("holdfast.postgres")

# What servers and libpq say to a client that will not be let in however often it tries.
_REFUSALS = (
    (r"password authentication failed", "Correct the password."),
    (r"no password supplied", "Give a password: in the connection string, as PGPASSWORD, or as a file."),
    (r"no pg_hba.conf entry", "Allow this client in the server's pg_hba.conf, or connect as it allows."),
    (r'database ".*" does not exist', "Create the database, or correct its name."),
    (r'role ".*" does not exist', "Create the role, or correct its name."),
    (r"is not permitted to log in", "Give the role LOGIN, or connect as another."),
    (r"permission denied for database", "Grant the role CONNECT on the database."),
    (r"server does not support SSL", "Turn on TLS at the server; sslmode asks for it."),
    (r"certificate verify failed|root certificate file", "Correct sslrootcert, or the server's certificate."),
    (r"does not match host name", "Connect by the name in the server's certificate, or correct that."),
    (r"unsupported startup parameter", "A pooler stands before the server: set HOLDFAST_POOLER=yes."),
)
# And to one that may get in later.
_DELAYS = (
    (
        r"too many clients|too many connections|remaining connection slots|no more connections allowed",
        "Lower HOLDFAST_POOL_MAX, raise max_connections, or put PgBouncer before the server.",
    ),
    (r"is starting up|is shutting down|in recovery mode", "Wait until the server has started."),
)
_PLACE = ("service", "host", "hostaddr", "port", "dbname", "user")


class Reachability:
    """Whether one database could be connected to lately. ``parameters`` are its conninfo's."""

    def __init__(self, parameters: dict[str, str]) -> None:
        self._parameters = parameters
        self._place = shown({key: value for key, value in parameters.items() if key in _PLACE})
        self.error: HoldfastError | None = None

    def succeeded(self) -> None:
        """Note that a connection was made, or works."""
        if self.error is not None:
            self.error = None
            logger.warning("The database answers again (%s).", self._place)

    def failed(self, error: psycopg.Error | OSError) -> None:
        """Note that a connection could not be made."""
        known = self.error is not None
        self.error = self.explained(error)
        if not known:
            logger.warning("%s", self.error.message)

    def explained(self, error: psycopg.Error | OSError) -> HoldfastError:
        """Return what to raise: ``Refused`` where trying again cannot help, else ``Unreachable``."""
        said = " ".join(scrubbed(str(error), self._parameters).split()).removeprefix("connection failed: ")
        refusal = _hint(_REFUSALS, said)
        said += "" if said.endswith((".", "?")) else "."
        where = f"The database cannot be connected to ({self._place}): {said}"
        if refusal:
            return Refused(where, hint=refusal)
        otherwise = "Start the server, or correct where it is; `holdfast doctor` says what is used."
        return Unreachable(where, hint=_hint(_DELAYS, said) or otherwise)


def _hint(patterns: Sequence[tuple[str, str]], said: str) -> str:
    return next((hint for pattern, hint in patterns if re.search(pattern, said)), "")
