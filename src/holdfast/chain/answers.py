"""Verifies what a node answers: a log or header that is returned from here can be trusted in form.

Whatever is built from a node's text later (COPY lines, statements, pages) relies on these checks:
hashes, addresses and numbers are hex digits of the right size and lower case, logs come from where
they were asked for, in order, and each once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
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
    found = [_log(log, addresses) for log in value]
    in_order = sorted(found, key=_place)
    for one, following in pairwise(in_order):
        same_block = one["blockNumber"] == following["blockNumber"]
        if same_block and one["blockHash"] != following["blockHash"]:
            raise NodeNonsense(f"The node gave logs of two blocks with the number {one['blockNumber']}.")
        if same_block and one["logIndex"] == following["logIndex"]:
            raise NodeNonsense(f"The node gave a log of block {one['blockNumber']} twice.")
    for log in in_order:
        _set_time(log, times)
    return in_order


def _place(log: RawLog) -> tuple[int, int]:
    return int(log["blockNumber"], 16), int(log["logIndex"], 16)


def _log(log: Any, addresses: Collection[str]) -> RawLog:
    if not isinstance(log, dict):
        raise NodeNonsense(f"The node's log is not an object: {_cut(log)}.")
    try:
        _check_origin(log, addresses)
        _check_hashes(log)
        for name in ("blockNumber", "logIndex"):
            number = int(log[name], 16)
            if hex(number) != log[name] or not 0 <= number <= LARGEST:
                log[name] = hex(quantity(log[name], name))
        if type(log["data"]) is not str or log["data"][:2] != "0x":
            raise NodeNonsense("The node gave a log whose data are not text.")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise NodeNonsense(f"The node's log cannot be read: {type(error).__name__} {error}.") from error
    return log


def _check_origin(log: dict[str, Any], addresses: Collection[str]) -> None:
    address = log["address"]
    if address not in addresses:
        address = log["address"] = address.lower()
        if address not in addresses:
            raise NodeNonsense(f"The node gave a log of {_cut(address)}, which was not asked for.")
    if log.get("removed"):
        raise NodeNonsense("The node gave a log that it calls removed.")


def _check_hashes(log: dict[str, Any]) -> None:
    topics = log["topics"]
    if type(topics) is not list or len(topics) > 4:
        raise NodeNonsense("The node gave a log whose topics are not a list of four at most.")
    # One match over all of them: this runs for every log.
    hashes = log["blockHash"] + log["transactionHash"] + "".join(topics)
    if len(hashes) != 66 * (2 + len(topics)) or not _HASHES.fullmatch(hashes):
        log["blockHash"] = block_hash(log["blockHash"], "block hash")
        log["transactionHash"] = block_hash(log["transactionHash"], "transaction hash")
        log["topics"] = [block_hash(topic, "topic") for topic in topics]


def _set_time(log: Any, times: Mapping[str, int] | None) -> None:
    known = times.get(log["blockHash"]) if times is not None else None
    if known is not None:
        log["blockTimestamp"] = hex(known)
    elif log.get("blockTimestamp") is not None:
        log["blockTimestamp"] = hex(quantity(log["blockTimestamp"], "block time", YEAR_2100))


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
