"""Reads final history by ranges: several ranges at the same time, decoded in threads, in order.

Memory is bounded: at most ``concurrency`` ranges are on their way or waiting, and a range's size
adapts so that it holds about ``LOGS_A_RANGE`` logs; decoded ranges are handed over in groups of about
``LOGS_A_TRANSACTION``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from holdfast.chain.computing import COMPUTING
from holdfast.chain.errors import NodeNonsense
from holdfast.chain.ledger import Seen
from holdfast.chain.source import Source
from holdfast.chain.subscription import Decoded, Header, RawLog, Watch

# Small enough that parsing one answer, which no other thread can interrupt, takes about 10 ms.
LOGS_A_RANGE = 2_000
LOGS_A_TRANSACTION = 10_000
FIRST_SIZE = 16
FORGIVEN_AFTER = 64

Decode = Callable[[Sequence[RawLog]], Decoded]


@dataclass(frozen=True)
class Piece:
    """A range that was read and decoded: its ends, the blocks with logs (and its last), the rows."""

    first: Header
    last: Header
    blocks: Sequence[Seen]
    decoded: Decoded
    logs: int
    refused: bool


class RangeSize:
    """How many blocks to ask for next: as many as hold about ``LOGS_A_RANGE`` logs, if they are answered.

    A refusal is remembered: no more blocks are asked for than were answered then, until ``FORGIVEN_AFTER``
    ranges were answered; then twice as many may be, since it may have been a dense stretch of the chain.
    """

    def __init__(self, most: int) -> None:
        self._most = max(1, most)
        self._limit = self._most
        self._answered = 0
        self.blocks = min(FIRST_SIZE, self._most)

    def learn(self, blocks: int, logs: int, *, refused: bool) -> None:
        """Take note of a range that was answered; ``refused`` says that a larger one was not."""
        self._answered += 1
        if refused:
            self._limit, self._answered = blocks, 0
        elif self._answered >= FORGIVEN_AFTER:
            self._limit, self._answered = min(self._most, 2 * self._limit), 0
        wanted = blocks * LOGS_A_RANGE // logs if logs else blocks * 4
        if refused or blocks >= self.blocks or wanted < self.blocks:
            self.blocks = max(1, min(wanted, self.blocks * 4, self._limit))


class Backfill:
    """Reads from ``first`` to ``last``, both included, of a source whose blocks there are final.

    ``async for pieces in backfill`` yields groups of adjoining pieces in the order of the chain, linked
    by their parent hashes. Leave through ``close``.
    """

    def __init__(
        self,
        source: Source,
        watch: Watch,
        decode: Decode,
        first: int,
        last: int,
        *,
        size: RangeSize,
        concurrency: int,
    ) -> None:
        self._source = source
        self._addresses = frozenset(watch.contracts)
        self._decode = decode
        self._next = first
        self._last = last
        self._size = size
        self._concurrency = max(1, concurrency)
        self._threads = ThreadPoolExecutor(self._concurrency, thread_name_prefix="backfill")
        self._reading: deque[tuple[int, asyncio.Future[Piece]]] = deque()
        self._tip: Header | None = None

    async def __aiter__(self) -> AsyncIterator[list[Piece]]:
        """Yield groups until the last block is read. Raises ``NodeTrouble``."""
        self._fill()
        while self._reading:
            pieces = [await self._take()]
            logs = pieces[0].logs
            while self._reading and self._reading[0][1].done() and logs < LOGS_A_TRANSACTION:
                pieces.append(await self._take())
                logs += pieces[-1].logs
            yield pieces

    def close(self) -> None:
        """Drop what is on its way."""
        self._drop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _drop(self) -> None:
        for _, future in self._reading:
            future.cancel()
        self._reading.clear()

    def _fill(self) -> None:
        while len(self._reading) < self._concurrency and self._next <= self._last:
            last = min(self._last, self._next + self._size.blocks - 1)
            self._reading.append((last, self._start(self._next, last)))
            self._next = last + 1

    def _start(self, first: int, last: int) -> asyncio.Future[Piece]:
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._read, first, last)
        # A piece that is dropped because an earlier one failed must not complain of its own failure.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    async def _take(self) -> Piece:
        asked, future = self._reading.popleft()
        piece = await future
        if self._tip is not None and piece.first.parent_hash != self._tip.hash:
            raise NodeNonsense(
                f"The node's block {piece.first.number} does not follow its block {self._tip.number}.",
                hint="Several nodes may answer at this URL, and they disagree about final blocks.",
            )
        self._tip = piece.last
        self._size.learn(piece.last.number - piece.first.number + 1, piece.logs, refused=piece.refused)
        if piece.last.number < asked:
            # What is on its way behind it is as large and will be refused too.
            self._drop()
            self._next = piece.last.number + 1
        self._fill()
        return piece

    def _read(self, first: int, last: int) -> Piece:
        found = self._source.range_of(first, last, self._addresses)
        with COMPUTING:
            blocks = blocks_of(found.logs, found.last)
            decoded = self._decode(found.logs)
        return Piece(found.first, found.last, blocks, decoded, len(found.logs), found.refused)


def blocks_of(logs: Sequence[RawLog], last: Header) -> list[Seen]:
    """Return the blocks that have logs, and a range's last block as a milestone."""
    counts: dict[str, int] = {}
    firsts: dict[str, RawLog] = {}
    for log in logs:
        block_hash = log["blockHash"]
        if block_hash not in firsts:
            firsts[block_hash] = log
        counts[block_hash] = counts.get(block_hash, 0) + 1
    blocks = [
        Seen(
            Header(int(log["blockNumber"], 16), block_hash, "", int(log["blockTimestamp"], 16)),
            counts[block_hash],
        )
        for block_hash, log in firsts.items()
        if block_hash != last.hash
    ]
    return [*blocks, Seen(last, counts.get(last.hash, 0), milestone=True)]
