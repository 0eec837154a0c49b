"""What the files say against what the database's history says: what to do, and what is wrong.

Order: a system's files by number; before its first file, every file of the systems that it depends
on; before any file, those that its ``-- depends`` lines name. Independent systems never wait for
each other's numbers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from holdfast.errors import NotFound, WrongUse
from holdfast.migrate.errors import MalformedMigration, MigrationsDisagree, NotReversible
from holdfast.migrate.files import Migration, migrations_of
from holdfast.migrate.header import MigrationId
from holdfast.migrate.history import Applied
from holdfast.system import System, in_order

EntryState = Literal[
    "applied", "pending", "interrupted", "edited", "missing", "out of order", "unknown", "not installed"
]
PROBLEMS: frozenset[EntryState] = frozenset({"edited", "missing", "out of order", "unknown"})


@dataclass(frozen=True, slots=True)
class Files:
    """The files of all declared systems, each after those that it needs."""

    systems: Mapping[str, System]
    ordered: tuple[Migration, ...]

    def of(self, system: str) -> list[Migration]:
        """Return one system's files by number."""
        return [migration for migration in self.ordered if migration.id.system == system]

    def only(self, names: Sequence[str] | None) -> Files:
        """Return the files of the named systems and of all that they depend on; None means all.

        Raises ``WrongUse`` for a name that no system has.
        """
        if names is None:
            return self
        for name in names:
            if name not in self.systems:
                raise unknown_system(name, self.systems)
        wanted: set[str] = set()
        queue = list(names)
        while queue:
            name = queue.pop()
            if name in wanted or name not in self.systems:  # only the history knows what is outside
                continue
            wanted.add(name)
            queue += self.systems[name].depends
            queue += [needed.system for migration in self.of(name) for needed in migration.depends]
        return Files(
            {name: system for name, system in self.systems.items() if name in wanted},
            tuple(migration for migration in self.ordered if migration.id.system in wanted),
        )

    def up_to(self, last: MigrationId) -> frozenset[MigrationId]:
        """Return a file, those before it in its system, and all that they need.

        Raises ``NotFound`` where there is no such file.
        """
        known = {migration.id: migration for migration in self.ordered}
        if last not in known:
            raise NotFound(f"There is no migration {last}.", hint="See: holdfast migrate status")
        found = {system: self.of(system) for system in self.systems}
        reached: set[MigrationId] = set()
        queue = [known[last]]
        while queue:
            migration = queue.pop()
            if migration.id not in reached:
                reached.add(migration.id)
                queue += _needed(migration, self.systems, found, known, outside=True)
        return frozenset(reached)


def unknown_system(name: str, systems: Iterable[str]) -> WrongUse:
    """Return the error for a system's name that nobody declares."""
    return WrongUse(f"There is no system named {name}.", hint=f"Name one of {', '.join(sorted(systems))}.")


@cache
def declared_files() -> Files:
    """Read the files of every installed room and system, once for the life of the process.

    Raises ``MalformedMigration`` where one is not understood or needs what does not exist or itself.
    """
    systems = in_order()
    return order({system.name: system for system in systems}, {s.name: migrations_of(s) for s in systems})


def order(
    systems: Mapping[str, System], found: Mapping[str, Sequence[Migration]], *, outside: bool = False
) -> Files:
    """Put files in order, each after those that it needs.

    With ``outside``, a file may depend on those of systems that are not at hand: the history says
    whether they are applied (see ``check_outside``). Raises ``MalformedMigration`` where a needed one
    does not exist or the needs form a circle.
    """
    found = {name: sorted(migrations, key=_number) for name, migrations in found.items()}
    known = {migration.id: migration for migrations in found.values() for migration in migrations}
    done: dict[MigrationId, Migration] = {}

    def visit(migration: Migration, needed_by: tuple[MigrationId, ...]) -> None:
        if migration.id in done:
            return
        if migration.id in needed_by:
            circle = " -> ".join(str(each) for each in (*needed_by, migration.id))
            raise MalformedMigration(
                f"{migration.file} needs itself: {circle}.",
                hint="Take one '-- depends' line or one name in a System's depends out of the circle.",
            )
        path = (*needed_by, migration.id)
        for earlier in _needed(migration, systems, found, known, outside=outside):
            visit(earlier, path)
        done[migration.id] = migration

    for migrations in found.values():
        for migration in migrations:
            visit(migration, ())
    return Files(systems, tuple(done.values()))


def _number(migration: Migration) -> int:
    return migration.id.number


def _needed(
    migration: Migration,
    systems: Mapping[str, System],
    found: Mapping[str, Sequence[Migration]],
    known: Mapping[MigrationId, Migration],
    *,
    outside: bool,
) -> list[Migration]:
    own = found[migration.id.system]
    # By number: comparing whole files with each other would take longer than reading them.
    index = bisect_left(own, migration.id.number, key=_number)
    needed = [own[index - 1]] if index else []
    if not index:
        for name in systems[migration.id.system].depends:
            needed += found.get(name, ())
    for wanted in migration.depends:
        if outside and wanted.system not in systems:
            continue
        if wanted not in known:
            raise MalformedMigration(
                f"{migration.file} depends on {wanted}, which does not exist.",
                hint="Correct the number, or install the system.",
            )
        # All before it too, in order: from the last one alone the way back would be as deep as they are many.
        others = found[wanted.system]
        needed += others[: bisect_left(others, wanted.number, key=_number) + 1]
    return needed


@dataclass(frozen=True, slots=True)
class Entry:
    """One migration as the files and the history see it; either may be missing, not both."""

    id: MigrationId
    state: EntryState
    migration: Migration | None
    applied: Applied | None

    @property
    def name(self) -> str:
        """The words of the file's name."""
        return self.migration.name if self.migration else self.applied.name if self.applied else ""


def compare(files: Files, history: Sequence[Applied]) -> list[Entry]:
    """Return an entry for each file in order, then one for each row of the history without a file."""
    rows = {row.id: row for row in history}
    newest: dict[str, int] = {}
    for row in history:
        newest[row.system] = max(newest.get(row.system, 0), row.number)
    entries = [_entry(migration, rows.get(migration.id), newest) for migration in files.ordered]
    highest = {migration.id.system: migration.id.number for migration in files.ordered}
    present = {entry.id for entry in entries}
    entries += [
        Entry(row.id, _without_file(row, files, highest), None, row)
        for row in history
        if row.id not in present
    ]
    return entries


def _entry(migration: Migration, row: Applied | None, newest: Mapping[str, int]) -> Entry:
    state: EntryState
    if row is None:
        state = "out of order" if migration.id.number < newest.get(migration.id.system, 0) else "pending"
    elif not row.settled:
        state = "interrupted"
    else:
        state = "applied" if row.checksum == migration.checksum else "edited"
    return Entry(migration.id, state, migration, row)


def _without_file(row: Applied, files: Files, highest: Mapping[str, int]) -> EntryState:
    if row.system not in files.systems:
        return "not installed"
    return "unknown" if row.number > highest.get(row.system, 0) else "missing"


_WAYS_OUT = {
    "edited": "Restore the file as it was applied and write the change as a new migration; where the change "
    "does not alter what it does (a comment), run: holdfast migrate accept {id}",
    "missing": "Restore the file {id}, or install the version of the system that holds it.",
    "out of order": "Give it a number after the newest applied one of {system}: the later ones were "
    "written without it.",
    "unknown": "This installation is older than the database: install the version that applied "
    "{id} ({version}).",
}


def problems(entries: Iterable[Entry]) -> list[tuple[str, str]]:
    """Return what is wrong, each with the way out."""
    found = []
    for entry in entries:
        if entry.state not in PROBLEMS:
            continue
        what = {
            "edited": "was edited after it was applied",
            "missing": "is applied and its file is missing",
            "out of order": "is not applied though a later one of its system is",
            "unknown": "is applied and newer than every file of its system",
        }[entry.state]
        file = entry.migration.file if entry.migration else entry.name
        version = entry.applied.version if entry.applied else ""
        hint = _WAYS_OUT[entry.state].format(id=entry.id, system=entry.id.system, version=version)
        found.append((f"{entry.id} ({file}) {what}", hint))
    return found


def check_outside(files: Files, entries: Iterable[Entry], rows: Iterable[Applied]) -> None:
    """Raise ``MigrationsDisagree`` where what is to be applied needs what is neither at hand nor applied."""
    settled = {row.id for row in rows if row.settled}
    missing = [
        f"{entry.id} ({entry.migration.file}) depends on {wanted}"
        for entry in entries
        if entry.migration is not None and entry.state in ("pending", "interrupted")
        for wanted in entry.migration.depends
        if wanted.system not in files.systems and wanted not in settled
    ]
    if missing:
        raise MigrationsDisagree(
            f"{'; '.join(missing)}, which is neither applied nor at hand as a file.",
            hint="Apply that first, or name its folder too: --dir DIR --system NAME for each.",
            problems=missing,
        )


def half_applied(row: Applied) -> NotReversible:
    """Return the refusal to undo a file of which only some statements are done."""
    return NotReversible(
        f"{row.id} ({row.name}) was cut off while it was applied, and only some of its statements are done.",
        hint="End it first, then undo it: holdfast migrate up. Statements that are not recorded as done may "
        "be edited before.",
    )


def check(entries: Sequence[Entry]) -> None:
    """Raise ``MigrationsDisagree`` where files and history contradict each other, naming each."""
    found = problems(entries)
    if found:
        raise MigrationsDisagree(
            "The files and the database's history disagree: " + "; ".join(what for what, _ in found) + ".",
            hint=" ".join(dict.fromkeys(hint for _, hint in found)),
            problems=[what for what, _ in found],
        )
