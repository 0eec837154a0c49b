"""Flyway's files: ``V1__words.sql``, undone by ``U1__words.sql``.

A script with a statement that PostgreSQL takes only outside of a transaction runs statement by
statement, as one with ``executeInTransaction=false`` in ``NAME.sql.conf`` does. A version's number
follows from the version alone, so that it stays whatever is added: ``V3`` is 3000000, ``V1.2`` is
1002000, and one of nine digits and more is that with 10^14 added: ``V20250301090000`` is 120250301090000.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from holdfast.migrate.errors import MalformedMigration, malformed
from holdfast.migrate.formats.foreign import Way, migration
from holdfast.migrate.formats.source import Source, number_of
from holdfast.migrate.header import MigrationId
from holdfast.migrate.migration import Migration

FILE_NAME = re.compile(r"([VU])(\d+(?:[._]\d+)*)__(.*)\.sql|(R)__(.*)\.sql")
_LARGE = 10**8  # a time, which has no dots behind it; below it there is room for two more parts
_PLACEHOLDER = re.compile(r"\$\{[^}\s]+\}")


def parts_of(version: str) -> tuple[int, ...]:
    """Return a version's parts without the zeros at its end, in which Flyway sees no difference."""
    parts = [int(part) for part in re.split(r"[._]", version)]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def version_of(file_name: str) -> str:
    """Return the version that a versioned script's name carries; empty for any other name."""
    name = FILE_NAME.fullmatch(file_name)
    return (name[2] or "") if name else ""


def read(sources: Sequence[Source], system: str) -> list[Migration]:
    """Read a folder's files. Raises ``MalformedMigration`` for a name or content that is not understood."""
    forth: dict[tuple[int, ...], tuple[Source, str]] = {}
    back: dict[tuple[int, ...], Source] = {}
    for source in sources:
        kind, version, words = _name(source)
        if kind == "V" and version in forth:
            raise MalformedMigration(
                f"{forth[version][0].shown} and {source.name} carry the same version.",
                hint="Give the one that is applied nowhere the next free version.",
            )
        if kind == "V":
            forth[version] = (source, words)
        else:
            back[version] = source
    for version, source in back.items():
        if version not in forth:
            raise MalformedMigration(f"{source.shown} undoes what no file does.", hint="Remove it.")
    return [
        _read_one(source, back.get(version), MigrationId(system, _number(version, source)), words)
        for version, (source, words) in forth.items()
    ]


def _name(source: Source) -> tuple[str, tuple[int, ...], str]:
    name = FILE_NAME.fullmatch(source.name)
    if name is None:
        raise MalformedMigration(
            f"{source.shown}: Flyway's scripts are named V1__words.sql and U1__words.sql.",
            hint="Scripts of other kinds have no place in this history: keep them in another folder.",
        )
    if name[4]:
        raise MalformedMigration(
            f"{source.shown} is repeatable, which migrations here are not.",
            hint="Keep it in another folder, and write each change of it as the next versioned script.",
        )
    return name[1], parts_of(name[2]), name[3]


def _number(version: tuple[int, ...], source: Source) -> int:
    """Return a version's number: numbers are in the order of their versions, and no two share one."""
    first = version[0]
    if first >= _LARGE and len(version) == 1:
        return number_of(str(first + _LARGE * 1_000_000), source)
    if first >= _LARGE or len(version) > 3 or any(part > 999 for part in version[1:]):
        raise MalformedMigration(
            f"{source.shown}: its version has more than three parts, or one above 999 behind a dot, or a dot "
            "behind more than eight digits.",
            hint="Such versions cannot be numbered here.",
        )
    number = 0
    for part in (*version, 0, 0)[:3]:
        number = number * 1000 + part
    return number_of(str(number), source)


def _read_one(source: Source, back: Source | None, which: MigrationId, words: str) -> Migration:
    for each in (source, back):
        for number, line in enumerate(each.lines if each else (), start=1):
            if each and (found := _PLACEHOLDER.search(line)):
                raise malformed(
                    each.shown, number, f"nothing fills in {found[0]} here", "Write the value itself."
                )
    header = source.header()
    if source.without_transaction or (back is not None and back.without_transaction):
        header.transactional = False
    up = Way(source.whole, source)
    return migration(which, words, up, None if back is None else Way(back.whole, back), header)
