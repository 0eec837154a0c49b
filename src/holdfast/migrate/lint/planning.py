"""What would run: the statements in order, with the locks that each takes on what stands already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.migrate.lint.changes import changes_of
from holdfast.migrate.lint.grammar import UNREADABLE, Parsed, Reader
from holdfast.migrate.lint.locks import MODES, LockTaken, locks_of
from holdfast.migrate.lint.scene import Direction, Scene
from holdfast.migrate.migration import Migration
from holdfast.migrate.splitting import SqlStatement


@dataclass(frozen=True, slots=True)
class PlannedStatement:
    """A statement, and its locks; ``unknown`` says why they may not be all."""

    line: int
    sql: str
    locks: tuple[LockTaken, ...]
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A migration's statements in one direction."""

    migration: Migration
    direction: Direction
    statements: tuple[PlannedStatement, ...]


def planned(
    migrations: Sequence[Migration], direction: Direction, earlier: Sequence[Migration] = ()
) -> list[PlannedFile]:
    """Return what applying (or undoing) migrations would run, in the order given.

    Locks on what an earlier statement of the same file has made are left out: nobody else sees it.
    ``earlier`` are the files before them, read for what they make.
    """
    scene = Scene()
    for migration in earlier:
        _statements(migration, "up", scene)
    return [
        PlannedFile(migration, direction, tuple(_statements(migration, direction, scene)))
        for migration in migrations
    ]


def _statements(migration: Migration, direction: Direction, scene: Scene) -> list[PlannedStatement]:
    part = migration.up if direction == "up" else migration.down
    by_outer: dict[int, list[Parsed]] = {}
    current: SqlStatement | None = None
    for parsed in (everything := list(Reader().read(part))):
        current = parsed.outer or current
        by_outer.setdefault(id(current), []).append(parsed)
    scene.begin(migration, direction, everything)
    return [_statement(each, by_outer.get(id(each), []), scene) for each in part]


def _statement(statement: SqlStatement, inner: Sequence[Parsed], scene: Scene) -> PlannedStatement:
    strongest: dict[str, LockTaken] = {}
    unknown = ""
    for parsed in inner:
        if parsed.node is None:
            why = "is not understood" if parsed.kind == UNREADABLE else "is known only when it runs"
            unknown = f"a statement in line {parsed.line} {why}"
            continue
        for lock in locks_of(parsed, scene.schema, scene.indexes):
            other = strongest.get(lock.relation)
            hidden = scene.is_new(lock.relation) or scene.indexes.get(lock.relation) in scene.new
            if not hidden and (other is None or MODES.index(lock.mode) > MODES.index(other.mode)):
                strongest[lock.relation] = lock
        for change in changes_of(parsed, scene.schema):
            scene.note(change)
    return PlannedStatement(statement.line, statement.text, tuple(strongest.values()), unknown)
