"""The generated decoder, with eth-abi as the oracle."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from eth_abi.abi import decode as oracle_decode
from eth_abi.abi import encode as oracle_encode
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from holdfast.chain.columns import Argument, Computed, Constant, Field, Joined
from holdfast.chain.decoding import decode_logs, line_decoder, value_decoder
from holdfast.chain.errors import Undecodable, WrongSignature
from holdfast.chain.signatures import AbiType, EventSignature, Parameter, keccak, parse_event, parse_type
from tests.chain.listening import REGISTRY_EVENTS

NEW_FEEDBACK = next(event for event in REGISTRY_EVENTS if event.startswith("NewFeedback"))

# Topics as the deployed contracts emit them, read off the recorded chain and the standards.
KNOWN_TOPICS = {
    "NewFeedback": "0x6a4a61743519c9d648a14e6493f47dbe3ff1aa29e7785c96c8326a205e58febc",
    "Transfer": "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
    "Upgraded": "0xbc7cd75a20ee27fd9adebab32041f755214dbc6bffa90cc0225b39da2e5c2d3b",
    "Initialized": "0xc7f505b2f371ae2175ee4913f4499e1f2633a7b5936321eed1cdaeb6115181d2",
    "OwnershipTransferred": "0x8be0079c531659141344cd1fd0a4f28419497f9722a3daafe3b4186f6b6457e0",
}


def a_log(signature: EventSignature, topics: list[str], data: bytes) -> dict[str, Any]:
    return {
        "address": "0x" + "ab" * 20,
        "topics": [signature.topic, *topics],
        "data": "0x" + data.hex(),
        "blockNumber": "0x10",
        "blockHash": "0x" + "cd" * 32,
        "blockTimestamp": "0x6955b900",
        "transactionHash": "0x" + "ef" * 32,
        "logIndex": "0x3",
    }


def elementary() -> st.SearchStrategy[str]:
    bits = st.integers(1, 32).map(lambda bytes_: bytes_ * 8)
    return st.one_of(
        st.sampled_from(["address", "bool", "bytes", "string", "bytes", "string"]),
        bits.map("uint{}".format),
        bits.map("int{}".format),
        st.integers(1, 32).map("bytes{}".format),
    )


def types() -> st.SearchStrategy[str]:
    def composed(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            inner.map("{}[]".format),
            st.tuples(inner, st.integers(1, 3)).map(lambda pair: f"{pair[0]}[{pair[1]}]"),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({','.join(parts)})"),
        )

    return st.recursive(elementary(), composed, max_leaves=5)


def value_of(kind: AbiType) -> st.SearchStrategy[Any]:
    if kind.kind == "uint":
        return st.integers(0, 2**kind.size - 1)
    if kind.kind == "int":
        return st.integers(-(2 ** (kind.size - 1)), 2 ** (kind.size - 1) - 1)
    if kind.kind == "array":
        low, high = (kind.size, kind.size) if kind.size >= 0 else (0, 4)
        return st.lists(value_of(kind.parts[0]), min_size=low, max_size=high).map(tuple)
    if kind.kind == "tuple":
        return st.tuples(*map(value_of, kind.parts))
    plain: dict[str, st.SearchStrategy[Any]] = {
        "address": st.binary(min_size=20, max_size=20).map(lambda value: "0x" + value.hex()),
        "bool": st.booleans(),
        "bytes": st.binary(max_size=70),
        "string": st.text(max_size=40),
        "fixed_bytes": st.binary(min_size=kind.size, max_size=kind.size),
    }
    return plain[kind.kind]


@st.composite
def encoded(draw: st.DrawFn) -> tuple[list[str], tuple[Any, ...], bytes]:
    names = draw(st.lists(types(), max_size=6))
    values = tuple(draw(value_of(parse_type(name))) for name in names)
    return names, values, oracle_encode(names, values)


def event_of(names: list[str]) -> EventSignature:
    return EventSignature(
        "Made", tuple(Parameter(f"a{place}", parse_type(name), False) for place, name in enumerate(names))
    )


def ours(names: list[str], data: bytes) -> tuple[Any, ...] | None:
    """Decode with our decoder; None where it refuses. Anything but Undecodable is a fault."""
    signature = event_of(names)
    try:
        return tuple(value_decoder(signature)(a_log(signature, [], data)).values())
    except Undecodable:
        return None


def oracle(names: list[str], data: bytes) -> tuple[Any, ...] | None:
    """Decode with eth-abi; None where it refuses, by whatever exception."""
    try:
        return tuple(oracle_decode(names, data))
    except Exception:  # noqa: BLE001  eth-abi refuses with many kinds of exceptions
        return None


@given(encoded())
@settings(max_examples=300, deadline=None)
def test_what_is_encoded_is_decoded(case: tuple[list[str], tuple[Any, ...], bytes]) -> None:
    names, values, data = case
    assert ours(names, data) == values


@st.composite
def mutated(draw: st.DrawFn) -> tuple[list[str], bytes]:
    """A valid encoding with some words, bytes or its length changed: offsets and lengths above all."""
    names, _, data = draw(encoded())
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        if not changed:
            break
        word = 32 * draw(st.integers(0, len(changed) // 32))
        change = draw(st.integers(0, 4))
        if change == 0:
            value = draw(st.one_of(st.integers(0, len(changed) + 64), st.integers(0, 2**256 - 1)))
            changed[word : word + 32] = value.to_bytes(32, "big")
        elif change == 1:
            changed[draw(st.integers(0, len(changed) - 1))] ^= draw(st.integers(1, 255))
        elif change == 2:
            del changed[draw(st.integers(0, len(changed))) :]
        elif change == 3:
            changed += draw(st.binary(max_size=64))
        else:
            offset = 32 * draw(st.integers(0, 12))
            changed[word : word + 32] = offset.to_bytes(32, "big")
    return names, bytes(changed)


@given(mutated())
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example((["string[]"], oracle_encode(["uint256", "uint256"], [32, 2**255])))
@example((["string"], oracle_encode(["uint256", "uint256"], [32, 2**256 - 1])))
@example((["bytes", "uint8"], oracle_encode(["uint256", "uint8"], [2**256 - 1, 1])))
def test_what_is_odd_is_decoded_or_refused_as_by_the_oracle(case: tuple[list[str], bytes]) -> None:
    names, data = case
    assert ours(names, data) == oracle(names, data)


@given(st.lists(types(), max_size=5), st.binary(max_size=400))
@settings(max_examples=500, deadline=None)
def test_noise_is_decoded_or_refused_as_by_the_oracle(names: list[str], data: bytes) -> None:
    assert ours(names, data) == oracle(names, data)


@given(
    st.sampled_from(
        [f"uint{bits}" for bits in range(8, 257, 8)] + ["address", "bool", "bytes4", "bytes32", "int128"]
    ),
    st.binary(min_size=32, max_size=32),
)
def test_topics_are_decoded_or_refused_as_by_the_oracle(name: str, word: bytes) -> None:
    signature = EventSignature("Made", (Parameter("a", parse_type(name), True),))
    try:
        found: tuple[Any, ...] | None = tuple(
            value_decoder(signature)(a_log(signature, ["0x" + word.hex()], b"")).values()
        )
    except Undecodable:
        found = None
    assert found == oracle([name], word)


@pytest.mark.parametrize("event", REGISTRY_EVENTS)
def test_topics_are_the_deployed_contracts(event: str) -> None:
    signature = parse_event(event)
    if signature.name in KNOWN_TOPICS:
        assert signature.topic == KNOWN_TOPICS[signature.name]
    assert signature.topic == keccak(str(signature).encode())


def test_an_overlapping_bomb_is_refused_without_being_built() -> None:
    """2,000 offsets to the same 64 kB would be 128 MB."""
    text = oracle_encode(["uint256"], [64_000]) + b"x" * 64_000
    count = 2000
    data = oracle_encode(["uint256", "uint256"], [32, count])
    data += b"".join((32 * count).to_bytes(32, "big") for _ in range(count)) + text
    signature = event_of(["string[]"])
    with pytest.raises(Undecodable, match="overlapping"):
        value_decoder(signature)(a_log(signature, [], data))


def copied(signature: str, columns: list[Any], topics: list[str], names: list[str], values: list[Any]) -> str:
    event = parse_event(signature)
    return line_decoder(event, columns)(a_log(event, topics, oracle_encode(names, values)))


def test_a_line_holds_the_columns_in_their_order() -> None:
    line = copied(
        "Seen(uint256 indexed id, string indexed key, bool yes, bytes blob, bytes4 four, address who,"
        " int8 small)",
        [
            Joined((Constant(5), Constant("-"), Field("block_number"), Constant("-"), Field("log_index"))),
            Constant("a\tb\\{}"),
            Constant(None),
            *(Argument(name) for name in ("id", "key", "yes", "blob", "four", "who", "small")),
            Computed(lambda yes, small: f"{yes}\n{small}", ("yes", "small")),
            Computed(lambda _small: None, ("small",)),
            Field("block_time"),
            Field("block_seconds"),
            Field("address"),
        ],
        ["0x" + f"{2**256 - 1:x}", "0x" + "77" * 32],
        ["bool", "bytes", "bytes4", "address", "int8"],
        [True, b"\x00\xff", b"abcd", "0x" + "11" * 20, -7],
    )
    assert line.endswith("\n")
    assert line[:-1].split("\t") == [
        "5-16-3",
        "a\\tb\\\\{}",
        "\\N",
        str(2**256 - 1),
        "0x" + "77" * 32,
        "t",
        "0x00ff",
        "0x61626364",
        "0x" + "11" * 20,
        "-7",
        "True\\n-7",
        "\\N",
        "2026-01-01T00:00:00+00:00",
        "1767225600",
        "0x" + "ab" * 20,
    ]


@given(st.text(max_size=60), st.lists(st.tuples(st.text(max_size=5), st.integers(0, 2**256 - 1)), max_size=3))
@settings(max_examples=200)
def test_any_string_survives_the_line(text: str, pairs: list[tuple[str, int]]) -> None:
    """Read back by COPY's own rules: split at tabs, then unescape."""
    event = parse_event("Said(string text, (string,uint256)[] pairs)")
    log = a_log(event, [], oracle_encode(["string", "(string,uint256)[]"], [text, pairs]))
    decode = line_decoder(event, [Argument("text"), Argument("pairs"), Argument("text")])
    if "\0" in text:
        with pytest.raises(Undecodable, match="NUL"):
            decode(log)
        return
    line = decode(log)
    assert line.count("\n") == 1
    fields = line[:-1].split("\t")
    assert len(fields) == 3
    assert unescaped(fields[0]) == unescaped(fields[2]) == text
    assert json.loads(unescaped(fields[1])) == [[name, str(number)] for name, number in pairs]


def unescaped(field: str) -> str:
    out, place = "", 0
    while place < len(field):
        if field[place] == "\\":
            out += {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}[field[place + 1]]
            place += 2
        else:
            out += field[place]
            place += 1
    return out


def test_logs_that_no_decoder_takes_are_quarantined_whole_with_the_reason() -> None:
    event = parse_event("Said(string text)")
    decoders = {"kind": {event.topic: line_decoder(event, [Argument("text")])}}
    good = a_log(event, [], oracle_encode(["string"], ["hello"]))
    cases = {
        "unknown topic": {**good, "topics": ["0x" + "12" * 32]},
        "without a topic": {**good, "topics": []},
        "has 0 indexed": {**good, "topics": [event.topic, "0x" + "12" * 32]},
        "end early": {**good, "data": "0x"},
        "leads out": {**good, "data": "0x" + "ff" * 32},
        "not UTF-8": {**good, "data": "0x" + oracle_encode(["bytes"], [b"\xff"]).hex()},
        "NUL": {**good, "data": "0x" + oracle_encode(["string"], ["a\0b"]).hex()},
        "hex": {**good, "data": "0x zz"},
    }
    decoded = decode_logs([good, *cases.values()], {good["address"]: "kind"}, decoders)
    assert decoded.rows == b"hello\n"
    assert decoded.count == 1
    assert (decoded.first_time, decoded.last_time) == (1767225600, 1767225600)
    for (reason, log), found in zip(cases.items(), decoded.quarantined, strict=True):
        assert reason in found.reason
        assert (list(found.topics), found.data, found.log_index) == (log["topics"], log["data"], 3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NoParentheses",
        "A(uint7 a)",
        "A(uint256 a, uint256 a)",
        "A(bytes33 a)",
        "A(uint256 indexed a, uint256 indexed b, uint256 indexed c, uint256 indexed d)",
        "A((uint256 a)",
        "A(fixed128x18 a)",
        "A(uint256[0] a)",
        "A(() a)",
        "A(uint256 indexed indexed)",
        "A(uint256 a,)",
        "A(uint256 a); import os",
    ],
)
def test_signatures_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(WrongSignature):
        parse_event(text)


def test_signatures_are_read_as_solidity_writes_them() -> None:
    event = parse_event("event  Made(uint a, (address,string[2])[] indexed  pairs, bytes);")
    assert str(event) == "Made(uint256,(address,string[2])[],bytes)"
    assert [parameter.name for parameter in event.parameters] == ["a", "pairs", "argument2"]
    assert [parameter.indexed for parameter in event.parameters] == [False, True, False]
    with pytest.raises(WrongSignature, match="no argument named b"):
        line_decoder("Made(uint256 a)", [Argument("b")])


def test_arguments_in_no_column_are_checked_too() -> None:
    event = parse_event("Made(uint8 a, string b)")
    decode: Callable[[dict[str, Any]], str] = line_decoder(event, [Field("block_number")])
    assert decode(a_log(event, [], oracle_encode(["uint8", "string"], [1, "x"]))) == "16\n"
    with pytest.raises(Undecodable):
        decode(a_log(event, [], oracle_encode(["uint256", "string"], [256, "x"])))
