"""Why a request did not end in an answer."""

from __future__ import annotations

from holdfast.errors import HoldfastError


class DeliveryFailed(HoldfastError):
    """A request ended without an answer that can be told as one.

    Messages name the host and port only: paths, queries and headers can hold secrets.
    """

    code = "delivery_failed"
    http_status = 502
    retryable = True


class Blocked(DeliveryFailed):
    """The guard refuses the place: nothing was sent, and the same again is refused again."""

    code = "delivery_blocked"
    http_status = 422
    retryable = False


class NotSendable(DeliveryFailed):
    """The request itself is wrong (its method, a header, its body): nothing was sent."""

    code = "delivery_not_sendable"
    http_status = 422
    retryable = False


class Unreachable(DeliveryFailed):
    """No connection, or it broke, or what came over it is not HTTP. The request may have arrived."""

    code = "delivery_unreachable"


class TimedOut(DeliveryFailed):
    """The answer was not there in time. The request may have arrived."""

    code = "delivery_timed_out"
    http_status = 504


class Redirected(DeliveryFailed):
    """The answer points elsewhere, which is never followed: an address of choice is one that was checked."""

    code = "delivery_redirected"


class Busy(DeliveryFailed):
    """As many requests to this host as are allowed were under way all the time: nothing was sent."""

    code = "delivery_busy"
    http_status = 503
