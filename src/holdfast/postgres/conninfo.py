"""libpq's connection strings: read without repeating them, shown without their secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from holdfast.errors import WrongUse

HIDDEN = "***"
_FORM = (
    "Write postgresql://user:password@host:5432/name, or host=... dbname=... user=... ; in a URL's password "
    "write @ : / ? # and % percent-encoded (%40 %3A %2F %3F %23 %25)."
)
_WITH_DRIVER = re.compile(r"postgres(ql)?\+\w+://")
# libpq marks passwords "*", and what only debugging shows (keys made of passwords among it) "D"
_SECRET = {option.keyword.decode() for option in pq.Conninfo.parse(b"") if option.dispchar in (b"*", b"D")}


def variables() -> dict[str, str]:
    """Return libpq's environment variables by the keyword that each stands for."""
    return {
        option.keyword.decode(): option.envvar.decode()
        for option in pq.Conninfo.parse(b"")
        if option.envvar is not None
    }


def parse(conninfo: str, name: str) -> dict[str, str]:
    """Read a URL or key=value string into its parameters.

    ``name`` says in errors where it stands. Raises ``WrongUse`` that repeats nothing of it: libpq's
    own message, and an error from a server that was taken for another, can hold a piece of a password.
    """
    _check_url(conninfo, name)
    try:
        options = pq.Conninfo.parse(conninfo.encode())
    except (psycopg.Error, UnicodeEncodeError):
        raise _not_readable(name) from None
    parameters = {option.keyword.decode(): option.val.decode() for option in options if option.val}
    for port in parameters.get("port", "").split(","):
        if port and not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
            raise _not_readable(name, "its port is not a number from 1 to 65535")
    return parameters


def _check_url(conninfo: str, name: str) -> None:
    if _WITH_DRIVER.match(conninfo):
        raise WrongUse(
            f"{name} names a driver, which only SQLAlchemy understands.",
            hint="Write postgresql:// without +driver.",
        )
    scheme, separator, rest = conninfo.partition("://")
    if not separator or scheme not in ("postgres", "postgresql"):
        return
    authority, _, path = rest.partition("/")
    if authority.count("@") > 1 or "@" in path.partition("?")[0]:
        # libpq would take a piece of the password for the host or the database, and errors would show it
        raise _not_readable(name, "an @ or / in its user or password is not percent-encoded")


def _not_readable(name: str, reason: str = "") -> WrongUse:
    return WrongUse(f"{name} is not a connection string{f': {reason}' if reason else ''}.", hint=_FORM)


def shown(parameters: Mapping[str, str]) -> str:
    """Return the parameters as one line in which every secret is hidden."""
    return make_conninfo(
        "", **{key: HIDDEN if key in _SECRET else value for key, value in parameters.items() if value}
    )


def scrubbed(text: str, parameters: Mapping[str, str]) -> str:
    """Return a text in which the parameters' secrets, however they are quoted, are hidden."""
    secrets = {
        form
        for key in _SECRET & parameters.keys()
        for value in [parameters[key]]
        for form in (value, quote(value, safe=""), value.replace("\\", "\\\\").replace("'", "\\'"))
        if form
    }
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
