"""How long to wait: what the schedule says, and what the receiver asks for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.delivery.reply import Reply, retry_after_seconds
from holdfast.delivery.schedule import RetrySchedule
from holdfast.errors import WrongUse
from holdfast.settings import Settings

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


def test_the_default_is_eight_tries_over_some_27_hours() -> None:
    schedule = RetrySchedule.from_settings(Settings({}))
    assert schedule.attempts == 8
    assert schedule.delays == (0, 5, 300, 1800, 7200, 18000, 36000, 36000)
    for failed, wait in enumerate([5, 300, 1800, 7200, 18000, 36000, 36000], start=1):
        said = schedule.wait_seconds(failed)
        assert said is not None
        assert wait * 0.9 <= said <= wait * 1.1
    assert schedule.wait_seconds(8) is None
    assert schedule.wait_seconds(9) is None


@given(st.integers(1, 7), st.floats(0, 86400))
def test_no_try_is_made_before_the_receiver_wants_it(failed: int, retry_after: float) -> None:
    schedule = RetrySchedule.from_settings(Settings({}))
    said = schedule.wait_seconds(failed, retry_after=retry_after)
    assert said is not None
    assert said >= retry_after
    assert said <= max(retry_after, schedule.delays[failed]) * 1.1 + 1e-6


def test_the_schedule_is_a_setting() -> None:
    schedule = RetrySchedule.from_settings(Settings({"HOLDFAST_DELIVERY_RETRY_DELAYS": "0s, 100ms"}))
    assert schedule.attempts == 2
    assert 0.09 <= (schedule.wait_seconds(1) or 0) <= 0.11
    with pytest.raises(WrongUse, match="HOLDFAST_DELIVERY_RETRY_DELAYS"):
        RetrySchedule.from_settings(Settings({"HOLDFAST_DELIVERY_RETRY_DELAYS": ","}))


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("86401", 86400.0),
        ("9" * 5000, 86400.0),
        ("Fri, 20 Nov 2026 12:01:30 GMT", 90.0),
        ("Friday, 20-Nov-26 12:01:30 GMT", 90.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2099 12:00:00 GMT", 86400.0),
        ("-1", None),
        ("1.5", None),
        ("١٢", None),
        ("soon", None),
        ("", None),
        ("Fri, 99 Nov 2026 12:00:00 GMT", None),
        ("Fri, 20 Nov 99999999999 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(written: str, seconds: float | None) -> None:
    assert retry_after_seconds(written, now=NOW) == seconds


def test_a_date_counts_from_the_answer_s_own_clock() -> None:
    assert (
        retry_after_seconds("Sat, 01 Jan 2000 00:01:00 GMT", date="Sat, 01 Jan 2000 00:00:00 GMT", now=NOW)
        == 60.0
    )


@given(st.text(), st.text())
def test_no_header_can_do_harm(written: str, date: str) -> None:
    said = retry_after_seconds(written, date=date, now=NOW)
    assert said is None or 0 <= said <= 86400


@pytest.mark.parametrize(("status", "said"), [(429, 7.0), (503, 7.0), (500, None), (200, None)])
def test_only_a_429_or_503_asks_to_wait(status: int, said: float | None) -> None:
    assert Reply(status, {"retry-after": "7"}, b"", 1, False).retry_after_seconds == said
