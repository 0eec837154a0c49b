"""Brings one environment to where another one is: exactly what that one has applied, and nothing else.

Before anything is done, both must be what they say they are: their histories agree with the files and
with each other, their live catalogues are what those histories give, and the files are proven on the
servers' versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.migrate import history, plan
from holdfast.migrate.adopting.verifying import without_own
from holdfast.migrate.catalogue.comparing import compare
from holdfast.migrate.drift import catalogue_of, find_drift, split_managed
from holdfast.migrate.engine import Done, migrate_up
from holdfast.migrate.errors import MigrationsDisagree
from holdfast.migrate.files import Migration
from holdfast.migrate.history import Applied
from holdfast.migrate.plan import Files
from holdfast.migrate.proof.standing import require
from holdfast.migrate.scratch import built
from holdfast.migrate.turn import Tell
from holdfast.postgres.database import Database

_SEE_DRIFT = "`holdfast migrate drift` says the SQL that mends it."
_SEE_TARGET = (
    "See that --to names the right database. What another tool or a person made there is taken over by "
    "`holdfast migrate adopt`."
)


@dataclass(frozen=True)
class Side:
    """One of the two environments: what it is called in messages, and its history."""

    name: str
    database: Database
    rows: Sequence[Applied]
    major: int


@dataclass(frozen=True)
class Promotion:
    """What is to be applied to the target, or was."""

    missing: Sequence[Migration]
    done: Sequence[Done] = ()


async def promote(
    source: Database,
    target: Database,
    files: Files,
    *,
    folders: Mapping[str, Path],
    tell: Tell,
    dry_run: bool = False,
    allow_remote: bool = False,
) -> Promotion:
    """Apply to ``target`` what ``source`` has applied and it has not.

    ``folders`` are those of ``--dir`` by system, ``allow_remote`` is as of ``built``. Raises
    ``MigrationsDisagree`` where histories or catalogues contradict the files or each other, ``NotProven``,
    ``ReachesElsewhere``, and what ``migrate_up`` raises.
    """
    ahead, behind = sides = (await _side("the source", source), await _side("the target", target))
    problems = [problem for side in sides for problem in _against_files(side, files)]
    if not problems:
        problems = _against_each_other(ahead, behind, files)
    _refuse(problems, "See `holdfast migrate status` on each of them.")
    wanted = _of(files, ahead.rows)
    held = {row.id for row in behind.rows}
    missing = [migration for migration in wanted.ordered if migration.id not in held]
    for major in sorted({side.major for side in sides}):
        require(files, missing, major, folders=folders)
    for side in sides:
        _refuse(await _drifted(side, files, allow_remote=allow_remote), _SEE_DRIFT)
    if not _has_history(behind, files):
        _refuse(await _in_the_way(behind, wanted, allow_remote=allow_remote), _SEE_TARGET)
    if dry_run or not missing:
        return Promotion(missing)
    # Proven already, among all files: the chain of one counts in those that the source has not.
    done = await migrate_up(target, files=wanted, tell=tell, require_proof=False)
    _refuse(
        await _drifted(await _side(behind.name, target), files, allow_remote=allow_remote),
        f"The files were applied. {_SEE_DRIFT}",
        begin="The promotion did not end as it should have",
    )
    return Promotion(missing, done)


async def _side(name: str, database: Database) -> Side:
    async with database.connection() as connection:
        rows = await history.read_history(connection)
        return Side(name, database, rows, connection.info.server_version // 10000)


def _has_history(side: Side, files: Files) -> bool:
    return any(row.system in files.systems for row in side.rows)


async def _drifted(side: Side, files: Files, *, allow_remote: bool) -> list[str]:
    """Say how a side differs from what its history says that it holds."""
    if not _has_history(side, files):
        return []
    drift = await find_drift(side.database, files, allow_remote=allow_remote)
    return [f"{side.name} does not hold what its history gives: {each}" for each in drift.differences]


async def _in_the_way(side: Side, wanted: Files, *, allow_remote: bool) -> list[str]:
    """Say what a side that holds none of the files has of its own where they are to make theirs.

    It is compared with a new database. Where it holds other systems, what they made cannot be told from
    what nobody made: then only what the files make themselves is in the way.
    """
    settings = side.database.settings
    async with built(Files({}, ()), settings, live=side.database) as other:
        empty = without_own(await catalogue_of(other))
    async with built(wanted, settings, live=side.database, allow_remote=allow_remote) as other:
        wished = without_own(await catalogue_of(other))
    found = without_own(await catalogue_of(side.database))
    differences = [each for each in compare(empty, found) if each.kind != "schema"]
    if side.rows:
        differences = [each for each in differences if each.what == "unexpected" and each.key in wished.items]
    managed, _ = split_managed(differences, wished, found)
    return [f"{side.name} has no history of these files, and yet it is not new: {each}" for each in managed]


def _against_files(side: Side, files: Files) -> list[str]:
    """Say what in a side's history contradicts the files, or is not through."""
    entries = plan.compare(files, side.rows)
    found = [f"in {side.name} {what}" for what, _ in plan.problems(entries)]
    cut_off = [entry.id for entry in entries if entry.state == "interrupted"]
    return found + [f"in {side.name} {each} was cut off" for each in cut_off]


def _against_each_other(source: Side, target: Side, files: Files) -> list[str]:
    """Say what the target holds that the source does not."""
    held = {row.id for row in source.rows}
    return [
        f"the target holds {row.id} ({row.name}), which the source does not"
        for row in target.rows
        if row.system in files.systems and row.id not in held
    ]


def _of(files: Files, rows: Sequence[Applied]) -> Files:
    """Return those of the files that a history holds."""
    held = {row.id for row in rows}
    return replace(files, ordered=tuple(each for each in files.ordered if each.id in held))


def _refuse(problems: Sequence[str], hint: str, *, begin: str = "Nothing was promoted") -> None:
    if problems:
        raise MigrationsDisagree(f"{begin}: {'; '.join(problems)}.", hint=hint, problems=list(problems))
