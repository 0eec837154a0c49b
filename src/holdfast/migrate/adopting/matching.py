"""Which file each of another tool's records is of, and what contradicts it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from holdfast.migrate.adopting.errors import not_adopted
from holdfast.migrate.adopting.histories import FLYWAY, SQLX, History, Record
from holdfast.migrate.formats.flyway import parts_of, version_of
from holdfast.migrate.migration import Migration

_HINT = (
    "Bring the folder to what is deployed, or let the other tool apply what is missing, and adopt again; "
    "or take over what the database holds without those files: add --baseline."
)


@dataclass(frozen=True)
class Taken:
    """A file, and what the other tool recorded of it."""

    migration: Migration
    record: Record


def match(history: History, files: Sequence[Migration], contents: Mapping[str, bytes]) -> list[Taken]:
    """Find the file of each record, in the order of the files.

    ``contents`` are the files' bytes by name, which some tools recorded a hash of. Raises ``NotAdopted``
    where a record has no file, a file is not what was applied, or one was left out before the newest.
    """
    records = {_key(history, record.version): record for record in history.records}
    by_key = {_key_of(history, migration): migration for migration in files}
    highest = max((key for key, record in records.items() if record.up_to), default=())
    taken: list[Taken] = []
    skipped: list[str] = []
    problems: list[str] = []
    for key, migration in sorted(by_key.items()):
        record = records.get(key)
        if record is None and key <= highest:
            record = records[highest]
        if record is None:
            skipped.append(migration.file)
            continue
        problems += [f"{file} is not applied and an earlier one than {migration.file}" for file in skipped]
        skipped = []
        if _edited(history, record, contents.get(_base_name(migration.file), b"")):
            problems.append(f"{migration.file} was edited since {history.tool.name} applied it")
        taken.append(Taken(migration, record))
    problems = [
        f"{history.table} holds version {record.version}, of which there is no file"
        for key, record in sorted(records.items())
        if key not in by_key
        and not (record.up_to and history.tool is FLYWAY and any(k <= key for k in by_key))
    ] + problems
    if problems:
        raise not_adopted(problems, _HINT)
    return taken


def _key(history: History, version: str) -> tuple[int, ...]:
    """Return what versions are compared by; one that is no number has no file and comes first."""
    try:
        return parts_of(version) if history.tool is FLYWAY else (int(version),)
    except ValueError:
        return (-1, *version.encode())


def _key_of(history: History, migration: Migration) -> tuple[int, ...]:
    if history.tool is FLYWAY:
        return parts_of(version_of(_base_name(migration.file)) or str(migration.id.number))
    return (migration.id.number,)


def _base_name(file: str) -> str:
    return file.rpartition("/")[2]


def _edited(history: History, record: Record, content: bytes) -> bool:
    if record.checksum is None or record.up_to:
        return False
    if history.tool is SQLX:
        return hashlib.sha384(content).digest() != record.checksum
    return flyway_checksum(content) != record.checksum


def flyway_checksum(content: bytes) -> int:
    """Return Flyway's checksum of a script: CRC-32 over its lines without their ends, as a signed number."""
    checksum = 0
    text = content.decode("utf-8", errors="replace").removeprefix("\ufeff")
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        checksum = zlib.crc32(line.encode(), checksum)
    return checksum - 2**32 if checksum >= 2**31 else checksum
