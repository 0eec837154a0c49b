"""Who makes a request, and what a route demands of them.

A route declares its permission by a dependency: ``Depends(requires("triggers.write"))``,
``Depends(signed_in)`` for anybody who is signed in, or ``Depends(public)``. The application refuses to
start with a route that declares none. Who a bearer token stands for is answered by
``app.state.authenticate``, which the web room binds to the identity room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Protocol

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import OAuth2PasswordBearer

from holdfast.errors import NotAllowed, NotSignedIn

TOKEN_PATH = "/auth/token"  # noqa: S105  a path, not a secret


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request: ``user_id`` as in ``holdfast.users``, and the permissions that they hold."""

    user_id: str
    username: str
    permissions: frozenset[str]
    is_administrator: bool = False

    def may(self, permission: str) -> bool:
        """Tell whether this principal holds a permission; administrators hold every one."""
        return self.is_administrator or permission in self.permissions


class Authenticate(Protocol):
    """Finds out whom a bearer token stands for (``app.state.authenticate``)."""

    async def __call__(self, token: str, /) -> Principal:
        """Return the principal; raises ``NotSignedIn`` for a token that does not hold (any more)."""


_bearer = OAuth2PasswordBearer(
    tokenUrl=TOKEN_PATH,
    scheme_name="token",
    description="An access token of POST /auth/token, as `Authorization: Bearer TOKEN`.",
    auto_error=False,
)


class Requires:
    """A dependency that yields the principal, or refuses who is not signed in or lacks the permission.

    An empty ``permission`` asks for nothing beyond being signed in. Raises ``NotSignedIn`` and
    ``NotAllowed``.
    """

    def __init__(self, permission: str) -> None:
        self.permission = permission

    async def __call__(self, request: Request, token: Annotated[str | None, Depends(_bearer)]) -> Principal:
        """Return who makes the request."""
        if not token:
            raise NotSignedIn(
                "The request carries no access token.",
                hint=f"Sign in by POST {TOKEN_PATH} and send 'Authorization: Bearer TOKEN'.",
            )
        authenticate: Authenticate = request.app.state.authenticate
        principal = await authenticate(token)
        if self.permission and not principal.may(self.permission):
            raise NotAllowed(
                f"{principal.username} may not do this: it takes the permission {self.permission}.",
                hint="Ask an administrator for it.",
                permission=self.permission,
            )
        return principal


signed_in = Requires("")


@cache
def requires(permission: str) -> Requires:
    """Return the dependency that demands a permission; one object each, so a request asks only once."""
    return Requires(permission)


async def public() -> None:
    """Declare that a route is open to everybody."""


def declared_access(dependant: Dependant) -> list[str]:
    """Return what a route declares: permissions, ``signed in`` or ``public``; nothing where it forgot."""
    return [access for call in _calls(dependant) if (access := _access(call)) is not None]


def _access(call: object) -> str | None:
    if isinstance(call, Requires):
        return call.permission or "signed in"
    return "public" if call is public else None


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)
