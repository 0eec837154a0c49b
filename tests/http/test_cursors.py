"""Cursors give back what was put in, and a damaged one is refused rather than misread."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import WrongUse
from holdfast.http.cursors import BadCursor, CursorKey, page

KEY = CursorKey("test.things", datetime, int, str, bool)
zones = st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)
moments = st.datetimes(datetime(1970, 1, 2), datetime(9000, 1, 1), timezones=zones)  # noqa: DTZ001  given a zone
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=50)


@given(moments, st.integers(-(2**255), 2**256 - 1), texts, st.booleans())
def test_what_is_put_in_comes_out_exactly(moment: datetime, number: int, text: str, flag: bool) -> None:
    assert KEY.decode(KEY.encode(moment, number, text, flag)) == (moment, number, text, flag)


@given(st.text(max_size=200))
def test_any_other_text_is_refused_clearly(text: str) -> None:
    with pytest.raises(BadCursor):
        KEY.decode(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_other_json_is_refused_clearly(value: Any) -> None:
    for content in (value, ["test.things", value], ["test.things", value, value, value, value]):
        cursor = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
        with pytest.raises(BadCursor):
            KEY.decode(cursor)


@pytest.mark.parametrize(
    "parts",
    [
        ["2026-01-01T00:00:00", "1", "a", True],
        ["2026-01-01T00:00:00+00:00", "1e3", "a", True],
        ["2026-01-01T00:00:00+00:00", "9" * 81, "a", True],
        ["2026-01-01T00:00:00+00:00", "\u0661", "a", True],
        ["2026-01-01T00:00:00+00:00", "1", "a\x00", True],
        ["2026-01-01T00:00:00+00:00", "1", "\ud800", True],
        ["2026-01-01T00:00:00+00:00", "1", "a", "true"],
        ["2026-01-01T00:00:00+00:00", "1", "a"],
        ["0001-01-01T00:00:00+14:00", "1", "a", True],
    ],
)
def test_a_part_of_another_kind_is_refused(parts: list[object]) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(["test.things", *parts]).encode()).decode().rstrip("=")
    with pytest.raises(BadCursor):
        KEY.decode(cursor)


def test_a_cursor_of_another_listing_is_refused_with_a_hint() -> None:
    cursor = CursorKey("test.others", int).encode(1)
    with pytest.raises(WrongUse) as caught:
        CursorKey("test.things", int).decode(cursor)
    assert caught.value.http_status == 422
    assert "next_cursor" in caught.value.hint


def test_no_cursor_is_the_beginning() -> None:
    assert KEY.decode(None) is None


def test_a_time_without_a_zone_is_a_mistake_of_the_listing() -> None:
    with pytest.raises(TypeError):
        CursorKey("test.things", datetime).encode(datetime(2026, 1, 1))  # noqa: DTZ001  that is the point


@given(st.lists(st.integers(0, 2**256), unique=True, max_size=40), st.integers(1, 7))
def test_walking_pages_meets_every_row_once(rows: list[int], limit: int) -> None:
    ordered = sorted(rows)
    key = CursorKey("test.walk", int)
    met: list[int] = []
    cursor: str | None = None
    for _ in range(len(ordered) + 2):
        after = key.decode(cursor)
        matching = [row for row in ordered if after is None or row > after[0]]
        found = page(matching[: limit + 1], limit, key, lambda row: (row,))
        assert len(found.items) <= limit
        met += found.items
        cursor = found.next_cursor
        if cursor is None:
            break
    assert met == ordered


def test_times_travel_in_utc_with_microseconds() -> None:
    key = CursorKey("test.times", datetime)
    moment = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    decoded = key.decode(key.encode(moment))
    assert decoded == (moment,)
    assert decoded is not None
    assert decoded[0].tzinfo is UTC
