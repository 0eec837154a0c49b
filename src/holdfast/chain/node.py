"""A source that is a node, read by JSON-RPC."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from holdfast.chain.answers import header, logs, quantity
from holdfast.chain.computing import COMPUTING
from holdfast.chain.errors import (
    NodeBusy,
    NodeChanged,
    NodeNonsense,
    NodeRefused,
    OtherChain,
    TooMuch,
)
from holdfast.chain.rpc import Rpc, RpcError
from holdfast.chain.source import Look, Range
from holdfast.chain.subscription import Header, RawLog


class Node:
    """One chain as a node tells it. Every look asks which chain it is: another one is never read."""

    lowers_its_head = False

    def __init__(self, rpc: Rpc, chain_id: int, *, confirmations: int) -> None:
        self._rpc = rpc
        self._chain_id = chain_id
        self._confirmations = confirmations

    def close(self) -> None:
        """End every connection."""
        self._rpc.close()

    def take(self) -> None:
        """Do nothing: a node goes on by itself."""

    def look(self) -> Look:
        """Ask for the head and the finalized block. Raises ``OtherChain`` where the chain is another."""
        chain, latest, finalized = self._rpc.ask(
            [
                ("eth_chainId", []),
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getBlockByNumber", ["finalized", False]),
            ]
        )
        self._check_chain(chain)
        head = header(_answered(latest, "its head"))
        if isinstance(finalized, RpcError) or finalized is None:
            return Look(head, head.number - self._confirmations)
        return Look(head, min(header(finalized).number, head.number))

    def headers(self, numbers: Sequence[int]) -> list[Header | None]:
        """Ask for headers by number, in batches."""
        answers = self._rpc.ask([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
        return [
            None if answer is None else header(_answered(answer, f"block {number}"), number=number)
            for number, answer in zip(numbers, answers, strict=True)
        ]

    def logs_of(self, headers: Sequence[Header], addresses: Collection[str]) -> list[Sequence[RawLog]]:
        """Ask for the logs of blocks by their hashes, in batches.

        Raises ``NodeChanged`` where the node does not know such a block any more.
        """
        if not addresses:
            return [[] for _ in headers]
        asked = sorted(addresses)
        answers = self._rpc.ask(
            [("eth_getLogs", [{"blockHash": header.hash, "address": asked}]) for header in headers]
        )
        found: list[Sequence[RawLog]] = []
        for block, answer in zip(headers, answers, strict=True):
            if isinstance(answer, RpcError) or answer is None:
                raise NodeChanged(f"The node gives no logs of block {block.number} by its hash: {answer}.")
            of_block = logs(answer, addresses, {block.hash: block.timestamp})
            if any(
                log["blockHash"] != block.hash or int(log["blockNumber"], 16) != block.number
                for log in of_block
            ):
                raise NodeNonsense(f"The node was asked for logs of block {block.number} and gave another's.")
            found.append(of_block)
        return found

    def range_of(self, first: int, last: int, addresses: Collection[str]) -> Range:
        """Ask for the logs of a range, halving it until the node answers.

        Returns fewer blocks than asked for where the range was refused. Raises ``NodeRefused`` where it
        refuses a single block too.
        """
        refused = False
        while True:
            try:
                start, end, found = self._range(first, last, addresses)
            except (TooMuch, NodeBusy) as error:
                # A gateway in front of a node answers 502 when a range takes too long.
                told = isinstance(error, NodeBusy) and (error.seconds is not None or first == last)
                if told or first == last:
                    raise
                found = RpcError(0, error.message)
            if not isinstance(found, RpcError):
                return Range(start, end, found, refused)
            if first == last:
                raise NodeRefused(f"The node refuses the logs of block {first}: {found}.")
            refused = True
            last = first + (last - first) // 2

    def _range(
        self, first: int, last: int, addresses: Collection[str]
    ) -> tuple[Header, Header, Sequence[RawLog] | RpcError]:
        asked = {"fromBlock": hex(first), "toBlock": hex(last), "address": sorted(addresses)}
        answer, start, end = self._rpc.ask_together(
            [
                ("eth_getLogs", [asked]),
                ("eth_getBlockByNumber", [hex(first), False]),
                ("eth_getBlockByNumber", [hex(last), False]),
            ]
        )
        start = header(_answered(start, f"block {first}"), number=first)
        end = header(_answered(end, f"block {last}"), number=last)
        if isinstance(answer, RpcError):
            return start, end, answer
        with COMPUTING:
            found = logs(answer, addresses)
        self._check_range(found, start, end)
        self._fill_times(found)
        return start, end, found

    def _check_range(self, found: Sequence[RawLog], start: Header, end: Header) -> None:
        """Check the first and last logs against the ends; ``logs`` has put them in order."""
        if not found:
            return
        lowest, highest = int(found[0]["blockNumber"], 16), int(found[-1]["blockNumber"], 16)
        if lowest < start.number or highest > end.number:
            raise NodeNonsense(f"The node gave logs outside of the blocks {start.number} to {end.number}.")
        for log, number, block in ((found[0], lowest, start), (found[-1], highest, end)):
            if number == block.number and log["blockHash"] != block.hash:
                raise NodeNonsense(f"The node's logs and header of block {number} contradict each other.")

    def _fill_times(self, found: Sequence[RawLog]) -> None:
        """Ask for the times of blocks whose logs came without."""
        missing = {
            int(log["blockNumber"], 16): log["blockHash"] for log in found if "blockTimestamp" not in log
        }
        if not missing:
            return
        numbers = sorted(missing)
        times: dict[str, int] = {}
        for number, block in zip(numbers, self.headers(numbers), strict=True):
            if block is None or block.hash != missing[number]:
                raise NodeNonsense(f"The node's logs and header of block {number} contradict each other.")
            times[block.hash] = block.timestamp
        for log in found:
            if "blockTimestamp" not in log:
                log["blockTimestamp"] = hex(times[log["blockHash"]])  # type: ignore[index]  # our own dicts

    def _check_chain(self, answer: Any) -> None:
        found = quantity(_answered(answer, "its chain id"), "chain id")
        if found != self._chain_id:
            raise OtherChain(
                f"The node serves chain {found}, not chain {self._chain_id}; it is not read.",
                hint="Correct the RPC URL: remove the chain and add it again.",
            )


def _answered(answer: Any, what: str) -> Any:
    if isinstance(answer, RpcError):
        raise NodeRefused(f"The node does not give {what}: {answer}.")
    if answer is None:
        raise NodeChanged(
            f"The node has no {what}.", hint="It is behind, or several nodes answer at this URL."
        )
    return answer


def ask_chain_id(rpc: Rpc) -> int:
    """Ask a node which chain it serves."""
    return quantity(_answered(rpc.ask_one("eth_chainId"), "its chain id"), "chain id")
