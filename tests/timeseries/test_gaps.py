"""What is missing of the wanted spans, whatever exists already."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from holdfast.timeseries.catalogue import Partition
from holdfast.timeseries.partitions import gaps

_START = datetime(2026, 1, 1, tzinfo=UTC)


def hour(number: int) -> datetime:
    return _START + timedelta(hours=number)


@given(
    held=st.sets(st.integers(0, 40)),
    wanted=st.sets(st.integers(0, 9), min_size=1),
)
def test_gaps_and_partitions_hold_each_wanted_hour_once(held: set[int], wanted: set[int]) -> None:
    """Existing partitions of an hour each, wanted steps of four hours."""
    existing = [Partition(f"p{number}", hour(number), hour(number + 1), False) for number in sorted(held)]
    spans = [(hour(number * 4), hour(number * 4 + 4)) for number in sorted(wanted)]
    hours = {
        number
        for lower, upper in gaps(iter(spans), existing)
        for number in range(41)
        if lower <= hour(number) < upper
    }
    assert hours == {number * 4 + part for number in wanted for part in range(4)} - held


@given(width=st.integers(1, 30), offset=st.integers(0, 10))
def test_one_wide_partition_hides_all_steps_in_it(width: int, offset: int) -> None:
    existing = [Partition("wide", hour(offset), hour(offset + width), False)]
    spans = [(hour(number), hour(number + 1)) for number in range(45)]
    missing = list(gaps(iter(spans), existing))
    assert len(missing) == 45 - width
    assert all(upper <= hour(offset) or lower >= hour(offset + width) for lower, upper in missing)
