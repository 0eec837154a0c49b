"""Verifies what a node answers: a log or header that is returned from here can be trusted in form.

Whatever is built from a node's text later (COPY lines, statements, pages) relies on these checks:
hashes, addresses and numbers are hex digits of the right size and lower case, logs come from where
they were asked for, in order, and each once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from holdfast.chain.errors import NodeChanged, NodeNonsense
from holdfast.chain.subscription import Header, RawLog

_HASH = re.compile(r"0x[0-9a-f]{64}")
_HASHES = re.compile(r"(?:0x[0-9a-f]{64})*")
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
LARGEST = 2**63 - 1
YEAR_2100 = 4_102_444_800


def quantity(value: Any, what: str, largest: int = LARGEST) -> int:
    """Read a number as JSON-RPC writes it: "0x" and hex digits."""
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        number = int(value, 16)
        if number <= largest:
            return number
    raise NodeNonsense(f"The node's {what} is not a number that can be: {_cut(value)}.")


def block_hash(value: Any, what: str) -> str:
    """Read a 32-byte hash."""
    if isinstance(value, str):
        value = value.lower()
        if _HASH.fullmatch(value):
            return str(value)
    raise NodeNonsense(f"The node's {what} is not a hash: {_cut(value)}.")


def header(value: Any, *, number: int | None = None) -> Header:
    """Read a block as a node gives it; with ``number`` it must be that one."""
    if not isinstance(value, Mapping):
        raise NodeNonsense(f"The node's block is not an object: {_cut(value)}.")
    found = Header(
        number=quantity(value.get("number"), "block number"),
        hash=block_hash(value.get("hash"), "block hash"),
        parent_hash=block_hash(value.get("parentHash"), "parent hash"),
        timestamp=quantity(value.get("timestamp"), "block time", YEAR_2100),
    )
    if number is not None and found.number != number:
        raise NodeNonsense(f"The node was asked for block {number} and answered block {found.number}.")
    return found


def logs(value: Any, addresses: Collection[str], times: Mapping[str, int] | None = None) -> list[RawLog]:
    """Read the logs that a node answered for a filter by addresses (lower-case).

    They are returned in the order of the chain, numbers in their shortest form, everything but
    ``data`` verified. ``times`` gives block times by block hash where they are known already.
    """
    if not isinstance(value, list):
        raise NodeNonsense(f"The node's logs are not a list: {_cut(value)}.")
    places = []
    block = _Block("", "", None, 0, None)
    try:
        for log in value:
            _check_origin(log, addresses)
            _check_hashes(log)
            given = log.get("blockTimestamp")
            if log["blockHash"] != block.hash or log["blockNumber"] != block.text or given != block.given:
                block = _block(log, times)
            if block.time is not None:
                log["blockTimestamp"] = block.time
            index = int(log["logIndex"], 16)
            if hex(index) != log["logIndex"] or not 0 <= index <= LARGEST:
                log["logIndex"] = hex(quantity(log["logIndex"], "log index"))
            places.append((block.number, index, log["blockHash"]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NodeNonsense(f"The node's log cannot be read: {type(error).__name__} {error}.") from error
    return _in_order(value, places)


@dataclass(frozen=True, slots=True)
class _Block:
    """A block as its logs name it: hash, number as text, time as given; the number, and the time to set."""

    hash: str
    text: str
    given: str | None
    number: int
    time: str | None


def _block(log: dict[str, Any], times: Mapping[str, int] | None) -> _Block:
    """Verify what a log says of its block; the logs after it mostly say the same."""
    block = block_hash(log["blockHash"], "block hash")
    number = quantity(log["blockNumber"], "block number")
    given = log.get("blockTimestamp")
    known = times.get(block) if times is not None else None
    if known is None and given is not None:
        known = quantity(given, "block time", YEAR_2100)
    log["blockHash"], log["blockNumber"] = block, hex(number)
    return _Block(block, log["blockNumber"], given, number, None if known is None else hex(known))


def _check_origin(log: dict[str, Any], addresses: Collection[str]) -> None:
    address = log["address"]
    if address not in addresses:
        address = log["address"] = address.lower()
        if address not in addresses:
            raise NodeNonsense(f"The node gave a log of {_cut(address)}, which was not asked for.")
    if log.get("removed"):
        raise NodeNonsense("The node gave a log that it calls removed.")
    if type(log["data"]) is not str or log["data"][:2] != "0x":
        raise NodeNonsense("The node gave a log whose data are not text.")


def _check_hashes(log: dict[str, Any]) -> None:
    topics = log["topics"]
    if type(topics) is not list or len(topics) > 4:
        raise NodeNonsense("The node gave a log whose topics are not a list of four at most.")
    # One match over all of them: this runs for every log.
    hashes = log["transactionHash"] + "".join(topics)
    if len(hashes) != 66 * (1 + len(topics)) or not _HASHES.fullmatch(hashes):
        log["transactionHash"] = block_hash(log["transactionHash"], "transaction hash")
        log["topics"] = [block_hash(topic, "topic") for topic in topics]


def _in_order(found: list[RawLog], places: list[tuple[int, int, str]]) -> list[RawLog]:
    """Put logs in the order of the chain, each once, each block number with one hash."""
    for one, following in pairwise(places):
        if one >= following or (one[0] == following[0] and one[2] != following[2]):
            break
    else:
        return found
    order = sorted(range(len(found)), key=places.__getitem__)
    for one, following in pairwise(places[place] for place in order):
        if one[0] == following[0] and one[2] != following[2]:
            raise NodeNonsense(f"The node gave logs of two blocks with the number {one[0]}.")
        if one == following:
            raise NodeNonsense(f"The node gave a log of block {one[0]} twice.")
    return [found[place] for place in order]


def linked(headers: Sequence[Header]) -> None:
    """Check that each header's parent is the one before it. Raises ``NodeChanged``."""
    for parent, child in pairwise(headers):
        if child.parent_hash != parent.hash or child.number != parent.number + 1:
            raise NodeChanged(
                f"The node's block {child.number} does not follow its block {parent.number}.",
                hint="Its chain changed while it was read, or several nodes answer at this URL.",
            )


_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


def check_data(data: str, block_number: int) -> None:
    """Check the data of a log that no decoder took, which may be because it is not hex digits at all."""
    if not _HEX.fullmatch(data):
        raise NodeNonsense(f"The node gave a log of block {block_number} whose data are not hex digits.")


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
