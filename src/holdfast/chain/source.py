"""Where blocks and logs come from: a node or a recording, read through the same few questions.

The methods block and are called in threads, one at a time, except ``range_of`` and ``logs_of``,
which several threads may call. Every answer is verified before it is returned. They raise
``NodeTrouble`` (try again later) or ``WrongRecording``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from holdfast.chain.subscription import Header, RawLog


@dataclass(frozen=True)
class Look:
    """What a source shows now.

    ``finalized`` is the highest block that cannot change, -1 where there is none or the source knows
    no finality. ``ended`` says that nothing will ever follow the head. ``position`` is what the
    checkpoint keeps once the head is stored (a recording's line; 0 with a node).
    """

    head: Header
    finalized: int
    position: int = 0
    ended: bool = False


@dataclass(frozen=True)
class Range:
    """The logs of a range of blocks, with the headers of its two ends.

    ``refused`` says that a larger range was asked for first and refused.
    """

    first: Header
    last: Header
    logs: Sequence[RawLog]
    refused: bool = False


class Source(Protocol):
    """A chain that can be read."""

    lowers_its_head: bool
    """Whether a lower head is a reorganisation (a recording) or perhaps only a lagging node."""

    def look(self) -> Look:
        """Return the head and what is final. With a recording: the next observed block."""

    def headers(self, numbers: Sequence[int]) -> list[Header | None]:
        """Return the canonical headers of some numbers; None where the source has none."""

    def logs_of(self, headers: Sequence[Header], addresses: Collection[str]) -> list[Sequence[RawLog]]:
        """Return the logs of some blocks, asked for by block hash."""

    def range_of(self, first: int, last: int, addresses: Collection[str]) -> Range:
        """Return the logs of final blocks, asked for by number; perhaps of fewer blocks than asked for."""

    def take(self) -> None:
        """Go on: what ``look`` showed is stored. Does nothing with a node, which goes on by itself."""

    def close(self) -> None:
        """Let go of files and connections; threads inside fail at once."""
