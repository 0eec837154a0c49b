"""The steps of time that partitions stand on: aligned in UTC, the same for everybody.

Hours, days and weeks are counted from Monday 2000-01-03 00:00 UTC, months and years by the
calendar. So partitions of one width never overlap, whoever makes them and whatever is missing
between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from holdfast.timeseries.errors import NotPartitioned

_ORIGIN = datetime(2000, 1, 3, tzinfo=UTC)
_EVERY = re.compile(r"(\d{1,4})\s+(hour|day|week|month|year)s?")
_FIXED = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
_MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps of one width: ``fixed`` for hours, days and weeks, else ``months``."""

    fixed: timedelta | None
    months: int

    @classmethod
    def every(cls, interval: str) -> Steps:
        """Read a width such as ``1 day``, ``6 hours``, ``1 week``, ``1 month``, ``1 year``.

        Raises ``NotPartitioned`` for anything else.
        """
        match = _EVERY.fullmatch(interval.strip().lower())
        if match is None or int(match[1]) == 0:
            raise NotPartitioned(
                f"{interval!r} is no width of partitions.",
                hint="Write a number and hours, days, weeks, months or years, such as '1 day'.",
            )
        count, unit = int(match[1]), match[2]
        if unit in _FIXED:
            return cls(count * _FIXED[unit], 0)
        return cls(None, count * _MONTHS[unit])

    @property
    def whole_days(self) -> bool:
        """Whether every step begins at midnight."""
        return self.fixed is None or self.fixed % timedelta(days=1) == timedelta(0)

    def start(self, time: datetime) -> datetime:
        """Return the start (UTC) of the step that holds a time."""
        time = time.astimezone(UTC)
        if self.fixed is not None:
            return _ORIGIN + (time - _ORIGIN) // self.fixed * self.fixed
        months = time.year * 12 + time.month - 1
        return _month(months - months % self.months)

    def following(self, start: datetime) -> datetime:
        """Return the start of the step after the one that begins at ``start``."""
        if self.fixed is not None:
            return start + self.fixed
        return _month(start.year * 12 + start.month - 1 + self.months)

    def between(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """Yield the starts of all steps from the one that holds ``first`` to the one that holds ``last``."""
        start = self.start(first)
        while start <= last:
            yield start
            start = self.following(start)


def _month(months: int) -> datetime:
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
