"""What came back: status, headers, and the start of the body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST_WAIT = 86400.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a request.

    ``headers`` have names in lower case; repeated ones are joined with commas. ``body`` is its start
    as sent (never decompressed); ``truncated`` tells that more was left unread. ``duration_ms`` runs
    from the name's lookup to the last byte read.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    duration_ms: int
    truncated: bool

    @property
    def ok(self) -> bool:
        """Whether the status is one of success (2xx)."""
        return 200 <= self.status < 300

    @property
    def retry_after_seconds(self) -> float | None:
        """How long a 429 or 503 asks to wait (at most a day); None where it does not say, or not legibly."""
        if self.status not in (429, 503):
            return None
        return retry_after_seconds(self.headers.get("retry-after", ""), date=self.headers.get("date", ""))


def retry_after_seconds(written: str, *, date: str = "", now: datetime | None = None) -> float | None:
    """Read a Retry-After header (RFC 9110, 10.2.3): whole seconds or an HTTP date, as seconds of 0 to 86400.

    A date counts from the answer's own ``date`` where that can be read, so that a wrong clock on
    either side does no harm, and else from ``now``.
    """
    written = written.strip()
    if written.isascii() and written.isdigit():
        return min(float(written), _LONGEST_WAIT) if len(written) < 16 else _LONGEST_WAIT
    until = _read_date(written)
    if until is None:
        return None
    since = _read_date(date) or now or datetime.now(UTC)
    return min(max(0.0, (until - since).total_seconds()), _LONGEST_WAIT)


def _read_date(written: str) -> datetime | None:
    try:
        read = parsedate_to_datetime(written)
    except (ValueError, TypeError, OverflowError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
