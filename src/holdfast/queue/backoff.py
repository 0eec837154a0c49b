"""How long to wait before the next try."""

from __future__ import annotations

import random
from collections.abc import Sequence


def backoff_seconds(
    attempt: int,
    *,
    schedule: Sequence[float] = (),
    base: float = 1.0,
    cap: float = 3600.0,
    jitter: float = 0.2,
    source: random.Random | None = None,
) -> float:
    """Return the seconds to wait after ``attempt`` tries have failed (1 after the first).

    With a ``schedule`` (seconds) the wait is its entry of that number, and its last one beyond its
    end; without, ``base`` doubled with each failure up to ``cap``. The wait is then spread evenly
    over ``1 - jitter`` to ``1 + jitter`` of itself, so that what failed together does not come back
    together. Raises ``ValueError`` where ``attempt`` is below 1 or ``jitter`` is not within 0 to 1.
    """
    if attempt < 1 or not 0 <= jitter <= 1:
        raise ValueError(f"attempt {attempt}, jitter {jitter}")
    if schedule:
        wait = schedule[min(attempt, len(schedule)) - 1]
    else:
        wait = min(cap, base * 2.0 ** min(attempt - 1, 1000))
    spread = (source or _SOURCE).uniform(1 - jitter, 1 + jitter)
    return float(wait * spread)


_SOURCE = random.Random()  # noqa: S311  spreads load; nothing secret depends on it
