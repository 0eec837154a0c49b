"""Migration files: ``NNNN_words.sql`` with an ``-- UP`` part and a ``-- DOWN`` part.

Header lines may stand before ``-- UP``: ``-- no-transaction`` (its statements run one by one, each
recorded), ``-- depends: system/NNNN`` (may be repeated), ``-- irreversible: reason`` (in place of
``-- DOWN``), ``-- data-loss: what`` (what undoing it loses), ``-- lock-budget: 2s`` (in place of
HOLDFAST_MIGRATE_LOCK_TIMEOUT). Any other comment may stand there too.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable

from holdfast.errors import WrongUse
from holdfast.migrate.errors import MalformedMigration
from holdfast.migrate.splitting import SqlStatement, Unterminated, split
from holdfast.settings import duration
from holdfast.system import System

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9]+(?:_[a-z0-9]+)*)\.sql")
_PART = re.compile(r"--\s*(UP|DOWN)\s*")
_HEADER = re.compile(r"--\s*([A-Za-z][A-Za-z-]*)\s*(?::\s*(.*?))?\s*")
_REFERENCE = re.compile(r"([a-z][a-z0-9_]*)/(\d{4})")
_FORBIDDEN = {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"}


@dataclass(frozen=True, slots=True, order=True)
class MigrationId:
    """Which migration: its system and its number within it; written ``system/NNNN``."""

    system: str
    number: int

    def __str__(self) -> str:
        return f"{self.system}/{self.number:04}"

    @classmethod
    def read(cls, written: str) -> MigrationId:
        """Read ``system/NNNN``. Raises ``WrongUse`` for anything else."""
        reference = _REFERENCE.fullmatch(written)
        if reference is None:
            raise WrongUse(f"{written!r} is not of the form system/NNNN.", hint="Such as triggers/0001.")
        return cls(reference[1], int(reference[2]))


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
    options = _read_header(header, shown)
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


@dataclass(frozen=True, slots=True)
class _Part:
    lines: Sequence[str]
    first_line: int


def _parts(content: str, shown: str) -> tuple[_Part, _Part, _Part | None]:
    lines = content.split("\n")
    marks: dict[str, int] = {}
    for index, line in enumerate(lines):
        mark = _PART.fullmatch(line)
        if mark is None:
            continue
        if mark[1] in marks:
            raise _malformed(
                shown, index + 1, f"a second -- {mark[1]}", f"The first is in line {marks[mark[1]] + 1}."
            )
        if mark[1] == "UP" and "DOWN" in marks:
            raise _malformed(shown, index + 1, "-- UP after -- DOWN", "Write the -- UP part first.")
        marks[mark[1]] = index
    if "UP" not in marks:
        raise _malformed(shown, 1, "there is no -- UP part", "Begin with a line '-- UP'.")
    up, down = marks["UP"], marks.get("DOWN")
    return (
        _Part(lines[:up], 1),
        _Part(lines[up + 1 : down], up + 2),
        None if down is None else _Part(lines[down + 1 :], down + 2),
    )


@dataclass(slots=True)
class _Header:
    transactional: bool = True
    depends: list[MigrationId] = field(default_factory=list)
    irreversible: str = ""
    data_loss: str = ""
    lock_budget: float | None = None


def _set_depends(header: _Header, value: str) -> None:
    for part in re.split(r"[,\s]+", value):
        reference = _REFERENCE.fullmatch(part)
        if reference is None:
            raise ValueError(f"{part!r} is not of the form system/NNNN")
        header.depends.append(MigrationId(reference[1], int(reference[2])))


def _set_lock_budget(header: _Header, value: str) -> None:
    try:
        header.lock_budget = duration(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a duration such as 500ms or 2s") from None
    if not 0 < header.lock_budget <= 3600:
        raise ValueError(f"{value!r} is not between 1ms and 1h")


def _set_irreversible(header: _Header, value: str) -> None:
    header.irreversible = value


def _set_data_loss(header: _Header, value: str) -> None:
    header.data_loss = value


_WITH_VALUE: dict[str, Callable[[_Header, str], None]] = {
    "depends": _set_depends,
    "lock-budget": _set_lock_budget,
    "irreversible": _set_irreversible,
    "data-loss": _set_data_loss,
}
_KEYS = ("no-transaction", *_WITH_VALUE)


def _read_header(part: _Part, shown: str) -> _Header:
    header = _Header()
    for number, line in _numbered(part):
        if not line.strip():
            continue
        if not line.startswith("--"):
            raise _malformed(shown, number, "SQL before -- UP", "Move it below the line '-- UP'.")
        match = _HEADER.fullmatch(line)
        if match is None:
            continue
        key, value = match[1], match[2]
        if key == "no-transaction" and value is None:
            header.transactional = False
        elif key in _WITH_VALUE and value:
            try:
                _WITH_VALUE[key](header, value)
            except ValueError as error:
                raise _malformed(shown, number, str(error), f"Correct the line '{line.strip()}'.") from None
        else:
            _check_comment(key, line, shown, number)
    return header


def _check_comment(key: str, line: str, shown: str, number: int) -> None:
    """Refuse a comment that was plainly meant as a header line."""
    meant = difflib.get_close_matches(key.lower(), _KEYS, n=1, cutoff=0.8)
    if not meant:
        return
    form = meant[0] if meant[0] == "no-transaction" else f"{meant[0]}: ..."
    raise _malformed(shown, number, f"'{line.strip()}' is not understood", f"Write '-- {form}'.")


def _numbered(part: _Part) -> Iterable[tuple[int, str]]:
    return enumerate(part.lines, start=part.first_line)


def _read_statements(part: _Part, shown: str, *, transactional: bool) -> tuple[SqlStatement, ...]:
    try:
        statements = split("\n".join(part.lines), first_line=part.first_line)
    except Unterminated as error:
        raise _malformed(shown, error.line, str(error), f"Close the {error.what}.") from None
    for statement in statements:
        for message, hint in _objections(statement, transactional=transactional):
            raise _malformed(shown, statement.line, message, hint)
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


def _check_whole(migration: Migration, up: _Part, down: _Part | None) -> None:
    shown = migration.file
    if not migration.up:
        raise _malformed(shown, up.first_line - 1, "the -- UP part holds no statement", "Write one.")
    if migration.irreversible and migration.down:
        raise _malformed(
            shown, migration.down[0].line, "a -- DOWN part though irreversible", "Keep one of the two."
        )
    if not migration.irreversible and not migration.down:
        raise _malformed(
            shown,
            up.first_line - 1 if down is None else down.first_line - 1,
            "there is no statement that undoes it",
            "Write a '-- DOWN' part, or '-- irreversible: reason' above '-- UP'.",
        )


def _malformed(shown: str, line: int, message: str, hint: str) -> MalformedMigration:
    return MalformedMigration(f"{shown}:{line}: {message}.", hint=hint, file=shown, line=line)
