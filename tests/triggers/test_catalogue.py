"""Every event of the catalogue is decoded, and nothing of it is lost."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.chain.signatures import Parameter, keccak, parse_event
from holdfast.chain.subscription import Watch
from holdfast.systems.triggers.events.catalogue import COLUMNS, EVENTS, Event
from holdfast.systems.triggers.events.subscription import SUBSCRIPTION
from tests.triggers.chain import ADDRESSES, CHAIN_ID, CLIENT, Chain, log_of, signature
from tests.triggers.conftest import Maker

ALL = [(registry, event) for registry, events in EVENTS.items() for event in events]
WATCH = Watch({address: registry for registry, address in ADDRESSES.items()})


def sample(parameter: Parameter, place: int) -> Any:
    """Return a value that no other parameter of the event has."""
    kind = parameter.type.kind
    if kind == "string":
        return f"text {place}"
    if kind == "bytes":
        return bytes([place, 0xFF])
    if kind == "fixed_bytes":
        return f"tag-{place}".encode().ljust(32, b"\0")
    if kind == "address":
        return f"0x{0xAA00 + place:040x}"
    return True if kind == "bool" else 40 + place


@pytest.mark.parametrize(("registry", "event"), ALL, ids=[f"{r}-{parse_event(e.signature)}" for r, e in ALL])
async def test_every_argument_of_an_event_is_found_in_its_row(
    registry: str, event: Event, chain: Chain, maker: Maker
) -> None:
    parsed = parse_event(event.signature)
    values = {parameter.name: sample(parameter, place) for place, parameter in enumerate(parsed.parameters)}
    await chain.add(log_of(ADDRESSES[registry], event.signature, values))
    (row,) = await maker.rows("SELECT * FROM triggers.events")
    assert (row["registry"], row["event_type"]) == (registry, parsed.name)
    told = {str(value) for value in row.values()} | {
        str(value) for value in (row["arguments"] or {}).values()
    }
    for parameter in parsed.parameters:
        if parameter.name in event.implied:
            continue
        assert told & _forms(parameter, values[parameter.name]), parameter.name


def _forms(parameter: Parameter, value: Any) -> set[str]:
    if isinstance(value, bytes):
        return {"0x" + value.hex(), value.rstrip(b"\0").decode("latin-1")}
    if parameter.indexed and parameter.type.kind == "string":
        return {keccak(value.encode())}
    return {str(value)}


def test_columns_of_the_copy_are_those_of_the_table_and_each_once() -> None:
    assert len(set(COLUMNS)) == len(COLUMNS)


def test_topics_are_those_of_the_deployed_contracts() -> None:
    topics = {str(parse_event(event.signature)): parse_event(event.signature).topic for _, event in ALL}
    assert (
        topics["NewFeedback(uint256,address,uint64,int128,uint8,string,string,string,string,string,bytes32)"]
        == "0x6a4a61743519c9d648a14e6493f47dbe3ff1aa29e7785c96c8326a205e58febc"
    )
    assert (
        topics["NewFeedback(uint256,address,uint8,bytes32,bytes32,string,bytes32)"]
        == "0x54b3254e4cc01969e70376d20390cc2f6af90539d9adaa78a53ebcda17f78154"
    )


async def test_feedback_of_2025_has_a_score_and_tags_as_text(chain: Chain, maker: Maker) -> None:
    values = {
        "agentId": 4,
        "clientAddress": CLIENT,
        "score": 87,
        "tag1": b"quality".ljust(32, b"\0"),
        "tag2": bytes(range(224, 256)),
        "fileuri": "ipfs://file",
        "filehash": b"\x01" * 32,
    }
    await chain.add(
        log_of(ADDRESSES["reputation"], signature("NewFeedback", of="bytes32 indexed tag1"), values)
    )
    (row,) = await maker.rows("SELECT * FROM triggers.events")
    assert (row["score"], row["value"], row["value_decimals"]) == (87, 87, 0)
    assert (row["tag1"], row["tag2"]) == ("quality", "0x" + bytes(range(224, 256)).hex())
    assert (row["feedback_index"], row["file_uri"]) == (None, "ipfs://file")


def test_an_unknown_topic_is_quarantined_with_its_reason() -> None:
    known = log_of(
        ADDRESSES["reputation"],
        signature("FeedbackRevoked"),
        {
            "agentId": 1,
            "clientAddress": CLIENT,
            "feedbackIndex": 1,
        },
    )
    place = {
        "blockNumber": "0x1",
        "blockHash": "0x" + "1" * 64,
        "blockTimestamp": "0x1",
        "transactionHash": "0x" + "2" * 64,
        "logIndex": "0x0",
    }
    strange = {**known, **place, "topics": ["0x" + "9" * 64]}
    # an event of another registry is unknown here too
    misplaced = {**known, **place, "address": ADDRESSES["identity"]}
    decoded = SUBSCRIPTION.decode(CHAIN_ID, WATCH, [strange, misplaced])
    assert decoded.count == 0
    assert [log.reason.startswith("unknown topic 0x") for log in decoded.quarantined] == [True, True]
