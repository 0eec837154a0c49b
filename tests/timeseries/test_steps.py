"""Steps of time: aligned, without gaps, the same for everybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.timeseries.errors import NotPartitioned
from holdfast.timeseries.steps import Steps

WIDTHS = ["1 hour", "6 hours", "1 day", "3 days", "1 week", "1 month", "3 months", "1 year", "10 years"]
zones = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
times = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=zones)  # noqa: DTZ001  hypothesis adds the zone


@given(width=st.sampled_from(WIDTHS), time=times)
def test_each_time_lies_in_exactly_one_step(width: str, time: datetime) -> None:
    steps = Steps.every(width)
    start = steps.start(time)
    assert start <= time < steps.following(start)
    assert steps.start(start) == start
    assert steps.start(steps.following(start)) == steps.following(start)
    assert steps.start(steps.following(start) - timedelta(microseconds=1)) == start


@given(width=st.sampled_from(["1 day", "1 week", "1 month"]), first=times, days=st.integers(0, 500))
def test_steps_between_have_no_gaps(width: str, first: datetime, days: int) -> None:
    steps = Steps.every(width)
    last = first + timedelta(days=days)
    found = list(steps.between(first, last))
    assert found[0] <= first
    assert steps.following(found[-1]) > last
    assert [steps.following(start) for start in found[:-1]] == found[1:]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        ("1 hour", datetime(2026, 11, 20, 13, tzinfo=UTC)),
        ("6 hours", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("1 day", datetime(2026, 11, 20, tzinfo=UTC)),
        ("1 week", datetime(2026, 11, 16, tzinfo=UTC)),  # a Monday
        ("1 month", datetime(2026, 11, 1, tzinfo=UTC)),
        ("3 MONTHS", datetime(2026, 10, 1, tzinfo=UTC)),
        ("1 year", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_starts(width: str, expected: datetime) -> None:
    assert Steps.every(width).start(datetime(2026, 11, 20, 13, 59, tzinfo=UTC)) == expected


@pytest.mark.parametrize("width", ["", "day", "0 days", "1.5 days", "1 minute", "-1 day", "1 day 2 hours"])
def test_other_widths_are_refused(width: str) -> None:
    with pytest.raises(NotPartitioned, match="is no width of partitions"):
        Steps.every(width)
