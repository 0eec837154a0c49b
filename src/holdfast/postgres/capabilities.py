"""What the server can do, and what Holdfast does where it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from holdfast.postgres.pooler import is_pooled
from holdfast.postgres.statements import Statements
from holdfast.postgres.tls import is_local
from holdfast.system import Connection, State, StatusLine

_STATEMENTS = Statements("holdfast.postgres", "capabilities.sql")

OLDEST = 150000
"""The oldest server that is supported, as ``server_version_num``."""

Timescale = Literal["none", "apache", "community"]


@dataclass(frozen=True)
class Extension:
    """An extension: the version that the server could install, and the one that the database has.

    Empty: not available, not installed. ``preloaded`` tells whether the server loads its library at its
    start; None where the role may not see that.
    """

    name: str
    available: str = ""
    installed: str = ""
    preloaded: bool | None = None


@dataclass(frozen=True)
class Wanted:
    """An extension that Holdfast makes use of: what it does without it, and whether it must be preloaded."""

    name: str
    without: str
    preload: bool = False


WANTED = (
    Wanted("timescaledb", "time series use native partitions", preload=True),
    Wanted("vector", "there is no search by similarity"),
    Wanted("pg_stat_statements", "slow statements are known from Holdfast's own log only", preload=True),
    Wanted("pg_trgm", "texts are searched without an index"),
    Wanted("pg_cron", "background work runs in Holdfast's own workers", preload=True),
    Wanted("pg_partman", "Holdfast makes and drops partitions itself"),
    Wanted("pgaudit", "who reads what is not recorded", preload=True),
)


@dataclass(frozen=True)
class Capabilities:
    """What one server can do, as seen by one connection.

    ``version_number`` is ``server_version_num`` (180004 for 18.4). ``tls`` tells whether the connection is
    encrypted, ``local`` whether it stays on this machine, ``pooler`` whether a pooler such as PgBouncer
    answers it.
    """

    version_number: int
    version: str
    role: str
    superuser: bool
    in_recovery: bool
    wal_level: str
    checksums: bool
    encoding: str
    max_connections: int
    uuidv7: bool
    timescale: Timescale
    extensions: Mapping[str, Extension]
    tls: bool
    local: bool
    pooler: bool

    @property
    def supported(self) -> bool:
        """Whether the server is new enough."""
        return self.version_number >= OLDEST

    def lines(self) -> list[StatusLine]:
        """Say each capability, and what Holdfast does without it, for ``holdfast doctor``."""
        return [*_server_lines(self), *(_extension_line(self, wanted) for wanted in WANTED)]


async def capabilities(connection: Connection) -> Capabilities:
    """Ask the server what it can do. Raises psycopg's errors."""
    server = await (await connection.execute(_STATEMENTS["server"])).fetchone()
    if server is None:
        raise RuntimeError("a SELECT without FROM returned no row")
    names = [wanted.name for wanted in WANTED]
    rows = await (await connection.execute(_STATEMENTS["extensions"], {"names": names})).fetchall()
    preloaded = None if server["preloaded"] is None else _listed(server["preloaded"])
    extensions = {
        row["name"]: Extension(
            row["name"],
            available=row["available"] or "",
            installed=row["installed"] or "",
            preloaded=None if preloaded is None else row["name"] in preloaded,
        )
        for row in rows
    }
    return Capabilities(
        version_number=server["version_number"],
        version=server["version"],
        role=server["role"],
        superuser=server["superuser"],
        in_recovery=server["in_recovery"],
        wal_level=server["wal_level"],
        checksums=server["checksums"],
        encoding=server["encoding"],
        max_connections=server["max_connections"],
        uuidv7=server["uuidv7"],
        timescale=timescale_edition(extensions.get("timescaledb"), server["timescaledb_license"]),
        extensions={wanted.name: extensions.get(wanted.name, Extension(wanted.name)) for wanted in WANTED},
        tls=connection.pgconn.ssl_in_use,
        local=is_local({"host": connection.info.host, "hostaddr": connection.info.hostaddr}),
        pooler=await is_pooled(connection),
    )


def _listed(libraries: str) -> list[str]:
    return [library.strip().strip('"').rpartition("/")[2] for library in libraries.split(",")]


def timescale_edition(extension: Extension | None, licence: str | None) -> Timescale:
    """Tell TimescaleDB's edition: its licence is ``apache`` or ``timescale`` (the community edition)."""
    if extension is None or not extension.installed:
        return "none"
    return "community" if licence == "timescale" else "apache"


def _server_lines(server: Capabilities) -> list[StatusLine]:
    return [
        _judged("version", server.version, server.supported, "PostgreSQL 15 or newer is needed: upgrade it."),
        _judged("encoding", server.encoding, server.encoding == "UTF8", "Create the database with UTF8."),
        _judged(
            "writable",
            "no, it is a replica" if server.in_recovery else "yes",
            not server.in_recovery,
            "Connect to the primary: several hosts and target_session_attrs=read-write find it.",
        ),
        _judged(
            "data checksums",
            "on" if server.checksums else "off",
            server.checksums,
            "Damaged pages are not noticed; turn them on with pg_checksums while the server is stopped.",
            "warning",
        ),
        _judged(
            "WAL level",
            server.wal_level,
            server.wal_level != "minimal",
            "There can be no replica and no backup of the running server: set wal_level=replica.",
            "warning",
        ),
        StatusLine("uuidv7", "by the server" if server.uuidv7 else "made by Holdfast"),
        StatusLine("role", f"{server.role}{', a superuser' if server.superuser else ''}"),
    ]


def _judged(name: str, value: str, good: bool, hint: str, otherwise: State = "error") -> StatusLine:
    return StatusLine(name, value, "ok" if good else otherwise, "" if good else hint)


def _extension_line(server: Capabilities, wanted: Wanted) -> StatusLine:
    extension = server.extensions[wanted.name]
    if extension.installed and wanted.preload and extension.preloaded is False:
        return StatusLine(
            wanted.name,
            f"{extension.installed} installed, and not loaded: {wanted.without}",
            "warning",
            f"Add {wanted.name} to shared_preload_libraries and restart the server.",
        )
    if extension.installed:
        edition = f", {server.timescale} edition" if wanted.name == "timescaledb" else ""
        return StatusLine(wanted.name, f"{extension.installed}{edition}")
    if extension.available:
        return StatusLine(wanted.name, f"{extension.available} available, not installed: {wanted.without}")
    return StatusLine(wanted.name, f"not available: {wanted.without}")
