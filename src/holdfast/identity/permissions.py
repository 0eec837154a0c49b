"""Which permissions a user holds: those that rooms and systems declare for their users' roles.

An administrator holds every one; anybody else holds those that are declared for the roles ``viewer``
and ``operator``. Roles of one's own come with a later version.
"""

from __future__ import annotations

from functools import cache

from holdfast.system import in_order

_EVERYBODYS_ROLES = frozenset({"viewer", "operator"})


@cache
def every_permission() -> frozenset[str]:
    """Return the name of every declared permission."""
    return frozenset(permission.name for system in in_order() for permission in system.permissions)


@cache
def _everybodys_permissions() -> frozenset[str]:
    return frozenset(
        permission.name
        for system in in_order()
        for permission in system.permissions
        if _EVERYBODYS_ROLES.intersection(permission.roles)
    )


def permissions_of(*, is_administrator: bool) -> frozenset[str]:
    """Return the permissions of an administrator, or of any other user."""
    return every_permission() if is_administrator else _everybodys_permissions()
