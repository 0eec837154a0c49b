"""The folders of throwaway servers: private, short in name, and removed though their owner was killed.

They lie in a folder that belongs to this process's account and that nobody else may list or write, so
that what is found there was made by us. Each holds a file whose lock (``flock``) its owner keeps. Whoever
makes a new one removes those beside it whose lock is free: the kernel gives it back however a process
ends. Nothing that another account owns, and no link, is ever followed or touched.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from holdfast.postgres.embedded.descriptors import close_in_children, keep_in_children
from holdfast.postgres.embedded.errors import ServerNotStarted
from holdfast.postgres.embedded.leftover import stop_leftover

_PREFIX = "holdfast-throwaway-"
_LOCK = "lock"
_LONGEST = 103 - len("/.s.PGSQL.65535") - len("/socket") - len("/12345678") - len(f"/{_PREFIX}{os.geteuid()}")
_SHARED = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  only a folder that is ours and closed is used in them


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder for one server that only we may enter, and remove it at the end.

    Under root others may pass through it, as the server's account must to reach what it is given, but
    neither list nor write it. Raises ``ServerNotStarted`` where there is no place for one.
    """
    parent = _place() / f"{_PREFIX}{os.geteuid()}"
    folder, descriptor = _locked(parent)
    try:
        _remove_abandoned(parent)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        keep_in_children(descriptor)
        os.close(descriptor)
        with suppress(OSError):  # others' are in it, or it is gone already
            parent.rmdir()


def _locked(parent: Path) -> tuple[Path, int]:
    """Make a folder, and keep its lock; again where somebody removed it before it was locked."""
    while True:
        _make_ours(parent)
        try:
            folder = Path(tempfile.mkdtemp(dir=parent, prefix=""))
            folder.chmod(_mode())
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue
        close_in_children(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if (folder / _LOCK).exists():
            return folder, descriptor
        keep_in_children(descriptor)
        os.close(descriptor)


def _mode() -> int:
    """Return the mode of what is ours: under root the server's account has to pass through it."""
    return 0o711 if os.geteuid() == 0 else 0o700


def _make_ours(parent: Path) -> None:
    """Make the folder that all of ours lie in, and make sure that it is ours where it is there already."""
    with suppress(FileExistsError):
        parent.mkdir(mode=0o700)
    with suppress(FileNotFoundError):  # another process has just removed it
        found = parent.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o066:
            raise ServerNotStarted(
                f"{parent} is not a folder that belongs to this account alone, and throwaway servers are "
                "made nowhere else.",
                hint="Remove it, or name another folder with TMPDIR.",
            )
        parent.chmod(_mode())


def _place() -> Path:
    """Return where folders are made: short enough for a socket, and open to the server's account."""
    chosen = Path(tempfile.gettempdir())
    for place in (chosen, *_SHARED):
        fits = len(os.fsencode(place)) <= _LONGEST and os.access(place, os.W_OK) and _nobody_renames(place)
        if fits and (os.geteuid() != 0 or _open_to_all(place)):
            return place
    raise ServerNotStarted(
        f"There is no folder for a throwaway server: {chosen} has too long a name, or cannot be written, or "
        "others may rename what is in it.",
        hint="Name a short folder with TMPDIR, such as /tmp.",
    )


def _nobody_renames(place: Path) -> bool:
    """Tell whether only the owner of a folder in ``place`` and whom we trust anyway may rename it."""
    found = place.stat()
    closed = not found.st_mode & 0o022 or bool(found.st_mode & stat.S_ISVTX)
    return closed and found.st_uid in (0, os.geteuid())


def _open_to_all(place: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (place.resolve(), *place.resolve().parents))


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.iterdir():
        try:
            if not _is_our_folder(folder):
                continue
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # being made or removed now
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_folder(folder / "data"):
                stop_leftover(folder / "data")
            shutil.rmtree(folder, ignore_errors=True)
        except (OSError, ServerNotStarted):
            continue
        finally:
            os.close(descriptor)


def _is_our_folder(path: Path) -> bool:
    return _is_folder(path) and path.lstat().st_uid == os.geteuid()


def _is_folder(path: Path) -> bool:
    """Tell whether a path is a folder, and no link to one."""
    return path.is_dir() and not path.is_symlink()
