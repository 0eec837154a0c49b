"""The server's log, bounded in size.

The server appends to one file that stays open. When it has grown past its bound, its last part is kept
as ``postgres.log.1`` and the file is emptied in place; the server, which appends, goes on at its start.
"""

from __future__ import annotations

import os
from pathlib import Path

from holdfast.postgres.embedded.layout import DataDirectory

BOUND = 8 << 20
_SHOWN = 64 << 10


class ServerLog:
    """The log file of one data directory; at most twice ``bound`` bytes are kept, and what a second adds."""

    def __init__(self, data: DataDirectory, bound: int = BOUND) -> None:
        self._data = data
        self._bound = bound

    @property
    def path(self) -> Path:
        """Where the log is."""
        return self._data.log

    def open(self) -> int:
        """Open it for a server to append to; return the descriptor, which the caller closes."""
        self.trim()
        return self._data.open_private(self.path, os.O_WRONLY | os.O_APPEND)

    def size(self) -> int:
        """Return its size in bytes, 0 where it does not exist."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def since(self, position: int) -> str:
        """Return what was appended after a position (the last 64 KiB of it)."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(position, self.size() - _SHOWN))
                return file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def trim(self) -> None:
        """Move the content aside where it has grown past the bound."""
        size = self.size()
        if size <= self._bound:
            return
        with self.path.open("r+b") as file:
            file.seek(size - self._bound)
            kept = file.read(self._bound).decode("utf-8", "replace")
            file.truncate(0)
        self._data.write_private(self.path.with_name("postgres.log.1"), kept)


def complaint(printed: str) -> str:
    """Return what a server or initdb complained of: its FATAL, PANIC and error lines, else its last line."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    marks = ("FATAL:", "PANIC:", "error:", "could not")
    complaints = [line for line in lines if any(mark in line for mark in marks)]
    return "; ".join((complaints or lines)[-3:])
