"""The events of the three registries: their signatures, and the column that each argument goes to.

Sources: the contracts as deployed in January 2026 (version 2.0.0); ERC-721 and ERC-4906 for the agents'
tokens; ERC-1967 and OpenZeppelin's Initializable and Ownable for the proxies. NewFeedback of before
2026 had other forms: one of the draft of October 2025 (``bytes32`` tags, no index, no endpoint) and
two of its revisions. What none of these describes is quarantined by the follower.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from holdfast.chain.columns import Argument, Column, Computed, Constant, Field
from holdfast.chain.columns import written as written_value
from holdfast.chain.decoding import LineDecoder, line_decoder
from holdfast.chain.signatures import parse_event

REGISTRIES = ("identity", "reputation", "validation")

COLUMNS = (
    "chain_id",
    "block_number",
    "block_hash",
    "block_time",
    "transaction_hash",
    "log_index",
    "address",
    "registry",
    "event_type",
    "agent_id",
    "owner",
    "token_uri",
    "updated_by",
    "metadata_key",
    "metadata_value",
    "client_address",
    "feedback_index",
    "value",
    "value_decimals",
    "tag1",
    "tag2",
    "endpoint",
    "file_uri",
    "file_hash",
    "responder",
    "validator_address",
    "request_hash",
    "request_uri",
    "response",
    "response_uri",
    "response_hash",
    "tag",
    "arguments",
)
"""The columns of ``triggers.events`` that a decoded row fills, in its order."""


@dataclass(frozen=True)
class Event:
    """An event: its Solidity signature, and where its arguments go.

    ``columns`` maps a column to an argument, or to how it is made. ``implied`` names arguments that
    say nothing more (the hash of a text that stands beside it). All others are kept by name in the
    column ``arguments``.
    """

    signature: str
    columns: Mapping[str, str | Column] = field(default_factory=dict)
    implied: tuple[str, ...] = ()


def _text_of_bytes32(value: bytes) -> str:
    """Return a tag that is padded with zero bytes as text, or as hex digits where it is none."""
    stripped = value.rstrip(b"\0")
    try:
        text = stripped.decode()
    except UnicodeDecodeError:
        return "0x" + value.hex()
    return "0x" + value.hex() if "\0" in text else text


_FEEDBACK = {"agent_id": "agentId", "client_address": "clientAddress", "feedback_index": "feedbackIndex"}
_PROXY = (
    Event("Upgraded(address indexed implementation)"),
    Event("Initialized(uint64 version)"),
    Event(
        "OwnershipTransferred(address indexed previousOwner, address indexed newOwner)", {"owner": "newOwner"}
    ),
    Event("EIP712DomainChanged()"),
)

EVENTS: Mapping[str, tuple[Event, ...]] = {
    "identity": (
        Event(
            "Registered(uint256 indexed agentId, string agentURI, address indexed owner)",
            {"agent_id": "agentId", "token_uri": "agentURI", "owner": "owner"},
        ),
        Event(
            "MetadataSet(uint256 indexed agentId, string indexed indexedMetadataKey, string metadataKey, "
            "bytes metadataValue)",
            {"agent_id": "agentId", "metadata_key": "metadataKey", "metadata_value": "metadataValue"},
            implied=("indexedMetadataKey",),
        ),
        Event(
            "URIUpdated(uint256 indexed agentId, string newURI, address indexed updatedBy)",
            {"agent_id": "agentId", "token_uri": "newURI", "updated_by": "updatedBy"},
        ),
        Event(
            "Transfer(address indexed from, address indexed to, uint256 indexed tokenId)",
            {"agent_id": "tokenId", "owner": "to"},
        ),
        Event(
            "Approval(address indexed owner, address indexed approved, uint256 indexed tokenId)",
            {"agent_id": "tokenId", "owner": "owner"},
        ),
        Event(
            "ApprovalForAll(address indexed owner, address indexed operator, bool approved)",
            {"owner": "owner"},
        ),
        Event("MetadataUpdate(uint256 _tokenId)", {"agent_id": "_tokenId"}),
        Event("BatchMetadataUpdate(uint256 _fromTokenId, uint256 _toTokenId)"),
        *_PROXY,
    ),
    "reputation": (
        Event(
            "NewFeedback(uint256 indexed agentId, address indexed clientAddress, uint64 feedbackIndex, "
            "int128 value, uint8 valueDecimals, string indexed indexedTag1, string tag1, string tag2, "
            "string endpoint, string feedbackURI, bytes32 feedbackHash)",
            {
                **_FEEDBACK,
                "value": "value",
                "value_decimals": "valueDecimals",
                "tag1": "tag1",
                "tag2": "tag2",
                "endpoint": "endpoint",
                "file_uri": "feedbackURI",
                "file_hash": "feedbackHash",
            },
            implied=("indexedTag1",),
        ),
        # Before 2026: a score of 0 to 100 in place of a value with decimals.
        Event(
            "NewFeedback(uint256 indexed agentId, address indexed clientAddress, uint8 score, "
            "bytes32 indexed tag1, bytes32 tag2, string fileuri, bytes32 filehash)",
            {
                "agent_id": "agentId",
                "client_address": "clientAddress",
                "value": "score",
                "value_decimals": Constant(0),
                "tag1": Computed(_text_of_bytes32, ("tag1",)),
                "tag2": Computed(_text_of_bytes32, ("tag2",)),
                "file_uri": "fileuri",
                "file_hash": "filehash",
            },
        ),
        Event(
            "NewFeedback(uint256 indexed agentId, address indexed clientAddress, uint64 feedbackIndex, "
            "uint8 score, string indexed indexedTag1, string tag1, string tag2, string endpoint, "
            "string feedbackURI, bytes32 feedbackHash)",
            {
                **_FEEDBACK,
                "value": "score",
                "value_decimals": Constant(0),
                "tag1": "tag1",
                "tag2": "tag2",
                "endpoint": "endpoint",
                "file_uri": "feedbackURI",
                "file_hash": "feedbackHash",
            },
            implied=("indexedTag1",),
        ),
        # This revision told the first tag by its hash alone; the text is not on the chain.
        Event(
            "NewFeedback(uint256 indexed agentId, address indexed clientAddress, uint64 feedbackIndex, "
            "uint8 score, string indexed tag1, string tag2, string endpoint, string feedbackURI, "
            "bytes32 feedbackHash)",
            {
                **_FEEDBACK,
                "value": "score",
                "value_decimals": Constant(0),
                "tag2": "tag2",
                "endpoint": "endpoint",
                "file_uri": "feedbackURI",
                "file_hash": "feedbackHash",
            },
        ),
        Event(
            "FeedbackRevoked(uint256 indexed agentId, address indexed clientAddress, "
            "uint64 indexed feedbackIndex)",
            _FEEDBACK,
        ),
        Event(
            "ResponseAppended(uint256 indexed agentId, address indexed clientAddress, uint64 feedbackIndex, "
            "address indexed responder, string responseURI, bytes32 responseHash)",
            {
                **_FEEDBACK,
                "responder": "responder",
                "response_uri": "responseURI",
                "response_hash": "responseHash",
            },
        ),
        *_PROXY,
    ),
    "validation": (
        Event(
            "ValidationRequest(address indexed validatorAddress, uint256 indexed agentId, string requestURI, "
            "bytes32 indexed requestHash)",
            {
                "validator_address": "validatorAddress",
                "agent_id": "agentId",
                "request_uri": "requestURI",
                "request_hash": "requestHash",
            },
        ),
        Event(
            "ValidationResponse(address indexed validatorAddress, uint256 indexed agentId, "
            "bytes32 indexed requestHash, uint8 response, string responseURI, bytes32 responseHash, "
            "string tag)",
            {
                "validator_address": "validatorAddress",
                "agent_id": "agentId",
                "request_hash": "requestHash",
                "response": "response",
                "response_uri": "responseURI",
                "response_hash": "responseHash",
                "tag": "tag",
            },
        ),
        *_PROXY,
    ),
}
"""The events of each registry."""


def event_types(registry: str) -> tuple[str, ...]:
    """Return the names of a registry's events, each once."""
    return tuple(dict.fromkeys(parse_event(event.signature).name for event in EVENTS[registry]))


@cache
def decoders(chain_id: int) -> Mapping[str, Mapping[str, LineDecoder]]:
    """Return, by registry and first topic, the decoders that write rows of ``COLUMNS`` for a chain."""
    return {
        registry: {
            parse_event(event.signature).topic: line_decoder(
                event.signature, columns_of(event, registry, chain_id)
            )
            for event in events
        }
        for registry, events in EVENTS.items()
    }


def columns_of(event: Event, registry: str, chain_id: int) -> tuple[Column, ...]:
    """Return how each of ``COLUMNS`` is made from a log of an event."""
    signature = parse_event(event.signature)
    made: dict[str, Column] = {
        "chain_id": Constant(chain_id),
        "block_number": Field("block_number"),
        "block_hash": Field("block_hash"),
        "block_time": Field("block_time"),
        "transaction_hash": Field("transaction_hash"),
        "log_index": Field("log_index"),
        "address": Field("address"),
        "registry": Constant(registry),
        "event_type": Constant(signature.name),
    }
    taken = set(event.implied)
    for column, source in event.columns.items():
        made[column] = Argument(source) if isinstance(source, str) else source
        if isinstance(source, str):
            taken.add(source)
        elif isinstance(source, Computed):
            taken.update(source.arguments)
    left = tuple(parameter.name for parameter in signature.parameters if parameter.name not in taken)
    if left:
        made["arguments"] = Computed(_as_json(left), left)
    return tuple(made.get(column, Constant(None)) for column in COLUMNS)


def _as_json(names: tuple[str, ...]) -> Any:
    def written(*values: Any) -> str:
        return json.dumps(
            {
                name: value if isinstance(value, bool) else written_value(value)
                for name, value in zip(names, values, strict=True)
            },
            ensure_ascii=False,
        )

    return written
