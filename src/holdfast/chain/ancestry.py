"""Finds the last block that what was stored and what a source shows have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from holdfast.chain.errors import NodeChanged
from holdfast.chain.subscription import Header

FIRST_LOOK = 8
WIDEST_LOOK = 256

Stored = Callable[[int, int], Awaitable[list[Header]]]
"""Returns so many stored canonical headers from a number downwards, the highest first."""

Shown = Callable[[Sequence[int]], Awaitable[list[Header | None]]]
"""Returns the source's headers of some numbers."""


async def common_ancestor(stored: Stored, shown: Shown, *, below: int, head: int) -> Header | None:
    """Return the highest stored block at or below ``below`` that the source has too; None without any.

    ``head`` is the source's newest number: a stored block above it is not common. Walks down in steps
    that grow, so that a deep reorganisation costs few questions. Raises ``NodeChanged`` where the
    source has no block that it must have.
    """
    step = FIRST_LOOK
    number = min(below, head)
    while number >= 0:
        ours = await stored(number, step)
        if not ours:
            return None
        theirs = await shown([header.number for header in ours])
        for mine, other in zip(ours, theirs, strict=True):
            if other is not None and other.hash == mine.hash:
                return mine
        if any(other is None for other in theirs) and theirs[0] is None:
            raise NodeChanged(f"The node has no block {ours[0].number}, which is below its head.")
        number = ours[-1].number - 1
        step = min(step * 4, WIDEST_LOOK)
    return None
