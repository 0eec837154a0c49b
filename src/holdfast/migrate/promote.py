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
from holdfast.migrate.drift import find_drift
from holdfast.migrate.engine import Done, migrate_up
from holdfast.migrate.errors import MigrationsDisagree
from holdfast.migrate.files import Migration
from holdfast.migrate.history import Applied
from holdfast.migrate.plan import Files
from holdfast.migrate.proof.standing import require
from holdfast.migrate.turn import Tell
from holdfast.postgres.database import Database

_SEE_DRIFT = "`holdfast migrate drift` says the SQL that mends it."


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
) -> Promotion:
    """Apply to ``target`` what ``source`` has applied and it has not.

    ``folders`` are those of ``--dir`` by system. Raises ``MigrationsDisagree`` where histories or
    catalogues contradict the files or each other, ``NotProven``, and what ``migrate_up`` raises.
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
        _refuse(await _drifted(side, files), _SEE_DRIFT)
    if dry_run or not missing:
        return Promotion(missing)
    # Proven already, among all files: the chain of one counts in those that the source has not.
    done = await migrate_up(target, files=wanted, tell=tell, require_proof=False)
    _refuse(
        await _drifted(behind, files),
        f"The files were applied. {_SEE_DRIFT}",
        begin="The promotion did not end as it should have",
    )
    return Promotion(missing, done)


async def _side(name: str, database: Database) -> Side:
    async with database.connection() as connection:
        rows = await history.read_history(connection)
        return Side(name, database, rows, connection.info.server_version // 10000)


async def _drifted(side: Side, files: Files) -> list[str]:
    """Say how a side differs from what its history says that it holds."""
    async with side.database.connection() as connection:
        rows = await history.read_history(connection)
    if not any(row.system in files.systems for row in rows):
        return []
    drift = await find_drift(side.database, files)
    return [f"{side.name} does not hold what its history gives: {each}" for each in drift.differences]


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
