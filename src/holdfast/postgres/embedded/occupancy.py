"""One owner, any number of guests: how a process comes to the server of a data directory.

Whoever comes first takes the owner's lock and runs the server; whoever comes while it lives is its
guest. A command that owns the server waits at its end for its guests; an ``up`` (``own=True``) does
not, because stopping it is meant to stop everything.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from holdfast.errors import WrongUse
from holdfast.postgres.embedded.access import conninfo, try_connection
from holdfast.postgres.embedded.layout import DataDirectory
from holdfast.postgres.embedded.options import Options
from holdfast.postgres.embedded.ownership import (
    OwnerLock,
    OwnerNote,
    living_owner,
    occupied_by,
    read_note,
)
from holdfast.postgres.embedded.server import EmbeddedServer
from holdfast.settings import DATA_DIR, Settings

__all__ = ["Occupied", "OwnerNote", "acquire", "default_data_dir", "living_owner"]

_LOOK_EVERY = 0.02
_TELL_AFTER = 1.0
_ANSWERS_WITHIN = 10.0


@dataclass(frozen=True)
class Occupied:
    """A server that may be used while the context is open; ``server`` is None for a guest."""

    conninfo: str
    server: EmbeddedServer | None = None
    _lock: OwnerLock | None = None

    @property
    def is_owner(self) -> bool:
        """Tell whether this process runs the server."""
        return self.server is not None

    def announce(self, **values: object) -> None:
        """Tell others JSON values beside who owns the server (``living_owner(...).announced``).

        Raises ``WrongUse`` for a guest.
        """
        if self._lock is None:
            raise WrongUse("Only the owner of the server can announce something.", hint="Use own=True.")
        self._lock.announce(values)


@contextmanager
def acquire(
    data_dir: Path, *, purpose: str, own: bool = False, options: Options | None = None
) -> Iterator[Occupied]:
    """Own the data directory's server, or be a guest of who owns it, while the context is open.

    ``purpose`` tells others what this process does, such as ``migrate up``. With ``own`` this process
    must own it: it waits ``wait_for_owner`` seconds for a command to end, then raises
    ``DataDirectoryOccupied``. Raises what ``EmbeddedServer.start`` raises, too.
    """
    options = options or Options()
    data = DataDirectory.prepare(data_dir)
    entered = _own(data, purpose, options) if own else _own_or_visit(data, purpose, options)
    if isinstance(entered, _Visit):
        try:
            yield Occupied(entered.conninfo)
        finally:
            os.close(entered.descriptor)
        return
    with _serving(data, entered, options, wait_for_guests=not own) as server:
        yield Occupied(server.conninfo, server, entered)


def default_data_dir(settings: Settings) -> Path:
    """Return the data directory: HOLDFAST_DATA_DIR, else ``holdfast`` in the user's data folder.

    That is ``$XDG_DATA_HOME`` or ``~/.local/share``, for root as well. Raises ``WrongUse`` where there
    is no home.
    """
    chosen = settings.get(DATA_DIR)
    if chosen is not None:
        return chosen
    shared = Path(settings.environment("XDG_DATA_HOME") or "")
    if shared.is_absolute():
        return shared / "holdfast"
    try:
        home = Path(settings.environment("HOME") or Path.home())
    except RuntimeError:
        home = Path()
    if not home.is_absolute():
        raise WrongUse(
            "There is no home directory to keep the data directory in.",
            hint="Name a folder with --data-dir or HOLDFAST_DATA_DIR.",
        )
    return home / ".local" / "share" / "holdfast"


@dataclass(frozen=True)
class _Visit:
    """A guest's place: the connection, and the shared lock that makes the owner wait."""

    conninfo: str
    descriptor: int


def _own(data: DataDirectory, purpose: str, options: Options) -> OwnerLock:
    deadline = time.monotonic() + options.wait_for_owner
    told = False
    while (lock := OwnerLock.try_take(data, purpose=purpose, lasting=True)) is None:
        holder = read_note(data)
        if time.monotonic() > deadline:
            raise occupied_by(data, holder)
        if holder.pid and not told:
            told = True
            _tell(f"waiting for process {holder.pid} ({holder.purpose}), which uses {data.root}")
        time.sleep(_LOOK_EVERY)
    return lock


def _own_or_visit(data: DataDirectory, purpose: str, options: Options) -> OwnerLock | _Visit:
    began = time.monotonic()
    silent_since = None
    while (lock := OwnerLock.try_take(data, purpose=purpose)) is None:
        note = read_note(data)
        if note.state == "ready":
            visit = _visit(data)
            if visit is not None:
                return visit
            silent_since = silent_since or time.monotonic()
            if time.monotonic() - silent_since > _ANSWERS_WITHIN:
                raise occupied_by(data, note)
        elif time.monotonic() - began > options.start_within:
            raise occupied_by(data, note)
        else:
            silent_since = None
        time.sleep(_LOOK_EVERY)
    return lock


def _visit(data: DataDirectory) -> _Visit | None:
    """Become a guest; None where the owner just ends, or its server does not answer."""
    descriptor = data.open_private(data.guests_lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        note = read_note(data)  # read again under the lock: an owner says "ending" before it looks for guests
        if note.state == "ready":
            reached = conninfo(data, Path(note.socket), note.port)
            try_connection(reached)
            return _Visit(reached, descriptor)
    except (BlockingIOError, psycopg.OperationalError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


@contextmanager
def _serving(
    data: DataDirectory, lock: OwnerLock, options: Options, *, wait_for_guests: bool
) -> Iterator[EmbeddedServer]:
    try:
        with EmbeddedServer.start(data.root, options=options, lock=lock) as server:
            try:
                yield server
            finally:
                lock.ending()
                if wait_for_guests:
                    _wait_for_guests(data)
    finally:
        lock.release()


def _wait_for_guests(data: DataDirectory) -> None:
    descriptor = data.open_private(data.guests_lock, os.O_RDWR)
    try:
        began = time.monotonic()
        told = False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not told and time.monotonic() - began > _TELL_AFTER:
                    told = True
                    _tell(
                        "done; waiting for other processes that use this one's server (Ctrl-C cuts them off)"
                    )
                time.sleep(_LOOK_EVERY)
            else:
                return
    finally:
        os.close(descriptor)


def _tell(message: str) -> None:
    sys.stderr.write(f"holdfast: {message}\n")
    sys.stderr.flush()
