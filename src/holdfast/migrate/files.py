"""Migration files: ``NNNN_words.sql`` with an ``-- UP`` part and a ``-- DOWN`` part.

Header lines may stand before ``-- UP``: ``-- no-transaction`` (its statements run one by one, each
recorded), ``-- depends: system/NNNN`` (may be repeated), ``-- irreversible: reason`` (in place of
``-- DOWN``), ``-- data-loss: what`` (what undoing it loses), ``-- lock-budget: 2s`` (in place of
HOLDFAST_MIGRATE_LOCK_TIMEOUT). Any other comment may stand there too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from holdfast.errors import WrongUse
from holdfast.migrate.errors import MalformedMigration, malformed
from holdfast.migrate.header import MigrationId, Part, read_header
from holdfast.migrate.splitting import SqlStatement, Unterminated, split
from holdfast.system import System

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9]+(?:_[a-z0-9]+)*)\.sql")
_PART = re.compile(r"--\s*(UP|DOWN)\s*")
_FORBIDDEN = {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"}


@dataclass(frozen=True, slots=True)
class Migration:
    r"""One file, read and checked.

    ``file`` is its path as shown to people; ``lock_budget`` seconds, or None for the setting;
    ``checksum`` the SHA-256 (hex) of its content with line ends as ``\n``.
    """

    id: MigrationId
    name: str
    file: str
    checksum: str
    up: tuple[SqlStatement, ...]
    down: tuple[SqlStatement, ...] = ()
    transactional: bool = True
    depends: tuple[MigrationId, ...] = ()
    irreversible: str = ""
    data_loss: str = ""
    lock_budget: float | None = None


def migrations_of(system: System) -> list[Migration]:
    """Return a declared system's migrations by number, read from its installed package.

    Raises ``MalformedMigration`` with file and line, ``WrongUse`` where the folder does not exist.
    """
    if not system.migrations:
        return []
    package, _, folder = system.migrations.rpartition(".")
    try:
        place = files(package).joinpath(folder)
        present = place.is_dir()
    except (ModuleNotFoundError, ValueError) as error:
        raise WrongUse(
            f"System {system.name} declares migrations in {system.migrations}: {error}.",
            hint="Reinstall the package that declares it, or correct its System value.",
        ) from error
    if not present:
        raise WrongUse(
            f"System {system.name} declares migrations in {system.migrations}, which is not a folder.",
            hint="Reinstall the package that declares it, or correct its System value.",
        )
    return read_folder(place, system.name, shown=system.migrations.replace(".", "/"))


def read_folder(place: Traversable, system: str, *, shown: str) -> list[Migration]:
    """Return the migrations of one folder by number; ``shown`` is the folder's name in messages.

    Raises ``MalformedMigration`` for a file name or content that is not understood, or a number
    that two files carry.
    """
    found: dict[int, Migration] = {}
    for file in sorted((file for file in place.iterdir() if file.name.endswith(".sql")), key=_name):
        try:
            content = file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise MalformedMigration(
                f"{shown}/{file.name} is not UTF-8: {error.reason} at byte {error.start}.",
                hint="Save it as UTF-8.",
            ) from error
        migration = parse(content, system=system, file_name=file.name, shown=f"{shown}/{file.name}")
        other = found.setdefault(migration.id.number, migration)
        if other is not migration:
            raise MalformedMigration(
                f"{shown}: {_base_name(other.file)} and {file.name} carry the same number.",
                hint="Give the one that is applied nowhere the next free number.",
            )
    return [found[number] for number in sorted(found)]


def _name(file: Traversable) -> str:
    return file.name


def _base_name(file: str) -> str:
    return file.rpartition("/")[2]


def parse(content: str, *, system: str, file_name: str, shown: str) -> Migration:
    """Read one migration file's content.

    Raises ``MalformedMigration`` naming ``shown`` and the line.
    """
    name = _FILE_NAME.fullmatch(file_name)
    if name is None or name[1] == "0000":
        raise MalformedMigration(
            f"{shown}: a migration is named NNNN_words.sql.",
            hint="Four digits from 0001 on, then words of small letters and digits joined by _, "
            "such as 0007_add_endpoints.sql.",
        )
    content = content.removeprefix("\ufeff").replace("\r\n", "\n")
    header, up, down = _parts(content, shown)
    options = read_header(header, shown)
    migration = Migration(
        id=MigrationId(system, int(name[1])),
        name=name[2].replace("_", " "),
        file=shown,
        checksum=hashlib.sha256(content.encode()).hexdigest(),
        up=_read_statements(up, shown, transactional=options.transactional),
        down=_read_statements(down, shown, transactional=options.transactional) if down else (),
        transactional=options.transactional,
        depends=tuple(options.depends),
        irreversible=options.irreversible,
        data_loss=options.data_loss,
        lock_budget=options.lock_budget,
    )
    _check_whole(migration, up, down)
    return migration


def _parts(content: str, shown: str) -> tuple[Part, Part, Part | None]:
    lines = content.split("\n")
    marks: dict[str, int] = {}
    for index, line in enumerate(lines):
        mark = _PART.fullmatch(line)
        if mark is None:
            continue
        if mark[1] in marks:
            raise malformed(
                shown, index + 1, f"a second -- {mark[1]}", f"The first is in line {marks[mark[1]] + 1}."
            )
        if mark[1] == "UP" and "DOWN" in marks:
            raise malformed(shown, index + 1, "-- UP after -- DOWN", "Write the -- UP part first.")
        marks[mark[1]] = index
    if "UP" not in marks:
        raise malformed(shown, 1, "there is no -- UP part", "Begin with a line '-- UP'.")
    up, down = marks["UP"], marks.get("DOWN")
    return (
        Part(lines[:up], 1),
        Part(lines[up + 1 : down], up + 2),
        None if down is None else Part(lines[down + 1 :], down + 2),
    )


def _read_statements(part: Part, shown: str, *, transactional: bool) -> tuple[SqlStatement, ...]:
    try:
        statements = split("\n".join(part.lines), first_line=part.first_line)
    except Unterminated as error:
        raise malformed(shown, error.line, str(error), f"Close the {error.what}.") from None
    for statement in statements:
        for message, hint in _objections(statement, transactional=transactional):
            raise malformed(shown, statement.line, message, hint)
    return tuple(statements)


def _objections(statement: SqlStatement, *, transactional: bool) -> Iterator[tuple[str, str]]:
    words = statement.words
    first = words[0] if words and statement.text[: len(words[0])].upper() == words[0] else ""
    if first in _FORBIDDEN or words[:2] == ("PREPARE", "TRANSACTION"):
        yield (
            f"{first} would end or begin the transaction that the history is kept in",
            "Leave it out: a file is one transaction, or with '-- no-transaction' one a statement.",
        )
    elif first == "COPY" and words[-1:] == ("STDIN",):
        yield "COPY FROM STDIN has no input here", "Write INSERT statements."
    elif not first and statement.text.startswith("\\"):
        yield "a command of psql is not SQL", "Leave it out, or write what it does in SQL."
    elif (
        not transactional
        and words[:1] == ("CREATE",)
        and "INDEX" in words[1:3]
        and "CONCURRENTLY" in words[2:4]
        and created_index(statement) is None
    ):
        yield (
            "an index built CONCURRENTLY needs a name",
            "Name it, so that a build that was cut off is found and made again.",
        )


_NAME = r'(?:[A-Za-z_\u0080-\U0010ffff][\w$]*|"(?:[^"]|"")+")'
_CREATE_INDEX = re.compile(
    rf"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{_NAME})\s+"
    rf"ON\s+(?:ONLY\s+)?(?P<table>{_NAME}(?:\s*\.\s*{_NAME})?)",
    re.IGNORECASE,
)


def created_index(statement: SqlStatement) -> tuple[str, str] | None:
    """Return the name and the table, as written, of the index that a statement builds CONCURRENTLY."""
    match = _CREATE_INDEX.match(statement.text)
    if match is None or match["name"].upper() == "ON":
        return None
    return match["name"], match["table"]


def _check_whole(migration: Migration, up: Part, down: Part | None) -> None:
    shown = migration.file
    if not migration.up:
        raise malformed(shown, up.first_line - 1, "the -- UP part holds no statement", "Write one.")
    if migration.irreversible and migration.down:
        raise malformed(
            shown, migration.down[0].line, "a -- DOWN part though irreversible", "Keep one of the two."
        )
    if not migration.irreversible and not migration.down:
        raise malformed(
            shown,
            up.first_line - 1 if down is None else down.first_line - 1,
            "there is no statement that undoes it",
            "Write a '-- DOWN' part, or '-- irreversible: reason' above '-- UP'.",
        )
