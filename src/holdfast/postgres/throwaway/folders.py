"""The folders of throwaway servers: private, short in name, and removed though their owner was killed.

A folder holds a file whose lock (``flock``) its owner keeps. Whoever makes a new one removes those
beside it whose lock is free: the kernel gives it back however a process ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.postgres.embedded.descriptors import close_in_children, keep_in_children
from holdfast.postgres.embedded.errors import ServerNotStarted
from holdfast.postgres.embedded.leftover import stop_leftover

_PREFIX = "holdfast-throwaway-"
_LOCK = "lock"
_LONGEST = 103 - len("/.s.PGSQL.65535") - len(_PREFIX) - len("/socket") - 8
_SHARED = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  only a folder that is ours and closed is used in them


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder of mode 0700 for one server, and remove it at the end.

    Raises ``ServerNotStarted`` where there is no place for one.
    """
    place = _place()
    _remove_abandoned(place)
    folder, descriptor = _locked(place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        keep_in_children(descriptor)
        os.close(descriptor)


def _locked(place: Path) -> tuple[Path, int]:
    """Make a folder, and keep its lock; again where somebody took it for abandoned before it was locked."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=place, prefix=_PREFIX))
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        close_in_children(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if (folder / _LOCK).exists():
            return folder, descriptor
        keep_in_children(descriptor)
        os.close(descriptor)


def _place() -> Path:
    """Return where folders are made: short enough for a socket, and open to the server's account."""
    chosen = Path(tempfile.gettempdir())
    for place in (chosen, *_SHARED):
        fits = len(os.fsencode(place)) <= _LONGEST
        if fits and os.access(place, os.W_OK) and (os.geteuid() != 0 or _open_to_all(place)):
            return place
    raise ServerNotStarted(
        f"There is no folder for a throwaway server: {chosen} has too long a name or cannot be written.",
        hint="Name a short folder with TMPDIR, such as /tmp.",
    )


def _open_to_all(place: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (place.resolve(), *place.resolve().parents))


def _remove_abandoned(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        try:
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # somebody else's, or being made or removed now
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if folder.stat().st_uid == os.geteuid() or os.geteuid() == 0:
                stop_leftover(folder / "data")
                shutil.rmtree(folder, ignore_errors=True)
        except (OSError, ServerNotStarted):
            continue
        finally:
            os.close(descriptor)
