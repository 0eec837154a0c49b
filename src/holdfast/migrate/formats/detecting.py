"""Which format a folder's files are in: asked for by name, or seen from their names and marks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from holdfast.migrate.formats import dbmate, flyway, holdfast, rollback, up_down
from holdfast.migrate.formats.source import Source
from holdfast.migrate.migration import Migration


@dataclass(frozen=True)
class Format:
    """A way of writing migrations, and its reader."""

    name: str
    read: Callable[[Sequence[Source], str], list[Migration]]


HOLDFAST = Format("holdfast", holdfast.read)
DBMATE = Format("dbmate", dbmate.read)
UP_DOWN = Format("sqlx", up_down.read)
ROLLBACK = Format("rollback", rollback.read)
FLYWAY = Format("flyway", flyway.read)
GOLANG_MIGRATE = Format("golang-migrate", up_down.read)
FORMATS = {form.name: form for form in (HOLDFAST, DBMATE, UP_DOWN, GOLANG_MIGRATE, ROLLBACK, FLYWAY)}


def format_of(sources: Sequence[Source], name: str | None = None) -> Format:
    """Return the format with this name, or the one that the files are plainly in.

    What carries nobody's marks is our own form where one file has ours, or else read as sqlx's files
    without a way back; an empty folder is our own.
    """
    if name is not None:
        return FORMATS[name]
    names = [source.name for source in sources]
    if any(flyway.FILE_NAME.fullmatch(each) for each in names):
        return FLYWAY
    if any(up_down.WITH_DIRECTION.fullmatch(each) for each in names):
        return UP_DOWN
    if any(rollback.way_back_of(each, names) for each in names):
        return ROLLBACK
    if _any_line(sources, dbmate.MARK):
        return DBMATE
    if not sources or _any_line(sources, holdfast.PART):
        return HOLDFAST
    return UP_DOWN


def _any_line(sources: Sequence[Source], mark: re.Pattern[str]) -> bool:
    return any(mark.fullmatch(line) for source in sources for line in source.lines)
