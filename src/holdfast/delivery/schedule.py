"""When a failed delivery is tried again: by default as Svix does, 8 tries over some 27 hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.delivery.settings import RETRY_DELAYS
from holdfast.errors import WrongUse
from holdfast.queue.backoff import backoff_seconds
from holdfast.settings import Settings

_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """The seconds to wait before each try, the first included."""

    delays: Sequence[float]

    @classmethod
    def from_settings(cls, settings: Settings) -> RetrySchedule:
        """Read HOLDFAST_DELIVERY_RETRY_DELAYS; raises ``WrongUse`` where it says no try at all."""
        delays = settings.get(RETRY_DELAYS)
        if not delays:
            raise WrongUse(
                f"{RETRY_DELAYS.name} says no try at all.", hint="Write at least one delay, such as 0s."
            )
        return cls(delays)

    @property
    def attempts(self) -> int:
        """How many tries there are: the ``max_attempts`` of a delivery's row."""
        return len(self.delays)

    def wait_seconds(self, failed: int, *, retry_after: float | None = None) -> float | None:
        """Return the seconds to wait after ``failed`` tries (1 after the first); None after the last.

        The wait is spread by a tenth either way. It is never shorter than ``retry_after``, what the
        receiver asked for, from 100 to 110 % of which it is then taken.
        """
        following = self.delays[failed:]
        if not following:
            return None
        wait = backoff_seconds(1, schedule=following, jitter=_JITTER)
        if retry_after is not None and wait < retry_after:
            return retry_after + backoff_seconds(1, schedule=[retry_after * _JITTER / 2], jitter=1.0)
        return wait
