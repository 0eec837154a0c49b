"""Compares a live database with what its history should give, and says the SQL that mends it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.errors import WrongUse
from holdfast.migrate import history, plan
from holdfast.migrate.adopting.histories import TOOLS
from holdfast.migrate.catalogue.comparing import Difference, compare
from holdfast.migrate.catalogue.mending import mend, mend_all
from holdfast.migrate.catalogue.model import Catalogue, Item
from holdfast.migrate.catalogue.reading import fingerprint, read_catalogue
from holdfast.migrate.errors import MigrationsDisagree, NotMigrated
from holdfast.migrate.plan import Entry, Files
from holdfast.migrate.scratch import built
from holdfast.postgres.database import Database

_EVERYWHERE = "public"
_NOBODYS_OWN = ("extension",)
_OF_OTHER_TOOLS = {tool.table for tool in TOOLS.values()}


@dataclass(frozen=True)
class Drift:
    """How a database differs from what is expected of it.

    ``differences`` are those in what the files manage; ``not_managed`` is what they neither make nor
    touch. ``not_at_hand`` are applied systems whose files are not here: what they made cannot be told
    from what nobody made, and stands in ``not_managed`` where it is no part of what a file makes.
    """

    differences: Sequence[Difference]
    not_managed: Sequence[Difference]
    not_at_hand: Sequence[str]
    expected: Catalogue
    found: Catalogue

    @functools.cached_property
    def mending(self) -> list[str]:
        """The SQL that takes all differences away, in an order that works."""
        return mend_all(self.differences, self.expected, self.found)

    def mend(self, difference: Difference) -> list[str]:
        """Return the SQL that takes one difference away."""
        return mend(difference, self.expected, self.found)


async def find_drift(
    database: Database, files: Files, *, scratch: str = "", allow_remote: bool = False
) -> Drift:
    """Compare a live database with a throwaway one that its applied files were applied to.

    ``scratch`` is the conninfo of the server to make that on, ``allow_remote`` as of
    ``built``. Nothing of the live database is changed.
    Raises ``NotMigrated`` where it has no history, ``MigrationsDisagree`` where files and history
    contradict each other or a file is half applied, and as ``built``.
    """
    async with database.connection() as connection:
        entries = plan.compare(files, await history.read_history(connection))
    applied = _applied_files(files, entries)
    gone = sorted({entry.id.system for entry in entries if entry.state == "not installed"})
    settings = database.settings
    async with built(applied, settings, live=database, server=scratch, allow_remote=allow_remote) as other:
        return await _compare(database, other, gone)


def _applied_files(files: Files, entries: Sequence[Entry]) -> Files:
    """Return the files that the database says to hold."""
    problems = plan.problems(entries)
    if problems:
        raise MigrationsDisagree(
            "What the database should hold cannot be told: " + "; ".join(what for what, _ in problems) + ".",
            hint=" ".join(dict.fromkeys(hint for _, hint in problems)),
            problems=[what for what, _ in problems],
        )
    interrupted = [str(entry.id) for entry in entries if entry.state == "interrupted"]
    if interrupted:
        raise MigrationsDisagree(
            f"What the database should hold cannot be told: {', '.join(interrupted)} is half applied.",
            hint="Let it be ended first: holdfast migrate up",
        )
    applied = {entry.id for entry in entries if entry.state == "applied"}
    if not applied:
        raise NotMigrated(
            "None of these files is applied to the database.",
            hint="Apply them: holdfast migrate up. Or take over what another tool applied: "
            "holdfast migrate adopt",
        )
    return Files(files.systems, tuple(each for each in files.ordered if each.id in applied))


async def _compare(live: Database, other: Database, gone: Sequence[str]) -> Drift:
    """Compare by hash first: where that is alike nothing has to be read."""
    wanted, actual = await asyncio.gather(_fingerprint(other), _fingerprint(live))
    if wanted == actual:
        nothing = Catalogue.of(0, ())
        return Drift((), (), gone, nothing, nothing)
    expected, found = await asyncio.gather(catalogue_of(other), catalogue_of(live))
    differences = _of_one_major(expected, found)
    managed, outside = split_managed(differences, expected, found, anything=bool(gone))
    return Drift(managed, outside, gone, expected, found)


def _of_one_major(expected: Catalogue, found: Catalogue) -> list[Difference]:
    if expected.major != found.major:
        raise WrongUse(
            f"The database runs PostgreSQL {found.major}, and what is compared with it {expected.major}: "
            "the two write the same thing differently.",
            hint=f"Name a server of version {found.major} with --scratch.",
        )
    return compare(expected, found)


def split_managed(
    differences: Sequence[Difference], expected: Catalogue, found: Catalogue, *, anything: bool = False
) -> tuple[list[Difference], list[Difference]]:
    """Split differences into those in what files make or touch, and those that no file has to do with.

    ``anything``: what is only there counts only where it is part of what a file makes, as a table's column
    is. The tables in which other tools keep their history, left where one was taken over, are nobody's.
    """
    schemas = {_EVERYWHERE, None, *(item.schema for item in expected)}

    def is_outside(difference: Difference) -> bool:
        if difference.what != "unexpected":
            return False
        if difference.kind in _NOBODYS_OWN:
            return True
        if difference.kind == "table" and difference.name.rpartition(".")[2] in _OF_OTHER_TOOLS:
            return True
        if anything:
            return not _is_part_of_expected(found.items[difference.key], expected)
        return difference.schema not in schemas

    managed: list[Difference] = []
    outside: list[Difference] = []
    for each in differences:
        (outside if is_outside(each) else managed).append(each)
    return managed, outside


def _is_part_of_expected(item: Item, expected: Catalogue) -> bool:
    return item.parent is not None and item.parent in expected.items and not item.parent.startswith("schema ")


async def _fingerprint(database: Database) -> str:
    async with database.connection() as connection:
        return await fingerprint(connection)


async def catalogue_of(database: Database) -> Catalogue:
    """Read what a database holds."""
    async with database.connection() as connection:
        return await read_catalogue(connection)
