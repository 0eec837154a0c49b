"""What other tools record: their tables, found by name and columns, and read as they write them.

Sources: the tables that dbmate 2.36 and Alembic 1.20 make, and the documentation of Flyway, sqlx and
golang-migrate.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from holdfast.errors import WrongUse
from holdfast.migrate.adopting.errors import NoHistory, not_adopted
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

STATEMENTS = Statements("holdfast.migrate.adopting", "tables.sql")


@dataclass(frozen=True, slots=True)
class Table:
    """Another tool's table; ``full_name`` is quoted where it must be."""

    schema: str
    name: str
    full_name: str

    def __str__(self) -> str:
        return self.full_name

    @property
    def quoted(self) -> sql.Identifier:
        """Its name for SQL."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class Record:
    """A migration that another tool says is applied: ``version`` is written as in its table.

    ``up_to``: every file up to this one is. What the tool does not record is None.
    """

    version: str
    applied_at: datetime | None = None
    duration_ms: int | None = None
    checksum: int | bytes | None = None
    up_to: bool = False


@dataclass(frozen=True)
class Tool:
    """A tool: the name its table has unless told otherwise, the columns that tell it from others."""

    name: str
    table: str
    columns: frozenset[str]
    read: Callable[[Connection, Table], Awaitable[list[Record]]]

    def wrote(self, columns: Sequence[str]) -> bool:
        """Tell whether a table with these columns is one that this tool makes."""
        return self.columns == set(columns)


@dataclass(frozen=True)
class History:
    """What one tool has recorded in a database, in order."""

    tool: Tool
    table: Table
    records: tuple[Record, ...]


async def _rows(connection: Connection, query: sql.Composed) -> list[dict[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, prepare=False)
        return await cursor.fetchall()


async def _alembic(connection: Connection, table: Table) -> list[Record]:
    query = sql.SQL("SELECT version_num FROM {} ORDER BY version_num").format(table.quoted)
    return [Record(row["version_num"]) for row in await _rows(connection, query)]


async def _dbmate(connection: Connection, table: Table) -> list[Record]:
    query = sql.SQL("SELECT version FROM {} ORDER BY length(version), version").format(table.quoted)
    return [Record(row["version"]) for row in await _rows(connection, query)]


async def _golang_migrate(connection: Connection, table: Table) -> list[Record]:
    rows = await _rows(connection, sql.SQL("SELECT version, dirty FROM {}").format(table.quoted))
    for row in rows:
        if row["dirty"]:
            raise not_adopted(
                [f"golang-migrate left version {row['version']} dirty in {table}"],
                "See how far that file came, mend the database by hand, and say so with `migrate force`.",
            )
    return [Record(str(row["version"]), up_to=True) for row in rows]


async def _sqlx(connection: Connection, table: Table) -> list[Record]:
    query = sql.SQL(
        "SELECT version, installed_on, success, checksum, execution_time FROM {} ORDER BY version"
    ).format(table.quoted)
    rows = await _rows(connection, query)
    for row in rows:
        if not row["success"]:
            raise not_adopted(
                [f"sqlx recorded that version {row['version']} failed half-way in {table}"],
                "Mend the database by hand and remove that row, or let sqlx end what it began.",
            )
    return [
        Record(
            str(row["version"]),
            row["installed_on"],
            max(0, row["execution_time"] // 1_000_000),  # nanoseconds; -1 while it runs
            bytes(row["checksum"]),
        )
        for row in rows
    ]


_FLYWAYS_BASELINES = {"BASELINE", "SQL_BASELINE"}
_FLYWAYS_SCRIPTS = {"SQL"}
_FLYWAYS_UNDONE = {"UNDO_SQL", "DELETE"}
_FLYWAYS_NOTES = {"SCHEMA"}


async def _flyway(connection: Connection, table: Table) -> list[Record]:
    query = sql.SQL(
        # The time is without a zone, written by the session's clock; this session's zone is UTC.
        "SELECT version, type, script, checksum, installed_on::timestamptz AS installed_on, execution_time,"
        " success FROM {} ORDER BY installed_rank"
    ).format(table.quoted)
    found: dict[str, Record] = {}
    for row in await _rows(connection, query):
        version, kind = row["version"], row["type"]
        if not row["success"]:
            raise not_adopted(
                [f"Flyway recorded that {row['script']} failed in {table}"],
                "Mend the database, then run `flyway repair`.",
            )
        if version is None or kind in _FLYWAYS_NOTES:
            continue  # a repeatable script, or that a schema was made: neither is a version
        if kind in _FLYWAYS_UNDONE:
            found.pop(version, None)
        elif kind in _FLYWAYS_SCRIPTS | _FLYWAYS_BASELINES:
            found[version] = Record(
                version,
                row["installed_on"],
                row["execution_time"],
                row["checksum"],
                up_to=kind in _FLYWAYS_BASELINES,
            )
        else:
            raise not_adopted(
                [f"{row['script']} in {table} is of the kind {kind}, which is not SQL"],
                "Take over what the database holds instead: add --baseline.",
            )
    return list(found.values())


ALEMBIC = Tool("alembic", "alembic_version", frozenset({"version_num"}), _alembic)
DBMATE = Tool("dbmate", "schema_migrations", frozenset({"version"}), _dbmate)
GOLANG_MIGRATE = Tool("golang-migrate", "schema_migrations", frozenset({"version", "dirty"}), _golang_migrate)
SQLX = Tool(
    "sqlx",
    "_sqlx_migrations",
    frozenset({"version", "description", "installed_on", "success", "checksum", "execution_time"}),
    _sqlx,
)
FLYWAY = Tool(
    "flyway",
    "flyway_schema_history",
    frozenset({"installed_rank", "version", "description", "type", "script", "checksum", "installed_by"})
    | {"installed_on", "execution_time", "success"},
    _flyway,
)
TOOLS = {tool.name: tool for tool in (ALEMBIC, FLYWAY, DBMATE, SQLX, GOLANG_MIGRATE)}


async def find_history(
    connection: Connection, *, tool: str | None = None, table: str | None = None
) -> History:
    """Read another tool's history: of the tool and in the table that were named, or the only one there is.

    Raises ``NoHistory`` where there is none, ``WrongUse`` where there are several, ``NotAdopted`` where
    the tool itself says that it is in a state that a person must mend.
    """
    found = [
        (each, place)
        for place, columns in await _tables(connection, table)
        for each in TOOLS.values()
        if each.wrote(columns) and tool in (None, each.name)
    ]
    if not found:
        sought = table or ", ".join(
            sorted({each.table for each in TOOLS.values() if tool in (None, each.name)})
        )
        raise NoHistory(
            f"There is no history of {tool or 'another tool'} in this database (looked for {sought}).",
            hint="Name the table with --table SCHEMA.NAME, or take over what the database holds: --baseline.",
        )
    if len(found) > 1:
        raise WrongUse(
            f"There are several histories: {', '.join(f'{each.name} in {place}' for each, place in found)}.",
            hint="Name one with --from TOOL, or --table SCHEMA.NAME.",
        )
    (chosen, place), *_ = found
    return History(chosen, place, tuple(await chosen.read(connection, place)))


async def _tables(connection: Connection, table: str | None) -> list[tuple[Table, list[str]]]:
    names = [each.table for each in TOOLS.values()]
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(STATEMENTS["tables_of_tools"], {"name": table, "names": names})
        return [
            (Table(row["schema"], row["name"], row["full_name"]), row["columns"])
            for row in await cursor.fetchall()
        ]
