"""A source that is a recording: what a follower saw of a chain, one observed block a line.

Format: JSON lines, perhaps compressed with gzip. The first line is a header (``chain_id`` and
whatever else, such as contract addresses); every further line is one observed block: ``number``,
``hash``, ``parent_hash``, ``timestamp`` (Unix seconds) and ``logs`` as the node gave them. A line
whose number is not above the one before replaces that block and all above it: a reorganisation.

The file is streamed: only the headers of the newest ``WINDOW`` canonical blocks are kept, about 25 MB
at most. A question beyond them reads the file again from its start.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Collection, Generator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import orjson

from holdfast.chain import answers
from holdfast.chain.errors import NodeNonsense, WrongRecording
from holdfast.chain.source import Look, Range
from holdfast.chain.subscription import Header, RawLog

WINDOW = 65_536
LONGEST_LINE = 256 * 1024 * 1024


class Recording:
    """A recorded chain at a position: so many of its blocks were taken.

    ``look`` shows the block at the next position; once that is stored, ``take`` moves there.
    """

    lowers_its_head = True

    def __init__(self, file: Path, *, position: int, last_hash: str) -> None:
        self._file = file
        self._reading = threading.Lock()
        self.header = read_header(file)
        self._lines = _blocks(file)
        self._canonical: dict[int, Header] = {}
        self._low = self._top = -1
        self._position = 0
        self._block: Mapping[str, Any] | None = None
        found = ""
        while self._position < position:
            block = next(self._lines, None)
            if block is None:
                raise self._wrong(f"it ends after {self._position} blocks, and {position} were taken before")
            self._position += 1
            found = self._apply(block).hash
        if position and found != last_hash:
            raise self._wrong(f"its block at position {position} is not the one that was taken before")
        self._head = self._canonical.get(self._top)
        self._next()

    @property
    def chain_id(self) -> int:
        """The chain that was recorded."""
        return chain_id_of(self.header, self._file)

    def close(self) -> None:
        """Close the file, once a thread that reads a line has done so."""
        with self._reading:
            self._lines.close()

    def look(self) -> Look:
        """Return the next observed block, or the last one where the recording is through."""
        if self._head is None:
            raise self._wrong("it holds no block")
        return Look(self._head, -1, self._position + (not self.ended), ended=self.ended)

    @property
    def ended(self) -> bool:
        """Tell whether every block was taken."""
        return self._block is None

    def take(self) -> None:
        """Go on to the next block: the one that ``look`` showed is stored."""
        with self._reading:
            if self._block is not None:
                self._position += 1
                self._next()

    def headers(self, numbers: Sequence[int]) -> list[Header | None]:
        """Return headers of the chain as it was once the block that ``look`` shows was observed."""
        known: Mapping[int, Header] = self._canonical
        if min(numbers, default=self._low) < self._low:
            known = self._older(set(numbers))
        return [known.get(number) for number in numbers]

    def logs_of(self, headers: Sequence[Header], addresses: Collection[str]) -> list[Sequence[RawLog]]:
        """Return the logs of blocks by their hashes: of the next block at once, of others by reading on."""
        if not addresses:
            return [[] for _ in headers]
        wanted = {header.hash: header for header in headers}
        found: dict[str, Sequence[RawLog]] = {}
        blocks = (
            [self._block] if self._block and set(wanted) == {self._block["hash"]} else _blocks(self._file)
        )
        for block in blocks:
            block_hash = str(block.get("hash")).lower()
            if block_hash in wanted and block_hash not in found:
                found[block_hash] = self._logs(block, wanted[block_hash], addresses)
                if len(found) == len(wanted):
                    break
        if len(found) < len(wanted):
            raise self._wrong("a block that it held is gone")
        return [found[header.hash] for header in headers]

    def range_of(self, first: int, last: int, addresses: Collection[str]) -> Range:
        """Never called: a recording knows no finality, so that nothing of it is read by range."""
        raise self._wrong(f"it knows no finality ({first} to {last} of {len(addresses)} contracts)")

    def _next(self) -> None:
        self._block = next(self._lines, None)
        if self._block is not None:
            self._head = self._apply(self._block)

    def _apply(self, block: Mapping[str, Any]) -> Header:
        header = _header(block, self._file)
        for number in range(header.number, self._top + 1):
            self._canonical.pop(number, None)
        parent = self._canonical.get(header.number - 1)
        if self._canonical and parent is None:
            raise self._wrong(f"block {header.number} does not follow what was recorded before it")
        if parent is not None and parent.hash != header.parent_hash:
            raise self._wrong(f"the parent of block {header.number} is not the block before it")
        if not self._canonical:
            self._low = header.number
        self._canonical[header.number] = header
        self._top = header.number
        if len(self._canonical) > WINDOW:
            del self._canonical[self._low]
            self._low += 1
        return header

    def _older(self, numbers: set[int]) -> Mapping[int, Header]:
        """Read again which blocks were canonical at the next position, below the window."""
        found: dict[int, Header] = {}
        for place, block in enumerate(_blocks(self._file)):
            if place > self._position:
                break
            header = _header(block, self._file)
            for number in [number for number in found if number >= header.number]:
                del found[number]
            if header.number in numbers:
                found[header.number] = header
        return found

    def _logs(self, block: Mapping[str, Any], header: Header, addresses: Collection[str]) -> Sequence[RawLog]:
        watched = [dict(log) for log in block["logs"] if str(log.get("address")).lower() in addresses]
        try:
            found = answers.logs(watched, addresses, {header.hash: header.timestamp})
        except NodeNonsense as error:
            raise self._wrong(error.message) from error
        if any(log["blockHash"] != header.hash for log in found):
            raise self._wrong(f"block {header.number} holds logs of another block")
        return found

    def _wrong(self, why: str) -> WrongRecording:
        return _wrong(self._file, why)


def read_header(file: Path) -> Mapping[str, Any]:
    """Read a recording's first line. Raises ``WrongRecording``."""
    with _opened(file) as lines:
        header = _parsed(_line(lines, file), file)
    chain_id_of(header, file)
    return header


def chain_id_of(header: Mapping[str, Any], file: Path) -> int:
    """Return the chain id that a recording's header names. Raises ``WrongRecording``."""
    chain_id = header.get("chain_id")
    if not isinstance(chain_id, int) or isinstance(chain_id, bool) or chain_id <= 0:
        raise _wrong(file, "its first line names no chain_id")
    return chain_id


def _blocks(file: Path) -> Generator[Mapping[str, Any]]:
    with _opened(file) as lines:
        _line(lines, file)
        while line := _line(lines, file):
            block = _parsed(line, file)
            if not isinstance(block.get("logs"), list):
                raise _wrong(file, "a block has no list of logs")
            yield block


def _opened(file: Path) -> IO[bytes]:
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        return cast("IO[bytes]", gzip.open(file)) if packed else file.open("rb")
    except OSError as error:
        raise _wrong(file, error.strerror or "it cannot be opened") from error


def _line(lines: IO[bytes], file: Path) -> bytes:
    try:
        line = lines.readline(LONGEST_LINE)
    except (OSError, EOFError, gzip.BadGzipFile) as error:
        raise _wrong(file, f"it is damaged ({error})") from error
    if len(line) == LONGEST_LINE:
        raise _wrong(file, "a line is longer than 256 MB")
    return line


def _parsed(line: bytes, file: Path) -> Mapping[str, Any]:
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _wrong(file, f"a line is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise _wrong(file, "a line is not an object")
    return content


def _header(block: Mapping[str, Any], file: Path) -> Header:
    number, timestamp = block.get("number"), block.get("timestamp")
    if not isinstance(number, int) or not isinstance(timestamp, int) or number < 0:
        raise _wrong(file, "a block has no number or no timestamp")
    if not 0 <= timestamp <= answers.YEAR_2100 or number > answers.LARGEST:
        raise _wrong(file, f"block {number} has a time or number that cannot be")
    try:
        return Header(
            number,
            answers.block_hash(block.get("hash"), "block hash"),
            answers.block_hash(block.get("parent_hash"), "parent hash"),
            timestamp,
        )
    except NodeNonsense as error:
        raise _wrong(file, error.message) from error


def _wrong(file: Path, why: str) -> WrongRecording:
    return WrongRecording(
        f"The recording {file} cannot be followed: {why}.",
        hint="Is it whole, and the same file as before? For another one see chains add --from-start.",
    )
