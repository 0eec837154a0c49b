"""In production, a server elsewhere is reached by TLS or not at all."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from holdfast.postgres.errors import Unsafe

_ENCRYPTED = ("require", "verify-ca", "verify-full")
_HINT = (
    "Set sslmode=verify-full with sslrootcert (or at least sslmode=require), in the connection string "
    "or as PGSSLMODE."
)


def is_local(parameters: Mapping[str, str]) -> bool:
    """Tell whether every server that the parameters name is on this machine.

    A service's file may name any server: it counts as elsewhere.
    """
    places = parameters.get("hostaddr") or parameters.get("host", "")
    if not places:
        return "service" not in parameters
    return all(_is_local(place) for place in places.split(","))


def _is_local(place: str) -> bool:
    if place == "" or place.startswith(("/", "@")) or place == "localhost":
        return True
    try:
        return ipaddress.ip_address(place).is_loopback
    except ValueError:
        return False


def with_tls(parameters: Mapping[str, str], origin: str) -> dict[str, str]:
    """Return parameters with which libpq connects by TLS, if need be with ``sslmode=require`` added.

    Raises ``Unsafe`` where they say that a server elsewhere may be reached without.
    """
    if is_local(parameters):
        return dict(parameters)
    mode = parameters.get("sslmode")
    if mode is None and "service" in parameters:
        raise Unsafe(
            f"{origin} leaves it to a service's file whether to use TLS, which production requires.",
            hint=_HINT,
        )
    if mode is None:
        # libpq takes the system's roots for verify-full only
        mode = "verify-full" if parameters.get("sslrootcert") == "system" else "require"
    if mode not in _ENCRYPTED:
        raise Unsafe(
            f"{origin} says sslmode={mode}: production requires TLS to a server that is not on this machine.",
            hint=_HINT,
        )
    return {**parameters, "sslmode": mode}
