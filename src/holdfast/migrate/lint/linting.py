"""Lints migrations: each statement of each file is judged by every rule that looks at its kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import holdfast.migrate.lint.rules  # noqa: F401  # registers the rules
from holdfast.migrate.lint.changes import Change, changes_of, told
from holdfast.migrate.lint.finding import Finding
from holdfast.migrate.lint.grammar import UNKNOWN, Reader
from holdfast.migrate.lint.rule import RULES, Rule
from holdfast.migrate.lint.scene import Direction, Scene
from holdfast.migrate.lint.suppressing import Allowance, Misspelt, allowances_of
from holdfast.migrate.migration import Migration
from holdfast.migrate.splitting import SqlStatement

SMALL = 10_000  # rows: what reads or writes a table of fewer takes milliseconds


def lint(
    files: Sequence[Migration],
    *,
    sizes: Mapping[str, int] | None = None,
    earlier: Sequence[Migration] = (),
    small: int = SMALL,
) -> list[Finding]:
    """Return what is found in ``files``, in their order, without what their comments allow.

    ``earlier`` are files that come before them, read for what they make and not judged. ``sizes`` gives
    about how many rows tables have (``schema.name``): what is harmless on a table of fewer than
    ``small`` is not reported there.
    """
    return [finding for finding, _ in judged(files, sizes=sizes, earlier=earlier, small=small)]


def judged(
    files: Sequence[Migration],
    *,
    sizes: Mapping[str, int] | None = None,
    earlier: Sequence[Migration] = (),
    small: int = SMALL,
    others: Mapping[str, Sequence[Finding]] | None = None,
) -> list[tuple[Finding, Migration]]:
    """Return what is found, with its migration; ``others`` are another linter's findings by file."""
    scene = Scene(sizes=sizes or {})
    for migration in earlier:
        list(_pass(scene, migration, small, judging=False))
    found: list[tuple[Finding, Migration]] = []
    for migration in files:
        allowances = list(allowances_of(migration))
        mine = [*_pass(scene, migration, small, judging=True)]
        names = (migration.file, migration.down_file)
        mine += [each for name in names for each in (others or {}).get(name, ()) if not _same(each, mine)]
        kept = [each for each in mine if not _allowed(each, allowances)]
        kept += _unsound(allowances, RULES)
        found += [(each, migration) for each in sorted(kept, key=lambda each: (each.file, each.line))]
    return found


def _same(other: Finding, mine: Sequence[Finding]) -> bool:
    """Whether a finding of ours says the same of the same statement as another linter's."""
    name = other.rule.partition(":")[2]
    return any(
        each.file == other.file
        and each.line <= other.line <= max(each.ends, each.line)
        and each.rule in RULES
        and name in RULES[each.rule].squawk
        for each in mine
    )


def _allowed(finding: Finding, allowances: Sequence[Allowance | Misspelt]) -> bool:
    for each in allowances:
        if isinstance(each, Allowance) and _covers(each, finding):
            each.used = True
            return True
    return False


def _covers(allowance: Allowance, finding: Finding) -> bool:
    if allowance.covers(finding.rule, finding.file, finding.line):
        return True
    name = finding.rule.partition(":")[2]  # ours allows what squawk says of the same
    own = RULES.get(allowance.rule)
    return bool(
        name and own and name in own.squawk and allowance.covers(own.name, finding.file, finding.line)
    )


def _unsound(allowances: Sequence[Allowance | Misspelt], known: Mapping[str, Rule]) -> Iterator[Finding]:
    for each in allowances:
        if isinstance(each, Misspelt):
            what, name = each.what, "suppression"
        elif each.rule not in known and not each.rule.startswith("squawk:"):
            what, name = f"there is no rule {each.rule}", "suppression"
        elif not each.used and not each.rule.startswith("squawk:"):
            what, name = f"'allow {each.rule}' allows nothing here", "suppression"
        else:
            continue
        yield Finding(
            name,
            "danger",
            each.file,
            each.line,
            what,
            danger="A finding is hidden without a reason, or a reason stands for nothing.",
            lock="None to speak of.",
            safe="Write '-- holdfast-lint: allow rule-name: reason' right before the statement, or take it "
            "out.",
        )


@cache
def _by_kind() -> Mapping[str, Sequence[Rule]]:
    found: dict[str, list[Rule]] = defaultdict(list)
    for each in RULES.values():
        for kind in dict.fromkeys(each.kinds):
            found[kind].append(each)
    return found


def _pass(scene: Scene, migration: Migration, small: int, *, judging: bool) -> Iterator[Finding]:
    """Go through one file; with ``judging`` yield what is found, in its way back too.

    The way back is judged aside: the files behind this one stand on what it made.
    """
    found = list(_part(scene, migration, "up", migration.up, small))
    if judging:
        yield from found
        yield from _part(scene.aside(), migration, "down", migration.down, small)


def _part(
    scene: Scene, migration: Migration, direction: Direction, part: Sequence[SqlStatement], small: int
) -> Iterator[Finding]:
    if not part:
        return
    statements = list(Reader().read(part))
    scene.begin(migration, direction, statements)
    outer = part[0]
    made: dict[str, Change] = {}
    for parsed in statements:
        outer = parsed.outer or outer
        changes = (
            list(changes_of(parsed, scene.schema))
            if parsed.node is not None
            else [Change(parsed.kind, None, parsed)]
        )
        for change in changes:
            yield from _judge(scene, change, outer, small)
            scene.note(change)
            if change.kind == "create_stmt" and change.target in scene.new:
                made[change.target] = change
    for target, change in made.items():
        if target in scene.new:
            ending = Change("made", change.node, change.parsed, target)
            yield from _judge(scene, ending, ending.parsed.outer or outer, small)
    yield from _judge(scene, Change("end", None, statements[-1]), outer, small)


def _judge(scene: Scene, change: Change, outer: SqlStatement, small: int) -> Iterator[Finding]:
    for each in _by_kind().get(change.kind, ()):
        if each.up_only and scene.direction == "down":
            continue
        what = each.check(change, scene)
        if what is None:
            continue
        rows = scene.rows(change.target)
        if each.sized and rows is not None and rows < small:
            continue
        yield _finding(each, what, scene, change, outer)


def _finding(each: Rule, what: str, scene: Scene, change: Change, outer: SqlStatement) -> Finding:
    migration = scene.migration
    assert migration is not None  # noqa: S101  # begin() set it
    down = scene.direction == "down" and migration.down_file
    inside = f" (in {change.parsed.inside})" if change.parsed.inside else ""
    return Finding(
        each.name,
        each.level,
        migration.down_file if down else migration.file,
        change.parsed.line,
        told(what) + inside,
        each.danger,
        each.lock,
        each.safe,
        table="" if UNKNOWN in change.target else change.target,
        rows=scene.rows(change.target),
        ends=outer.line + outer.text.count("\n"),
    )
