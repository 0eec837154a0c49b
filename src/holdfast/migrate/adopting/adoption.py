"""Takes a history over: finds it, finds its files, compares, and writes our own. Nothing is run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from holdfast import __version__
from holdfast.errors import Conflict, HoldfastError, WrongUse
from holdfast.migrate import history
from holdfast.migrate.adopting.baseline import FILE_NAME, baseline, dump
from holdfast.migrate.adopting.errors import NoHistory, not_adopted
from holdfast.migrate.adopting.histories import ALEMBIC, STATEMENTS, History, Record, find_history
from holdfast.migrate.adopting.matching import Taken, match
from holdfast.migrate.adopting.verifying import compared
from holdfast.migrate.drift import Drift
from holdfast.migrate.plan import Files, order
from holdfast.migrate.settings import PATIENCE
from holdfast.migrate.turn import Tell, Turn
from holdfast.postgres.database import Database
from holdfast.system import Connection, System


@dataclass(frozen=True)
class Takeover:
    """What is to be taken over: the history of one system, whose files lie in ``folder``.

    ``tool`` and ``table`` None: the only history that is found. ``baseline``: one file of what the
    database holds is written, in place of the other tool's files. ``allow_remote`` as of ``built``.
    """

    system: str
    folder: Path
    tool: str | None = None
    table: str | None = None
    baseline: bool = False
    allow_remote: bool = False


@dataclass(frozen=True)
class Adoption:
    """What was taken over, or would be; where ``drift`` has differences nothing was.

    ``origin`` is the other tool and its table, ``written`` the baseline's file.
    """

    origin: str
    taken: Sequence[Taken]
    drift: Drift
    written: Path | None = None


async def adopt(
    database: Database, asked: Takeover, files: Files | None, *, tell: Tell, dry_run: bool = False
) -> Adoption:
    """Take over what another tool has applied.

    ``files`` are those of ``asked.folder``, None where there are none. Raises ``NoHistory``,
    ``NotAdopted``, ``Conflict`` where the system has a history of ours, ``NotDumped``.
    """
    found = await _find(database, asked)
    if asked.baseline or found is None or found.tool is ALEMBIC:
        adoption, content = await _of_baseline(database, asked, found)
    else:
        adoption, content = await _of_files(database, asked, found, files), ""
    if adoption.drift.differences or dry_run:
        return adoption
    if adoption.written is None:
        await _record(database, asked, adoption, found, tell)
        return adoption
    _write_durably(adoption.written, content)
    try:
        await _record(database, asked, adoption, found, tell)
    except BaseException:
        if await _is_surely_not_recorded(database, asked):
            adoption.written.unlink()
        else:
            tell(
                f"{adoption.written} stays: the history may hold it, though no answer came. Look with "
                "`holdfast migrate status`, and remove the file only where nothing is applied."
            )
        raise
    return adoption


def _write_durably(file: Path, content: str) -> None:
    """Write a new file, which a crash does not take away once a history names it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    descriptor = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _is_surely_not_recorded(database: Database, asked: Takeover) -> bool:
    """Tell whether the history holds nothing of the system and no transaction of ours may yet add it.

    Whoever has the turn knows that the transaction that had it before has ended.
    """
    try:
        async with database.direct() as connection, connection.transaction():
            if not await history.history_exists(connection):
                return True
            if not await Turn(0.0, lambda _: None).take(connection):
                return False
            return all(row.system != asked.system for row in await history.read_history(connection))
    except (psycopg.Error, HoldfastError):
        return False


async def _find(database: Database, asked: Takeover) -> History | None:
    async with database.connection() as connection:
        await _check_unknown(connection, asked.system)
        found: History | None
        try:
            found = await find_history(connection, tool=asked.tool, table=asked.table)
        except NoHistory:
            if not asked.baseline or asked.tool or asked.table:
                raise
            found = None
        if asked.baseline or found is None or found.tool is ALEMBIC:
            await _check_alone(connection)
        return found


async def _check_unknown(connection: Connection, system: str) -> None:
    if any(row.system == system for row in await history.read_history(connection)):
        raise Conflict(
            f"This database already holds migrations of {system}.",
            hint="See: holdfast migrate status. Another --system names another history.",
        )


async def _check_alone(connection: Connection) -> None:
    """Refuse a baseline of a database in which other systems of ours have made their tables."""
    others = sorted({row.system for row in await history.read_history(connection)})
    if others:
        raise Conflict(
            f"A baseline would take in what the migrations of {', '.join(others)} made.",
            hint="Take over by the other tool's files, or write the first file by hand.",
        )


async def _of_files(database: Database, asked: Takeover, found: History, files: Files | None) -> Adoption:
    own = files.of(asked.system) if files is not None else []
    contents = {Path(each.file).name: (asked.folder / Path(each.file).name).read_bytes() for each in own}
    taken = match(found, own, contents)
    if files is None or not taken:
        raise not_adopted(
            [f"{found.tool.name} has applied nothing, says {found.table}"], "Run: holdfast migrate up"
        )
    applied = {each.migration.id for each in taken}
    kept = tuple(each for each in files.ordered if each.id in applied or each.id.system != asked.system)
    wanted = replace(files, ordered=kept)
    drift = await compared(database, wanted, found.table, allow_remote=asked.allow_remote)
    return Adoption(f"{found.tool.name} in {found.table}", taken, drift)


async def _of_baseline(database: Database, asked: Takeover, found: History | None) -> tuple[Adoption, str]:
    if any(asked.folder.glob("*.sql")):
        raise WrongUse(
            f"{asked.folder} holds SQL files, and a baseline is the first of a folder.",
            hint="Name an empty folder with --dir, or one that does not exist yet.",
        )
    origin = f"{found.tool.name} in {found.table}" if found else "what the database holds"
    left_out = [str(found.table)] if found else []
    dumped = dump(database.endpoint.direct or database.conninfo, leave_out=left_out)
    said = ", ".join(record.version for record in found.records) if found else ""
    migration = baseline(
        dumped,
        system=asked.system,
        shown=str(asked.folder),
        origin=f"{origin} ({said})" if said else origin,
    )
    systems = {asked.system: System(name=asked.system, summary="", package="")}
    made = order(systems, {asked.system: [migration]})
    table = found.table if found else None
    drift = await compared(database, made, table, allow_remote=asked.allow_remote)
    written = asked.folder / FILE_NAME
    taken = [Taken(migration, Record(said))]
    return Adoption(origin, taken, drift, written), migration.content


async def _record(
    database: Database, asked: Takeover, adoption: Adoption, found: History | None, tell: Tell
) -> None:
    """Write the history, if nobody has changed the other tool's since it was read."""
    turn = Turn(database.settings.get(PATIENCE), tell)
    async with database.direct() as connection:
        await history.ensure_history(connection)
        async with turn.transaction(connection):
            await _check_unknown(connection, asked.system)
            await _check_unchanged(connection, found)
            for each in adoption.taken:
                await _write(connection, each)


async def _check_unchanged(connection: Connection, found: History | None) -> None:
    if found is None:
        return
    now = await find_history(connection, tool=found.tool.name, table=str(found.table))
    if now.records != found.records:
        raise not_adopted(
            [f"{found.tool.name} changed its history in the meantime"],
            "See that nobody runs it any more, then adopt again.",
        )


async def _write(connection: Connection, taken: Taken) -> None:
    migration, record = taken.migration, taken.record
    await connection.execute(
        STATEMENTS["adopt"],
        {
            "system": migration.id.system,
            "number": migration.id.number,
            "name": migration.name,
            "checksum": migration.checksum,
            "applied_at": record.applied_at,
            "duration_ms": record.duration_ms or 0,
            "version": __version__,
            "actor": history.actor(),
            "depends": " ".join(map(str, migration.depends)),
        },
    )
