"""A throwaway database that holds what migration files give, to be compared with a live one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from holdfast.errors import Conflict, NotFound
from holdfast.migrate import generating
from holdfast.migrate.engine import migrate_up
from holdfast.migrate.errors import MigrationFailed
from holdfast.migrate.files import Migration
from holdfast.migrate.plan import Files
from holdfast.postgres.database import Database
from holdfast.postgres.statements import Statements
from holdfast.postgres.throwaway.databases import throwaway_database
from holdfast.postgres.throwaway.servers import majors_at_hand, throwaway_server
from holdfast.settings import Settings
from holdfast.system import Connection

_STATEMENTS = Statements("holdfast.migrate", "scratch.sql")
# Files without any of these words touch nothing beyond their database; the others are parsed.
_MAY_REACH_FURTHER = re.compile(
    r"\b(ROLE|USER|GROUP|SYSTEM|DATABASE|TABLESPACE|SUBSCRIPTION|FOREIGN(?!\s+KEY\b)|COPY|OWNED|LOAD|CHECKPOINT"
    r"|EXECUTE(?!\s+(FUNCTION|PROCEDURE)\b)|dblink\w*|http\w*|lo_export|lo_import|pg_\w+|\w*schedule\w*)\b",
    re.IGNORECASE,
)
_CREATED_ROLE = re.compile(
    r"\bCREATE\s+(?:ROLE|USER|GROUP)\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r'(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>\w+))',
    re.IGNORECASE,
)


class ReachesElsewhere(Conflict):
    """Building the files would do once more what they do in other databases."""

    code = "reaches_elsewhere"


@asynccontextmanager
async def built(
    files: Files,
    settings: Settings,
    *,
    live: Database | None = None,
    server: str = "",
    major: int | None = None,
    allow_remote: bool = False,
) -> AsyncIterator[Database]:
    """Open a throwaway database to which ``files`` were applied, with what the platform generates.

    It is made on ``server`` (a conninfo) where that is given; else on the server of ``live`` where its
    role may make databases and no file reaches beyond its own; else on a throwaway server of the same
    major version, which has the roles of ``live``. With ``live``, what depends on its rows (partitions)
    is made too; without either the throwaway server is of ``major``. Raises ``ReachesElsewhere`` where a
    file would reach another server's database, unless ``allow_remote``; ``NotFound`` where there is no
    place for it, and as ``throwaway_database`` and ``migrate_up`` do.
    """
    if not allow_remote:
        _refuse_remote(files)
    with await _server_for(files, live, server, major) as place:
        async with (
            throwaway_database(place, name_hint="drift") as conninfo,
            Database.open(_unflushed(conninfo), settings, application_name="holdfast drift") as scratch,
        ):
            await _apply(scratch, files)
            if live is not None:
                async with live.connection() as source, scratch.connection() as copy:
                    await generating.mirror(source, copy, list(files.systems.values()))
            yield scratch


def _refuse_remote(files: Files) -> None:
    if not any(_MAY_REACH_FURTHER.search(each.text) for file in files.ordered for each in file.up):
        return
    from holdfast.migrate.lint.remote import remote_effects  # noqa: PLC0415  the parser costs 100 ms

    found = remote_effects(files.ordered)
    if found:
        raise ReachesElsewhere(
            "Building the files on a throwaway database would do again what they do elsewhere: "
            f"{'; '.join(found)}.",
            hint="Where it does no harm to do that once more, add --allow-remote. Nothing was run.",
            effects=found,
        )


async def _apply(scratch: Database, files: Files) -> None:
    try:
        await migrate_up(scratch, files=files, require_proof=False)
    except MigrationFailed as error:
        raise MigrationFailed(
            f"The files cannot be built on a throwaway database: {error.message}",
            hint="What it needs (an extension, a role, what no file makes) is not there. Name a server that "
            "has it: --scratch URL. The live database is untouched.",
            **error.details,
        ) from error


def _unflushed(conninfo: str) -> str:
    """Let commits not wait for the disk: what a crash would cost is made again."""
    if conninfo_to_dict(conninfo).get("options"):
        return conninfo
    return make_conninfo(conninfo, options="-c synchronous_commit=off")


async def _server_for(
    files: Files, live: Database | None, server: str, major: int | None
) -> AbstractContextManager[str]:
    if server:
        return _named(server)
    if live is None:
        return throwaway_server(major)
    async with live.connection() as connection:
        facts = await (await connection.execute(_STATEMENTS["about_server"])).fetchone()
        if facts is None:
            raise RuntimeError("a SELECT without FROM returned no row")
        reachable = bool(live.endpoint.direct) or not live.pooling.pooled
        if facts["may_create"] and reachable and not _reach_further(files.ordered):
            return _named(live.endpoint.direct or live.conninfo)
        if facts["major"] not in majors_at_hand():
            raise NotFound(
                f"The files cannot be built beside the live database, and PostgreSQL {facts['major']} is not "
                "on this machine.",
                hint="Name a server of that version where databases may be made: --scratch URL",
            )
        return _with_roles(facts["major"], await _roles(connection, files))


@contextmanager
def _named(server: str) -> Iterator[str]:
    yield server


@contextmanager
def _with_roles(major: int, roles: Iterable[str]) -> Iterator[str]:
    """Run a throwaway server that has roles of these names, which may do nothing."""
    with throwaway_server(major) as server:
        with psycopg.connect(server, autocommit=True) as connection:
            for role in roles:
                connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        yield server


async def _roles(connection: Connection, files: Files) -> list[str]:
    """Return the live server's roles, except those that the files make themselves."""
    made = {
        match["quoted"].replace('""', '"') if match["quoted"] else match["plain"].lower()
        for migration in files.ordered
        for statement in migration.up
        for match in _CREATED_ROLE.finditer(statement.text)
    }
    rows = await (await connection.execute(_STATEMENTS["roles"])).fetchall()
    own = conninfo_to_dict(connection.info.dsn).get("user")
    return [row["name"] for row in rows if row["name"] not in made and row["name"] not in (own, "holdfast")]


def _reach_further(migrations: Iterable[Migration]) -> list[str]:
    """Return what files do beyond their database; only those that may are parsed."""
    suspects = [
        migration
        for migration in migrations
        if any(_MAY_REACH_FURTHER.search(statement.text) for statement in migration.up)
    ]
    if not suspects:
        return []
    from holdfast.migrate.lint.effects import server_wide_effects  # noqa: PLC0415  the parser costs 100 ms

    return [effect for migration in suspects for effect in server_wide_effects(migration)]
