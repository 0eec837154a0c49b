"""How large a pool is, and how long things may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from holdfast.errors import WrongUse
from holdfast.postgres.settings import (
    ACQUIRE_TIMEOUT,
    CONNECT_TIMEOUT,
    POOL_IDLE,
    POOL_MAX,
    POOL_MIN,
    SLOW_STATEMENT,
    STATEMENT_TIMEOUT,
)
from holdfast.settings import Settings


@dataclass(frozen=True)
class Limits:
    """Limits of one database: sizes in connections, times in seconds (``statement`` 0: no limit)."""

    min_size: int
    max_size: int
    idle: float
    connect: float
    acquire: float
    statement: float
    slow: float

    @classmethod
    def from_settings(cls, settings: Settings, min_size: int | None, max_size: int | None) -> Self:
        """Read the limits; a size that is given stands before the settings', which then gives way.

        Raises ``WrongUse`` where the least is more than the most.
        """
        least = settings.get(POOL_MIN) if min_size is None else min_size
        most = settings.get(POOL_MAX) if max_size is None else max_size
        if min_size is not None and max_size is None:
            most = max(most, least)
        elif max_size is not None and min_size is None:
            least = min(most, least)
        if not 0 <= least <= most or most == 0:
            raise WrongUse(
                f"A pool of {least} to {most} connections is not possible.",
                hint=f"Correct {POOL_MIN.name} and {POOL_MAX.name}.",
            )
        return cls(
            least,
            most,
            idle=settings.get(POOL_IDLE),
            connect=settings.get(CONNECT_TIMEOUT),
            acquire=settings.get(ACQUIRE_TIMEOUT),
            statement=settings.get(STATEMENT_TIMEOUT),
            slow=settings.get(SLOW_STATEMENT),
        )
