"""One ``up`` a data directory: a lock that ends with the process, and a note of where it serves.

The lock is an ``flock`` on ``up.lock``, which the kernel releases however the process ends; the note
is ``up.json`` beside it, readable by the owner only.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from holdfast.errors import Conflict
from holdfast.postgres.embedded.errors import DataDirectoryUnusable
from holdfast.postgres.embedded.layout import DataDirectory


@dataclass(frozen=True)
class Presence:
    """A running ``up``: its process, its start (UTC, ISO 8601), and its API's address once it serves."""

    pid: int
    started: str
    address: str = ""
    demo: bool = False


class PresenceNote:
    """Writes what others are told about this ``up``."""

    def __init__(self, file: Path, presence: Presence) -> None:
        self._file = file
        self._presence = presence
        self._write()

    def serving(self, address: str) -> None:
        """Note the address of the API, once it accepts requests."""
        self._presence = Presence(self._presence.pid, self._presence.started, address, self._presence.demo)
        self._write()

    def _write(self) -> None:
        temporary = self._file.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(asdict(self._presence)), encoding="utf-8")
        temporary.replace(self._file)


@contextmanager
def present(data_dir: Path, *, started: str, demo: bool) -> Iterator[PresenceNote]:
    """Be the one ``up`` of this data directory while the block runs.

    Raises ``Conflict`` that says what runs already and where.
    """
    DataDirectory.prepare(data_dir)
    descriptor = os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _already(data_dir) from None
        yield PresenceNote(data_dir / "up.json", Presence(os.getpid(), started, demo=demo))
        (data_dir / "up.json").unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def who_is_present(data_dir: Path) -> Presence | None:
    """Return the ``up`` that runs on this data directory now, or None."""
    try:
        descriptor = os.open(data_dir / "up.lock", os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DataDirectoryUnusable(
            f"The data directory {data_dir} cannot be used: {error.strerror}.",
            hint="Name another one with --data-dir or HOLDFAST_DATA_DIR.",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(data_dir)
    finally:
        os.close(descriptor)
    return None


def _read(data_dir: Path) -> Presence:
    try:
        return Presence(**json.loads((data_dir / "up.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return Presence(pid=0, started="")  # it has the lock and has not written its note yet


def _already(data_dir: Path) -> Conflict:
    presence = _read(data_dir)
    where = f"; its API is at {presence.address}" if presence.address else ""
    return Conflict(
        f"Holdfast already runs on {data_dir} (process {presence.pid or 'starting'}){where}.",
        hint="Use that one, stop it with `holdfast down`, or name another folder with --data-dir.",
        pid=presence.pid,
        address=presence.address,
        data_dir=str(data_dir),
    )
