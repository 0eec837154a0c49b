"""Waits grow, stay within their bounds, and spread."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.queue.backoff import backoff_seconds


def test_waits_double_up_to_the_cap() -> None:
    waits = [backoff_seconds(attempt, base=2, cap=60, jitter=0) for attempt in (1, 2, 3, 4, 5, 6, 7, 10**6)]
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_schedule_is_followed_and_its_last_entry_repeated() -> None:
    schedule = (5.0, 300.0, 1800.0)
    assert [backoff_seconds(attempt, schedule=schedule, jitter=0) for attempt in (1, 2, 3, 4, 99)] == [
        5,
        300,
        1800,
        1800,
        1800,
    ]


@given(st.integers(1, 10**9), st.floats(0.001, 1e4), st.floats(0.001, 1e6), st.floats(0, 1), st.randoms())
def test_the_jitter_stays_within_its_share(
    attempt: int, base: float, cap: float, jitter: float, source: random.Random
) -> None:
    plain = backoff_seconds(attempt, base=base, cap=cap, jitter=0)
    spread = backoff_seconds(attempt, base=base, cap=cap, jitter=jitter, source=source)
    assert 0 < plain <= cap
    assert plain * (1 - jitter) <= spread * (1 + 1e-9)
    assert spread <= plain * (1 + jitter) * (1 + 1e-9)


def test_what_failed_together_does_not_come_back_together() -> None:
    assert len({backoff_seconds(1, base=10) for _ in range(50)}) > 40


@pytest.mark.parametrize(("attempt", "jitter"), [(0, 0.1), (-1, 0.1), (1, -0.1), (1, 1.1)])
def test_what_means_nothing_is_refused(attempt: int, jitter: float) -> None:
    with pytest.raises(ValueError, match="attempt"):
        backoff_seconds(attempt, jitter=jitter)
