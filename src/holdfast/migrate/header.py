"""The lines above ``-- UP`` of a migration file, and how migrations are named there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from holdfast.errors import WrongUse
from holdfast.migrate.errors import malformed
from holdfast.settings import duration

_LINE = re.compile(r"--\s*([A-Za-z][A-Za-z-]*)\s*(?::\s*(.*?))?\s*")
_REFERENCE = re.compile(r"([a-z][a-z0-9_]*)/(\d{4,18})")


@dataclass(frozen=True, slots=True, order=True)
class MigrationId:
    """Which migration: its system and its number within it; written ``system/NNNN``.

    Folders of other tools may number by time (``20260101120000``): a number has up to 18 digits.
    """

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
class Part:
    """Some lines of a file, and the number of the first of them (from 1)."""

    lines: Sequence[str]
    first_line: int


@dataclass(slots=True)
class Header:
    """What a file's header lines say."""

    transactional: bool = True
    depends: list[MigrationId] = field(default_factory=list)
    irreversible: str = ""
    data_loss: str = ""
    lock_budget: float | None = None


def _set_depends(header: Header, value: str) -> None:
    for part in re.split(r"[,\s]+", value):
        reference = _REFERENCE.fullmatch(part)
        if reference is None:
            raise ValueError(f"{part!r} is not of the form system/NNNN")
        header.depends.append(MigrationId(reference[1], int(reference[2])))


def _set_lock_budget(header: Header, value: str) -> None:
    try:
        header.lock_budget = duration(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a duration such as 500ms or 2s") from None
    if not 0 < header.lock_budget <= 3600:
        raise ValueError(f"{value!r} is not between 1ms and 1h")


def _set_irreversible(header: Header, value: str) -> None:
    header.irreversible = value


def _set_data_loss(header: Header, value: str) -> None:
    header.data_loss = value


_WITH_VALUE: dict[str, Callable[[Header, str], None]] = {
    "depends": _set_depends,
    "lock-budget": _set_lock_budget,
    "irreversible": _set_irreversible,
    "data-loss": _set_data_loss,
}
_KEYS = ("no-transaction", *_WITH_VALUE)


def read_header(part: Part, shown: str, *, mark: str = "-- UP") -> Header:
    """Read a file's lines above its first mark.

    Raises ``MalformedMigration`` naming ``shown`` and the line.
    """
    header = Header()
    for number, line in _numbered(part):
        if not line.strip():
            continue
        if not line.startswith("--"):
            raise malformed(shown, number, f"SQL before {mark}", f"Move it below the line '{mark}'.")
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        key, value = match[1], match[2]
        if key == "no-transaction" and value is None:
            header.transactional = False
        elif key in _WITH_VALUE and value:
            try:
                _WITH_VALUE[key](header, value)
            except ValueError as error:
                raise malformed(shown, number, str(error), f"Correct the line '{line.strip()}'.") from None
        else:
            _check_comment(key, line, shown, number)
    return header


def _check_comment(key: str, line: str, shown: str, number: int) -> None:
    """Refuse a comment that was plainly meant as a header line."""
    meant = difflib.get_close_matches(key.lower(), _KEYS, n=1, cutoff=0.8)
    if not meant:
        return
    form = meant[0] if meant[0] == "no-transaction" else f"{meant[0]}: ..."
    raise malformed(shown, number, f"'{line.strip()}' is not understood", f"Write '-- {form}'.")


def _numbered(part: Part) -> Iterable[tuple[int, str]]:
    return enumerate(part.lines, start=part.first_line)
