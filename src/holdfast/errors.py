"""What goes wrong, and what to do about it.

Every error that Holdfast raises on purpose derives from ``HoldfastError``: it has a code for
programs, a sentence for people, a hint that says the next step, and tells whether trying the same
again can help. The command line turns it into an exit code, the API into a problem document.
"""

from __future__ import annotations

from typing import ClassVar


class HoldfastError(Exception):
    """A failure with a code, what happened, and what to do about it.

    ``message`` says what happened in one sentence; ``hint`` says what to do; ``details`` are plain
    JSON values for programs. Neither may hold a secret: they are logged and sent.
    """

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class WrongUse(HoldfastError):
    """The command, request or setting cannot mean anything; it must be said otherwise."""

    code = "wrong_use"
    exit_code = 2
    http_status = 422


class NotSignedIn(HoldfastError):
    """The request carries no valid proof of who makes it."""

    code = "not_signed_in"
    http_status = 401


class NotAllowed(HoldfastError):
    """Who makes the request is known and may not do this."""

    code = "not_allowed"
    http_status = 403


class NotFound(HoldfastError):
    """What was named does not exist, or is not visible to who asks."""

    code = "not_found"
    http_status = 404


class Conflict(HoldfastError):
    """What was asked contradicts what already stands."""

    code = "conflict"
    http_status = 409


class TryAgain(HoldfastError):
    """It did not work now, and the same again may work later."""

    code = "try_again"
    exit_code = 3
    http_status = 503
    retryable = True
