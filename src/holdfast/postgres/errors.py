"""What can go wrong on the way to PostgreSQL."""

from __future__ import annotations

from holdfast.errors import HoldfastError, TryAgain


class Unreachable(TryAgain):
    """The server does not answer, or does not take connections now."""

    code = "database_unreachable"


class Busy(TryAgain):
    """All connections of the pool are in use."""

    code = "database_busy"


class Refused(HoldfastError):
    """The server answers, and does not let us in as we asked."""

    code = "database_refused"


class Unsafe(HoldfastError):
    """The connection would go over a network without TLS in production."""

    code = "unsafe_connection"
