"""Pages of a listing: opaque cursors, bounds of a page's size, and the form of a page.

A cursor is where a page ended: the sort key of its last row. It is not a secret and not signed, since
it opens nothing that the listing itself would not show; it is checked in full, so that a damaged one
is a clear refusal. A listing declares its cursor once::

    POSITION = CursorKey("triggers.events", datetime, int)      # created_at, log_index

    rows = ...  WHERE (created_at, log_index) < (%s, %s) ORDER BY ... LIMIT limit + 1
    return page(rows, limit, POSITION, lambda row: (row["created_at"], row["log_index"]))
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from holdfast.errors import WrongUse

Item = TypeVar("Item")
Row = TypeVar("Row")

LARGEST_PAGE = 500
_LONGEST_CURSOR = 1024
_MOST_DIGITS = 80  # a uint256 has 78

Limit: TypeAlias = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="How many items at most.")]
CursorText: TypeAlias = Annotated[
    str | None,
    Query(max_length=_LONGEST_CURSOR, description="`next_cursor` of the page before; none for the first."),
]


class BadCursor(WrongUse):
    """A cursor that this listing did not give out, or that was damaged on its way."""

    code = "bad_cursor"


class Page(BaseModel, Generic[Item]):
    """A part of a listing, and the cursor of what follows."""

    items: list[Item]
    next_cursor: str | None = Field(default=None, description="Where the next page begins; null on the last.")


class CursorKey:
    """The sort key of one listing: its name, and the types of its parts (int, str, bool or datetime).

    Integers may be of any size; they travel as text. Datetimes must have a time zone, travel in UTC and
    keep their microseconds.
    """

    def __init__(self, listing: str, *kinds: type[int | str | bool | datetime]) -> None:
        self.listing = listing
        self.kinds = kinds

    def encode(self, *parts: Any) -> str:
        """Return the cursor that stands for a sort key."""
        written = [_write(part, kind) for part, kind in zip(parts, self.kinds, strict=True)]
        text = json.dumps([self.listing, *written], ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def decode(self, cursor: str | None) -> tuple[Any, ...] | None:
        """Return the sort key that a cursor stands for, or None where there is none.

        Raises ``BadCursor`` where it is damaged or of another listing.
        """
        if cursor is None:
            return None
        try:
            if len(cursor) > _LONGEST_CURSOR:
                raise ValueError(len(cursor))
            padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
            listing, *written = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            if listing != self.listing:
                raise ValueError(listing)
            return tuple(_read(part, kind) for part, kind in zip(written, self.kinds, strict=True))
        except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
            raise BadCursor(
                "The cursor is not one that this listing gave out.",
                hint="Send next_cursor of the page before unchanged, or none for the first page.",
            ) from error


def _write(part: Any, kind: type) -> object:
    if not isinstance(part, kind) or (kind is int and isinstance(part, bool)):
        raise TypeError(f"a cursor's part is {type(part).__name__} and should be {kind.__name__}")
    if isinstance(part, datetime):
        if part.tzinfo is None:
            raise TypeError("a cursor's time has no time zone")
        return part.astimezone(UTC).isoformat()
    return str(part) if kind is int else part


def _read(written: object, kind: type) -> object:
    if kind is bool:
        if not isinstance(written, bool):
            raise ValueError(written)
        return written
    if not isinstance(written, str) or "\x00" in written:
        raise ValueError(written)
    if kind is int:
        digits = written.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
            raise ValueError(written)
        return int(written)
    if kind is datetime:
        moment = datetime.fromisoformat(written)
        if moment.tzinfo is None:
            raise ValueError(written)
        return moment.astimezone(UTC)
    written.encode()  # a lone surrogate is no text that a database could hold
    return written


def page(
    rows: Sequence[Row],
    limit: int,
    key: CursorKey,
    parts: Callable[[Row], tuple[Any, ...]],
    item: Callable[[Row], Any] = lambda row: row,
) -> Page[Any]:
    """Make a page of ``limit`` items out of up to ``limit + 1`` rows: the last one says that more follow."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(
        items=[item(row) for row in shown],
        next_cursor=key.encode(*parts(shown[-1])) if more and shown else None,
    )
