r"""Decoders generated from event signatures: from a node's log to a line of COPY text, or to values.

For every signature a Python function is written and compiled: words are cut out at known places,
every offset and length is checked, and the line is one f-string. That is several times faster than
walking over types at run time. Arrays and tuples, which are rare in events, are read by
``holdfast.chain.composite``. What is accepted and refused is the same as in eth-abi 6, strict mode.

    decode = line_decoder("FeedbackRevoked(uint256 indexed agentId, address indexed client)",
                          [Field("block_number"), Argument("agentId"), Argument("client")])
    decode(log)  # '17\t22\t0x70997970c51812dc3a010c7d01b50e0d17dc79c8\n'
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from holdfast.chain.columns import (
    NULL,
    Column,
    Computed,
    Constant,
    Field,
    Joined,
    escaped,
    escaped_or_null,
    time_text,
    written,
)
from holdfast.chain.composite import Data, reader
from holdfast.chain.errors import Undecodable, WrongSignature
from holdfast.chain.signatures import AbiType, EventSignature, Parameter, parse_event
from holdfast.chain.subscription import Decoded, Quarantined, RawLog, quarantined

LineDecoder = Callable[[RawLog], str]
ValueDecoder = Callable[[RawLog], dict[str, Any]]

_FIELDS = {
    "address": "log['address']",
    "block_hash": "log['blockHash']",
    "block_number": "int(log['blockNumber'], 16)",
    "block_seconds": "int(log['blockTimestamp'], 16)",
    "block_time": "time_text(int(log['blockTimestamp'], 16))",
    "data": "log['data']",
    "log_index": "int(log['logIndex'], 16)",
    "topic0": "topics[0]",
    "transaction_hash": "log['transactionHash']",
}


def line_decoder(signature: EventSignature | str, columns: Sequence[Column]) -> LineDecoder:
    """Return a function from a log to its line of COPY text (with the newline) in the columns given.

    The function raises ``Undecodable`` where the log does not hold what the signature says. Every
    argument is checked, also those in no column. Raises ``WrongSignature`` where the signature cannot
    be read or a column names an argument that it does not have.
    """
    return _Source(_signature(signature)).line(columns)


def value_decoder(signature: EventSignature | str) -> ValueDecoder:
    """Return a function from a log to its arguments by name.

    Integers are ``int``, addresses lower-case text, ``bytesN`` and ``bytes`` are ``bytes``, arrays and
    tuples ``tuple``; an indexed argument of a type that does not fit into a topic is its keccak-256 as
    text. The function raises ``Undecodable``. Raises ``WrongSignature``.
    """
    return _Source(_signature(signature)).values()


def decode_logs(
    logs: Sequence[RawLog],
    contracts: Mapping[str, str],
    decoders: Mapping[str, Mapping[str, LineDecoder]],
) -> Decoded:
    """Decode logs into lines: by the kind of the log's contract, then by its first topic.

    ``contracts`` is ``Watch.contracts``; ``decoders`` maps kind to topic to decoder. A log without a
    decoder, or one that its decoder refuses, is quarantined with the reason.
    """
    lines: list[str] = []
    refused: list[Quarantined] = []
    keep = lines.append
    first = last = ""
    by_address = {address: decoders.get(kind, {}) for address, kind in contracts.items()}
    for log in logs:
        topics = log["topics"]
        decode = by_address[log["address"]].get(topics[0]) if topics else None
        if decode is None:
            refused.append(quarantined(log, _unknown(log, contracts)))
            continue
        try:
            keep(decode(log))
        except Undecodable as error:
            refused.append(quarantined(log, error.message))
            continue
        first = first or log["blockTimestamp"]
        last = log["blockTimestamp"]
    times = (int(first, 16), int(last, 16)) if lines else (0, 0)
    return Decoded("".join(lines).encode(), len(lines), refused, min(times), max(times))


def _unknown(log: RawLog, contracts: Mapping[str, str]) -> str:
    kind = contracts[log["address"]]
    if not log["topics"]:
        return f"a log without a topic, of a contract of kind {kind}"
    return f"unknown topic {log['topics'][0]} of a contract of kind {kind}"


def _signature(signature: EventSignature | str) -> EventSignature:
    return parse_event(signature) if isinstance(signature, str) else signature


class _Source:
    """Writes the Python of one event's decoder.

    ``body`` are the statements that check a log and bind each argument's value to ``v0``, ``v1``, ...
    in the order of the parameters; ``names`` are the objects that the code refers to.
    """

    def __init__(self, signature: EventSignature) -> None:
        self.signature = signature
        self.body: list[str] = []
        self.names: dict[str, Any] = {
            "Undecodable": Undecodable,
            "Data": Data,
            "escaped": escaped,
            "escaped_or_null": escaped_or_null,
            "time_text": time_text,
            "written": written,
            "unhex": bytes.fromhex,
            "number": int.from_bytes,
            "cut_length": struct.Struct(">24sQ").unpack_from,
            "ZERO12": bytes(12),
            "ZERO24": bytes(24),
            "PADDING": tuple(bytes(size) for size in range(33)),
        }
        self._topics()
        self._data()

    def line(self, columns: Sequence[Column]) -> LineDecoder:
        parts = "\\t".join(self._written(column) for column in columns)
        return self._compiled(f'return f"{parts}\\n"')  # type: ignore[no-any-return]  # made by exec

    def values(self) -> ValueDecoder:
        pairs = (f"{parameter.name!r}: v{place}" for place, parameter in enumerate(self.signature.parameters))
        return self._compiled(f"return {{{', '.join(pairs)}}}")  # type: ignore[no-any-return]  # made by exec

    def _compiled(self, ending: str) -> Any:
        lines = [
            "def decode(log):",
            "    try:",
            *(f"        {line}" for line in (*self.body, ending)),
            "    except UnicodeDecodeError as error:",
            "        raise Undecodable('a string is not UTF-8') from error",
        ]
        names = dict(self.names)
        code = compile("\n".join(lines), f"<decoder of {self.signature}>", "exec")
        exec(code, names)  # noqa: S102  our own text: names in it come from parsed identifiers and repr() only
        return names["decode"]

    def _topics(self) -> None:
        indexed = [(place, p) for place, p in enumerate(self.signature.parameters) if p.indexed]
        self.body.append("topics = log['topics']")
        self._refuse(
            f"len(topics) != {len(indexed) + 1}", f"{self.signature} has {len(indexed)} indexed arguments"
        )
        for topic, (place, parameter) in enumerate(indexed, 1):
            if not _fits_topic(parameter.type):
                self.body.append(f"v{place} = topics[{topic}]")
            elif parameter.type.kind == "address":
                self.body.append(f"t = topics[{topic}]")
                self._refuse(f"t[:26] != {'0x' + 24 * '0'!r}", _wrong(parameter))
                self.body.append(f"v{place} = '0x' + t[26:]")
            elif parameter.type.kind in ("uint", "bool"):
                self.body.append(f"v{place} = int(topics[{topic}], 16)")
                self._check(place, parameter)
            else:
                self.body.append(f"v{place} = unhex(topics[{topic}][2:])")
                self._check(place, parameter, word=True)

    def _data(self) -> None:
        inside = [(place, p) for place, p in enumerate(self.signature.parameters) if not p.indexed]
        self.body += ["text = log['data']", "try:", "    data = unhex(text[2:])", "except ValueError:"]
        self.body += ["    data = None"]
        self._refuse("data is None or len(data) * 2 + 2 != len(text)", "the data are not hex digits")
        if not inside:
            return
        self.body.append("size = len(data)")
        self._refuse(f"size < {32 * sum(p.type.words for _, p in inside)}", "the data end early")
        self._head(inside)
        for place, parameter in inside:
            if parameter.type.kind in ("array", "tuple"):
                self.names[f"read{place}"] = reader(parameter.type)
                self.body.append(f"v{place} = read{place}(counted, o{place})")
            elif parameter.type.dynamic:
                self._bytes(place, parameter)

    def _head(self, inside: Sequence[tuple[int, Parameter]]) -> None:
        """Cut the fixed part into words by one call, and check those that hold values or offsets."""
        cuts = [_cut(place, parameter.type) for place, parameter in inside]
        self.names["cut_head"] = struct.Struct(">" + "".join(form for form, _ in cuts)).unpack_from
        if targets := [name for _, names in cuts for name in names]:
            self.body.append(f"{', '.join(targets)}, = cut_head(data)")
        if any(p.type.kind in ("array", "tuple") for _, p in inside):
            self.body.append("counted = Data(data)")
        # The same count as in composite._counted_words, for the same reason.
        head = 32 * sum(p.type.size if _sized(p.type) else 1 for _, p in inside)
        at = 0
        for place, parameter in inside:
            kind = parameter.type
            if kind.dynamic:
                self._refuse(
                    f"z{place} != ZERO24 or o{place} < {head} or o{place} > size - 32",
                    f"the offset of {parameter.name} leads out of the data",
                )
            elif kind.kind in ("array", "tuple"):
                self.body.append(f"o{place} = {at}")
            elif kind.kind == "address":
                self._refuse(f"z{place} != ZERO12", _wrong(parameter))
                self.body.append(f"v{place} = '0x' + v{place}.hex()")
            else:
                if _short(kind):
                    self._refuse(f"z{place} != ZERO24", _wrong(parameter))
                self._check(place, parameter, word=not _short(kind))
            at += 32 * kind.words

    def _bytes(self, place: int, parameter: Parameter) -> None:
        self.body.append(f"z, n = cut_length(data, o{place})")
        self.body += [f"b = o{place} + 32", "e = b + n", "p = -n & 31"]
        self._refuse("z != ZERO24 or e + p > size", f"{parameter.name} is longer than the data")
        self._refuse("data[e:e + p] != PADDING[p]", f"the padding of {parameter.name} holds something")
        text = parameter.type.kind == "string"
        self.body.append(f"v{place} = data[b:e]{'.decode()' if text else ''}")

    def _check(self, place: int, parameter: Parameter, *, word: bool = False) -> None:
        """Check the range of a number, or the padding of ``bytesN``; ``word``: it is 32 bytes as yet."""
        kind, value = parameter.type, f"v{place}"
        if kind.kind == "fixed_bytes":
            if kind.size < 32:
                self._refuse(f"{value}[{kind.size}:] != PADDING[{32 - kind.size}]", _wrong(parameter))
                self.body.append(f"{value} = {value}[:{kind.size}]")
            return
        if word:
            signed = ", signed=True" if kind.kind == "int" else ""
            self.body.append(f"{value} = number({value}, 'big'{signed})")
        if kind.kind == "int" and kind.size < 256:
            limit = 1 << (kind.size - 1)
            self._refuse(f"not {-limit} <= {value} < {limit}", _wrong(parameter))
        elif kind.kind == "bool":
            self._refuse(f"{value} > 1", _wrong(parameter))
            self.body.append(f"{value} = {value} == 1")
        elif kind.kind == "uint" and kind.size not in (64, 256):
            self._refuse(f"{value} >> {kind.size}", _wrong(parameter))
        elif kind.kind == "uint" and kind.size == 64 and parameter.indexed:
            self._refuse(f"{value} >> 64", _wrong(parameter))

    def _refuse(self, condition: str, reason: str) -> None:
        self.body += [f"if {condition}:", f"    raise Undecodable({reason!r})"]

    def _written(self, column: Column) -> str:
        """Return a column's text inside the f-string, whose quotes are double."""
        if isinstance(column, Constant):
            text = NULL if column.value is None else escaped(str(column.value))
            return _literal(text)
        if isinstance(column, Field):
            # A log's data are only known to be text until they were read as hex digits, which is above.
            return f"{{{_FIELDS[column.name]}}}"
        if isinstance(column, Joined):
            if any(isinstance(part, Constant) and part.value is None for part in column.parts):
                raise WrongSignature(
                    "A joined column cannot hold NULL.", hint="Make the whole column Constant(None)."
                )
            return "".join(self._written(part) for part in column.parts)
        if isinstance(column, Computed):
            name = f"function{len(self.names)}"
            self.names[name] = column.function
            values = ", ".join(f"v{self._place(argument)}" for argument in column.arguments)
            return f"{{escaped_or_null({name}({values}))}}"
        return self._argument(self._place(column.name))

    def _argument(self, place: int) -> str:
        parameter = self.signature.parameters[place]
        kind = parameter.type.kind
        if parameter.indexed and not _fits_topic(parameter.type):
            return f"{{v{place}}}"
        if kind in ("bytes", "fixed_bytes"):
            return f"0x{{v{place}.hex()}}"
        if kind == "bool":
            return f"{{'t' if v{place} else 'f'}}"
        if kind == "string":
            return (
                f"{{v{place} if v{place}.isprintable() and BACKSLASH not in v{place} else escaped(v{place})}}"
            )
        if kind in ("array", "tuple"):
            return f"{{escaped(written(v{place}))}}"
        return f"{{v{place}}}"

    def _place(self, name: str) -> int:
        self.names.setdefault("BACKSLASH", "\\")
        for place, parameter in enumerate(self.signature.parameters):
            if parameter.name == name:
                return place
        raise WrongSignature(
            f"{self.signature} has no argument named {name}.", hint="Name the columns after its parameters."
        )


def _fits_topic(kind: AbiType) -> bool:
    return kind.kind not in ("bytes", "string", "array", "tuple")


def _short(kind: AbiType) -> bool:
    return kind.kind == "bool" or (kind.kind == "uint" and kind.size <= 64)


def _cut(place: int, kind: AbiType) -> tuple[str, list[str]]:
    """Return how struct cuts a parameter's words, and the names of what is cut.

    Offsets and numbers of up to 64 bits are cut into 24 bytes that must be zero and a number.
    """
    if kind.dynamic:
        return "24sQ", [f"z{place}", f"o{place}"]
    if kind.kind in ("array", "tuple"):
        return f"{32 * kind.words}x", []
    if kind.kind == "address":
        return "12s20s", [f"z{place}", f"v{place}"]
    return ("24sQ", [f"z{place}", f"v{place}"]) if _short(kind) else ("32s", [f"v{place}"])


def _wrong(parameter: Parameter) -> str:
    kind = parameter.type
    return f"{parameter.name} is not {'an' if kind.kind in ('int', 'address') else 'a'} {kind}"


def _sized(kind: AbiType) -> bool:
    return kind.kind == "array" and not kind.dynamic


def _literal(text: str) -> str:
    """Write text inside a double-quoted f-string."""
    return (
        text.replace("\\", "\\\\")
        .replace('"', '\\"')
        .replace("{", "{{")
        .replace("}", "}}")
        .replace("\n", "\\n")
        .replace("\r", "\\r")
    )
