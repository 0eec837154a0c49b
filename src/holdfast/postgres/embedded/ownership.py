"""Who owns a data directory's server: a lock that ends with its process, and a note about it.

The lock is an ``flock`` on ``owner.lock``; the kernel gives it back however the process ends. The note
``server.json`` says who holds it and, once the server takes connections, where. A note without the lock
is what a killed owner left, and says nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from holdfast.postgres.embedded.descriptors import close_in_children, keep_in_children
from holdfast.postgres.embedded.errors import DataDirectoryOccupied
from holdfast.postgres.embedded.layout import DataDirectory

State = Literal["starting", "ready", "ending"]


@dataclass(frozen=True)
class OwnerNote:
    """What an owner tells others.

    ``pid`` 0 means that it has just taken the lock and has not said yet who it is. ``lasting`` tells an
    ``up`` from a command that will end by itself; ``started`` is UTC, ISO 8601; ``socket`` and ``port``
    are where the server listens once ``state`` is ``ready``; ``announced`` is what the owner added.
    """

    pid: int
    purpose: str
    lasting: bool = False
    started: str = ""
    state: State = "starting"
    socket: str = ""
    port: str = ""
    announced: Mapping[str, object] = field(default_factory=dict)


class OwnerLock:
    """The owner's lock on a data directory, held until ``release`` or the end of the process."""

    def __init__(self, data: DataDirectory, descriptor: int, note: OwnerNote) -> None:
        self._data = data
        self._descriptor = descriptor
        self._note = note
        self._writing = threading.Lock()
        close_in_children(descriptor)

    @classmethod
    def try_take(cls, data: DataDirectory, *, purpose: str, lasting: bool = False) -> OwnerLock | None:
        """Take the lock, or return None where another process (or another part of this one) holds it."""
        descriptor = data.open_private(data.owner_lock, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        started = datetime.now(UTC).isoformat(timespec="seconds")
        lock = cls(data, descriptor, OwnerNote(os.getpid(), purpose, lasting, started))
        try:
            lock._write()
        except BaseException:
            lock.release()
            raise
        return lock

    def ready(self, socket: Path, port: str) -> None:
        """Tell others that the server takes connections, and where."""
        self._change(replace(self._note, state="ready", socket=str(socket), port=port))

    def ending(self) -> None:
        """Tell others that no more guests are taken."""
        self._change(replace(self._note, state="ending"))

    def announce(self, values: Mapping[str, object]) -> None:
        """Add JSON values to what others are told."""
        self._change(replace(self._note, announced={**self._note.announced, **values}))

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor >= 0:
            self._data.note.unlink(missing_ok=True)
            keep_in_children(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _change(self, note: OwnerNote) -> None:
        with self._writing:
            self._note = note
            self._write()

    def _write(self) -> None:
        self._data.write_private(self._data.note, json.dumps(asdict(self._note)))


def living_owner(data_dir: Path) -> OwnerNote | None:
    """Return who owns the data directory's server now, or None; nothing is made or changed."""
    data = DataDirectory(data_dir.absolute())
    try:
        descriptor = os.open(data.owner_lock, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return read_note(data)
    finally:
        os.close(descriptor)
    return None


def read_note(data: DataDirectory) -> OwnerNote:
    """Return the note of whoever holds the lock; of a dead process it is not taken (``pid`` 0)."""
    unknown = OwnerNote(0, "unknown")
    try:
        note = OwnerNote(**json.loads(data.note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return unknown
    return note if _is_alive(note.pid) else unknown


def occupied_by(data: DataDirectory, note: OwnerNote) -> DataDirectoryOccupied:
    """Return the error that says who holds the data directory."""
    who = f"process {note.pid} ({note.purpose})" if note.pid else "another process"
    return DataDirectoryOccupied(
        f"The embedded server on {data.root} belongs to {who}.",
        hint="Wait until it ends or stop it, or name another folder with --data-dir.",
        pid=note.pid,
        purpose=note.purpose,
        **note.announced,
    )


def take_now(data: DataDirectory, *, purpose: str) -> OwnerLock:
    """Take the lock at once. Raises ``DataDirectoryOccupied``."""
    deadline = time.monotonic() + 0.3  # who merely looks at the lock holds it for an instant
    while True:
        lock = OwnerLock.try_take(data, purpose=purpose)
        if lock is not None:
            return lock
        if time.monotonic() > deadline:
            raise occupied_by(data, read_note(data))
        time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
