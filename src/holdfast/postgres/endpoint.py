"""Which database is meant: by a URL, by parts, by libpq's own variables, or none (the embedded one)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg.conninfo import make_conninfo

from holdfast.errors import WrongUse
from holdfast.postgres.conninfo import parse, shown, variables
from holdfast.postgres.settings import (
    DATABASE_URL,
    DB_HOST,
    DB_NAME,
    DB_PASSWORD,
    DB_PORT,
    DB_USER,
    DIRECT_URL,
    PGPASSWORD,
    POSTGRES_CONN_STRING,
)
from holdfast.postgres.tls import with_tls
from holdfast.settings import Setting, Settings, is_production

_NAMES_A_SERVER = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGSERVICE", "PGDATABASE")


@dataclass(frozen=True)
class Endpoint:
    """How a database is reached.

    ``conninfo`` is libpq's, password included; ``origin`` the setting that named it. ``direct`` is
    the conninfo of the same database without a pooler, or empty.
    """

    conninfo: str = field(repr=False)
    embedded: bool
    origin: str
    direct: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """The conninfo with its secrets hidden."""
        return shown(parse(self.conninfo, self.origin))


def endpoint_from_settings(settings: Settings) -> Endpoint | None:
    """Return the database that the settings name; None where they name none: the embedded server.

    The first of DATABASE_URL, POSTGRES_CONN_STRING, DB_HOST or DB_NAME with their like, and libpq's
    PG* counts; what it leaves open comes from PG*, as everywhere with libpq. Raises ``WrongUse``
    where it cannot be read, ``Unsafe`` where production would reach a server elsewhere without TLS.
    """
    named = _by_url(settings, DATABASE_URL) or _by_url(settings, POSTGRES_CONN_STRING)
    named = named or _by_parts(settings) or _by_libpq(settings)
    if named is None:
        return None
    origin, parameters = named
    direct = _by_url(settings, DIRECT_URL)
    return Endpoint(
        _conninfo(settings, origin, parameters),
        embedded=False,
        origin=origin,
        direct=_conninfo(settings, *direct) if direct else "",
    )


def endpoint_named(conninfo: str, settings: Settings, *, origin: str) -> Endpoint:
    """Return the database that an option's URL or key=value string names; ``origin`` is the option.

    Raises as ``endpoint_from_settings`` does.
    """
    return Endpoint(_conninfo(settings, origin, parse(conninfo, origin)), embedded=False, origin=origin)


def _conninfo(settings: Settings, origin: str, parameters: Mapping[str, str]) -> str:
    completed = _completed(settings, parameters)
    return make_conninfo("", **(with_tls(completed, origin) if is_production(settings) else completed))


def _by_url(settings: Settings, setting: Setting[str | None]) -> tuple[str, dict[str, str]] | None:
    value = settings.get(setting)
    return (setting.name, parse(value, setting.name)) if value else None


def _by_parts(settings: Settings) -> tuple[str, dict[str, str]] | None:
    settings_by_keyword = {
        "host": DB_HOST,
        "port": DB_PORT,
        "dbname": DB_NAME,
        "user": DB_USER,
        "password": DB_PASSWORD,
    }
    parts = {keyword: settings.get(setting) for keyword, setting in settings_by_keyword.items()}
    given = {keyword: value for keyword, value in parts.items() if value}
    if not given:
        return None
    if "host" not in given and "dbname" not in given:
        stray = ", ".join(settings_by_keyword[keyword].name for keyword in given)
        raise WrongUse(
            f"{stray} says how to reach a database, and neither DB_HOST nor DB_NAME says which.",
            hint="Set DB_HOST and DB_NAME, or unset it to use the embedded server.",
        )
    origin = "DB_HOST" if "host" in given else "DB_NAME"
    # checked as a connection string is: parts can be as wrong as a whole
    return origin, parse(make_conninfo("", **given), f"{origin} with DB_PORT")


def _by_libpq(settings: Settings) -> tuple[str, dict[str, str]] | None:
    origin = next((name for name in _NAMES_A_SERVER if settings.environment(name)), None)
    return (origin, {}) if origin else None


def _completed(settings: Settings, parameters: Mapping[str, str]) -> dict[str, str]:
    """Add what libpq would take from its environment, so that the conninfo says everything.

    A service's file stands before the environment: then libpq is left to complete it.
    """
    service = parameters.get("service") or settings.environment("PGSERVICE")
    from_environment = {
        keyword: value
        for keyword, name in variables().items()
        if (value := settings.get(PGPASSWORD) if name == PGPASSWORD.name else settings.environment(name))
    }
    if service:
        kept = {key: value for key, value in from_environment.items() if key in ("sslmode", "servicefile")}
        return {**kept, "service": service, **parameters}
    completed = {**from_environment, **parameters}
    return parse(make_conninfo("", **completed), "libpq's environment (PG*)")
