"""The major versions of PostgreSQL whose programs are at hand."""

from __future__ import annotations

from pathlib import Path

from holdfast.errors import NotFound
from holdfast.postgres.embedded.account import Account
from holdfast.postgres.embedded.binaries import Programs, installed, programs_for
from holdfast.postgres.embedded.errors import ProgramsMissing

_OF_THE_WHEEL = (18, 16)
_OLDEST = 15
_DEBIAN = Path("/usr/lib/postgresql")


def majors_at_hand() -> tuple[int, ...]:
    """Return the major versions from 15 on whose server can be started here, newest first.

    They come from the wheel that Holdfast brings and from Debian's packages.
    """
    return tuple(sorted({*_in_wheel(), *_of_debian()}, reverse=True))


def programs_of(major: int, account: Account) -> Programs:
    """Return a major version's programs, such that an account can run them.

    The wheel's come before Debian's. Raises ``NotFound`` where there are none.
    """
    if major in _in_wheel():
        return programs_for(account, major)
    if major in _of_debian():
        return Programs(_DEBIAN / str(major))
    shown = ", ".join(map(str, majors_at_hand())) or "none"
    raise NotFound(
        f"There is no PostgreSQL {major} on this machine to start a throwaway server with.",
        hint=f"At hand: {shown}. Debian's packages (postgresql-{major}) bring it.",
    )


def _in_wheel() -> set[int]:
    found = set()
    for major in _OF_THE_WHEEL:
        try:
            installed(major)
        except ProgramsMissing:
            continue
        found.add(major)
    return found


def _of_debian() -> set[int]:
    found = (path.parts[4] for path in _DEBIAN.glob("*/bin/postgres"))
    return {int(name) for name in found if name.isdigit() and int(name) >= _OLDEST}
