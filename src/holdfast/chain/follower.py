"""Follows one chain for one subscription, step by step.

A step looks at the source, decides what the look means and commits what follows from it:

- the head is ours: nothing to do (or some history to read again);
- the head is lower than ours: a node that lags, or a reorganisation that shortened the chain;
- the checkpoint is below finality: ranges, several at a time (``backfill``);
- else every header is followed by its parent's hash, and logs are read by block hash; a parent that is
  not ours is a reorganisation: down to the common ancestor, at whatever depth, and up again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from holdfast.chain import settings as chain_settings
from holdfast.chain.ancestry import common_ancestor
from holdfast.chain.answers import linked
from holdfast.chain.backfill import LOGS_A_TRANSACTION, Backfill, Piece, RangeSize
from holdfast.chain.chains import Chain
from holdfast.chain.errors import NodeChanged, NodeNonsense
from holdfast.chain.ledger import NOWHERE, Advance, Committed, Ledger, Seen, WatchChanged
from holdfast.chain.masking import is_near
from holdfast.chain.source import Look, Source
from holdfast.chain.subscription import Decoded, Header, RawLog, Span, Subscription, Watch
from holdfast.chain.telling import Teller
from holdfast.settings import Settings

T = TypeVar("T")

IDLE_SECONDS = 1.0
REPLAY_SECONDS = 0.5
MILESTONE_EVERY = 1024
PRUNE_EVERY = 256
PRUNE_MARGIN = 256


@dataclass(frozen=True)
class Pace:
    """How eagerly a source is read.

    ``poll`` is the pause in seconds between two looks at a head that is ours, ``patience`` how long a
    lower head on another branch is taken for a node that lags, ``window`` how many headers are followed
    at once, ``largest_range`` and ``concurrency`` how many blocks a range has and how many are read at
    the same time.
    """

    poll: float
    patience: float
    window: int
    largest_range: int
    concurrency: int

    @classmethod
    def from_settings(cls, settings: Settings, rpc_url: str) -> Pace:
        """Read the settings; a node nearby is asked more often unless they say how often."""
        poll = settings.get(chain_settings.POLL)
        return cls(
            poll=poll if poll is not None else 0.05 if is_near(rpc_url) else 1.0,
            patience=settings.get(chain_settings.PATIENCE),
            window=max(1, settings.get(chain_settings.BATCH)),
            largest_range=settings.get(chain_settings.RANGE),
            concurrency=settings.get(chain_settings.CONCURRENCY),
        )


class Follower:
    """One subscription on one chain, from a source that is open. ``step`` does one thing at a time."""

    def __init__(
        self,
        chain: Chain,
        source: Source,
        ledger: Ledger,
        subscription: Subscription,
        teller: Teller,
        pace: Pace,
    ) -> None:
        self._chain_id = chain.chain_id
        self._start_block = chain.start_block
        self._source = source
        self._ledger = ledger
        self._subscription = subscription
        self._teller = teller
        self._pace = pace
        self._window = pace.window
        self._size = RangeSize(pace.largest_range)
        self._checkpoint = NOWHERE
        self._watch = Watch()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"follow-{chain.chain_id}")
        self._refreshed = -IDLE_SECONDS
        self._lower_since: float | None = None
        self._pruned_at = 0

    def close(self) -> None:
        """Let the thread go; it ends when the source is closed."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def step(self) -> float:
        """Do one thing; return how many seconds nothing else needs doing. Raises ``NodeTrouble``."""
        try:
            return await self._step()
        except WatchChanged:
            await self._refresh(at_once=True)
            return 0.0

    async def _step(self) -> float:
        await self._refresh()
        if not self._watch.contracts and not self._source.lowers_its_head:
            await self._teller.state("idle", "No contract of this chain is registered.")
            await self._mark_end()
            return IDLE_SECONDS
        look = await self._ask(self._source.look)
        if self._checkpoint.replay_next is None or self._behind(look):
            return await self._move(look)
        if not look.ended and look.head.hash != self._checkpoint.hash:
            pause = await self._move(look)
            if pause:
                return pause
        await self._replay(look)
        return 0.0

    async def _move(self, look: Look) -> float:
        """Follow the head where it is not ours."""
        ours = self._checkpoint
        if look.head.number >= ours.number or self._source.lowers_its_head:
            self._lower_since = None
        if look.ended or (look.head.hash == ours.hash and not self._source.lowers_its_head):
            await self._mark_end()
            await self._teller.at_end(look, ended=look.ended)
            return IDLE_SECONDS if look.ended else self._pace.poll
        if look.head.number < self._first(look):
            await self._teller.state("idle", f"The chain has not reached block {self._start_block}.", look)
            await self._mark_end()
            return self._pace.poll
        if look.head.number <= ours.number:
            return await self._below(look)
        if ours.number < look.finalized:
            await self._read_ranges(look)
        else:
            await self._follow_headers(look)
        return 0.0

    def _behind(self, look: Look) -> bool:
        """Tell whether so much is unread that history can wait: following comes first."""
        return look.head.number > self._checkpoint.number + self._pace.window

    def _first(self, look: Look) -> int:
        """Return the first block to read when nothing was read yet: a recording begins where it begins."""
        return look.head.number if self._source.lowers_its_head else self._start_block

    async def _below(self, look: Look) -> float:
        """Decide what a head that is not above ours means."""
        if self._source.lowers_its_head or look.head.number == self._checkpoint.number:
            await self._reorganise(look)
            return 0.0
        ours = await self._ledger.down_from(look.head.number, 1)
        theirs: Header | None = look.head
        if ours and ours[0].number != look.head.number:
            [theirs] = await self._ask(self._source.headers, [ours[0].number])
        if not ours or theirs is None or theirs.hash == ours[0].hash:
            self._lower_since = None
            await self._teller.lagging(look, f"The node is at block {look.head.number}, behind ours.")
            return self._pace.poll
        now = time.monotonic()
        self._lower_since = self._lower_since if self._lower_since is not None else now
        if now - self._lower_since < self._pace.patience:
            await self._teller.lagging(
                look, f"The node shows another, shorter chain of {look.head.number} blocks; waiting for more."
            )
            return self._pace.poll
        await self._reorganise(look)
        return 0.0

    async def _reorganise(self, look: Look) -> None:
        """Retract what is above the common ancestor, and store the first blocks that replace it."""
        ours = self._checkpoint
        ancestor = await common_ancestor(
            self._ledger.down_from, self._shown, below=ours.number, head=look.head.number
        )
        first = ancestor.number + 1 if ancestor else self._first(look)
        headers = await self._headers(first, look)
        if ancestor and headers and headers[0].parent_hash != ancestor.hash:
            raise NodeChanged(f"The node's chain changed at block {first} while it was read.")
        reorganised = ours.number >= 0 and (ancestor is None or ancestor.hash != ours.hash)
        if not reorganised and not headers and not self._source.lowers_its_head:
            return
        committed = await self._store_headers(look, headers, ancestor, reorganised=reorganised)
        if reorganised:
            self._teller.reorganised(ours, ancestor, look.head, committed)

    async def _follow_headers(self, look: Look) -> None:
        ours = self._checkpoint
        headers = await self._headers(ours.number + 1 if ours.number >= 0 else self._first(look), look)
        if ours.number >= 0 and headers[0].parent_hash != ours.hash:
            await self._reorganise(look)
            return
        await self._store_headers(look, headers, None, reorganised=False)

    async def _headers(self, first: int, look: Look) -> list[Header]:
        """Read headers from ``first`` towards the head, at most a window of them, and check their links."""
        last = min(look.head.number, first + self._window - 1)
        numbers = [number for number in range(first, last + 1) if number != look.head.number]
        found = await self._ask(self._source.headers, numbers) if numbers else []
        headers = [header for header in found if header is not None]
        if len(headers) < len(numbers):
            raise NodeChanged(f"The node does not have every block from {first} to {last}.")
        if last == look.head.number and first <= last:
            headers.append(look.head)
        linked(headers)
        return headers

    async def _store_headers(
        self, look: Look, headers: Sequence[Header], ancestor: Header | None, *, reorganised: bool
    ) -> Committed:
        logs, decoded = await self._logs(headers)
        tip = headers[-1] if headers else ancestor
        blocks = [
            Seen(header, count, milestone=header.number % MILESTONE_EVERY == 0)
            for header, count in zip(headers, logs, strict=True)
        ]
        return await self._commit(
            Advance(
                expected=self._checkpoint,
                watch=self._watch,
                span=Span(
                    self._chain_id,
                    headers[0].number if headers else look.head.number,
                    headers[-1].number if headers else look.head.number,
                ),
                blocks=blocks,
                decoded=[decoded],
                tip=tip,
                observed=max(len(headers), int(self._source.lowers_its_head)),
                position=look.position,
                at_end=tip is not None and tip.hash == look.head.hash and not self._source.lowers_its_head,
                reorganised=reorganised,
                ancestor=ancestor,
                head=look.head,
            ),
            look,
        )

    async def _logs(self, headers: Sequence[Header]) -> tuple[list[int], Decoded]:
        """Read and decode the logs of blocks; how many each has, and what they hold together."""

        def read() -> tuple[list[int], Decoded]:
            found = self._source.logs_of(headers, frozenset(self._watch.contracts))
            logs: list[RawLog] = [log for of_block in found for log in of_block]
            return [len(of_block) for of_block in found], self._decode(logs)

        counts, decoded = await self._ask(read)
        total = sum(counts)
        if total > LOGS_A_TRANSACTION:
            self._window = max(1, len(headers) * LOGS_A_TRANSACTION // total)
        elif self._window < self._pace.window and total < LOGS_A_TRANSACTION // 2:
            self._window = min(self._pace.window, self._window * 2)
        return counts, decoded

    async def _read_ranges(self, look: Look) -> None:
        """Read final blocks by range up to finality, unless the first of them does not follow ours."""
        first = self._checkpoint.number + 1 if self._checkpoint.number >= 0 else self._start_block
        backfill = self._backfill(first, look.finalized)
        try:
            async for pieces in backfill:
                ours = self._checkpoint
                if ours.number >= 0 and pieces[0].first.parent_hash != ours.hash:
                    backfill.close()
                    await self._reorganise_below_finality(look)
                    return
                await self._commit(self._range_step(pieces, look), look)
                await self._teller.reading(look, self._checkpoint.number)
        finally:
            backfill.close()

    async def _reorganise_below_finality(self, look: Look) -> None:
        before = self._checkpoint
        await self._reorganise(look)
        if self._checkpoint == before:
            raise NodeNonsense(
                f"The node's block {before.number + 1} does not follow its own block {before.number}.",
                hint="Several nodes may answer at this URL, and they disagree about final blocks.",
            )

    def _range_step(self, pieces: Sequence[Piece], look: Look) -> Advance:
        tip = pieces[-1].last
        return Advance(
            expected=self._checkpoint,
            watch=self._watch,
            span=Span(self._chain_id, pieces[0].first.number, tip.number),
            blocks=[seen for piece in pieces for seen in piece.blocks],
            decoded=[piece.decoded for piece in pieces],
            tip=tip,
            observed=tip.number - pieces[0].first.number + 1,
            at_end=tip.hash == look.head.hash,
        )

    async def _replay(self, look: Look) -> None:
        """Read some history again: final blocks by range, others by their hashes."""
        following, until = self._checkpoint.replay_next, self._checkpoint.replay_until
        if following is None or until is None:
            return
        final = min(until, look.finalized)
        if following > final:
            await self._replay_headers(following, min(until, following + self._window - 1))
            return
        backfill = self._backfill(following, final)
        ends = time.monotonic() + REPLAY_SECONDS
        try:
            async for pieces in backfill:
                span = Span(self._chain_id, pieces[0].first.number, pieces[-1].last.number, replay=True)
                seen = [block for piece in pieces for block in piece.blocks]
                await self._commit_replay(span, seen, [piece.decoded for piece in pieces])
                if time.monotonic() > ends:
                    return
        finally:
            backfill.close()

    async def _replay_headers(self, first: int, last: int) -> None:
        found = await self._ask(self._source.headers, range(first, last + 1))
        stored = await self._ledger.down_from(last, last - first + 1)
        ours = {header.number: header.hash for header in stored}
        headers = [
            header for header in found if header and ours.get(header.number, header.hash) == header.hash
        ]
        # What a recording does not show (any more) is about to be retracted; a node must have it all.
        if len(headers) < len(found) and not self._source.lowers_its_head:
            raise NodeChanged(f"The node does not have every block from {first} to {last} as it was read.")
        counts, decoded = await self._logs(headers)
        seen = [Seen(header, count) for header, count in zip(headers, counts, strict=True)]
        await self._commit_replay(Span(self._chain_id, first, last, replay=True), seen, [decoded])

    async def _commit_replay(self, span: Span, seen: Sequence[Seen], decoded: Sequence[Decoded]) -> None:
        committed = await self._ledger.replay(self._checkpoint, self._watch, span, seen, decoded)
        self._checkpoint = committed.checkpoint
        self._teller.committed(committed)

    async def _commit(self, step: Advance, look: Look) -> Committed:
        committed = await self._ledger.advance(step)
        self._checkpoint = committed.checkpoint
        self._refreshed = time.monotonic()
        self._teller.committed(committed)
        if self._source.lowers_its_head:
            await self._ask(self._source.take)
        elif look.finalized - PRUNE_MARGIN > self._pruned_at + PRUNE_EVERY:
            self._pruned_at = look.finalized - PRUNE_MARGIN
            await self._ledger.prune(self._pruned_at)
        return committed

    async def _refresh(self, *, at_once: bool = False) -> None:
        """Look now and then at what is watched and whether history is to be read again."""
        if at_once or time.monotonic() - self._refreshed > IDLE_SECONDS:
            self._checkpoint, self._watch = await self._ledger.refresh()
            self._refreshed = time.monotonic()

    async def _mark_end(self) -> None:
        if not self._checkpoint.at_end:
            await self._ledger.mark_end(self._checkpoint)
            await self._refresh(at_once=True)

    def _backfill(self, first: int, last: int) -> Backfill:
        return Backfill(
            self._source,
            self._watch,
            self._decode,
            first,
            last,
            size=self._size,
            concurrency=self._pace.concurrency,
        )

    def _decode(self, logs: Sequence[RawLog]) -> Decoded:
        if not logs:
            return Decoded(b"", 0)
        return self._subscription.decode(self._chain_id, self._watch, logs)

    async def _shown(self, numbers: Sequence[int]) -> list[Header | None]:
        return await self._ask(self._source.headers, numbers)

    async def _ask(self, question: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, *arguments)
