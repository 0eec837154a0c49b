"""The folder of the server's socket.

A socket's path may have at most 107 bytes (103 on macOS), so that it cannot stand below any data
directory. It stands in a folder that only the server's account may enter (and root), with a name that
is made from the data directory's: the next server finds and reuses what a killed one left.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from holdfast.postgres.embedded.account import Account
from holdfast.postgres.embedded.errors import ServerNotStarted
from holdfast.postgres.embedded.layout import DataDirectory

_LONGEST = 103 - len("/.s.PGSQL.65535")


def make_socket_folder(data: DataDirectory, account: Account, chosen: Path | None) -> Path:
    """Make the socket's folder and return it; ``chosen`` is the folder above it that a setting names.

    Raises ``ServerNotStarted`` where none can be made.
    """
    name = hashlib.sha256(os.fsencode(os.path.realpath(data.root))).hexdigest()[:12]
    refused = []
    for above in (chosen,) if chosen else _places():
        folder = above / (f"holdfast-{account.uid}-{name}" if above in _SHARED else name)
        if len(os.fsencode(folder)) > _LONGEST:
            refused.append(f"{folder} is longer than {_LONGEST} bytes")
            continue
        try:
            return _make(folder, account)
        except OSError as error:
            refused.append(f"{folder}: {error.strerror or error}")
    raise ServerNotStarted(
        f"There is no folder for the embedded server's socket: {'; '.join(refused)}.",
        hint="Name a short folder that this user may write with HOLDFAST_RUNTIME_DIR.",
    )


def remove_socket_folder(folder: Path) -> None:
    """Remove what a stopped server left there."""
    shutil.rmtree(folder, ignore_errors=True)


_SHARED = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  only a folder that is ours and closed is used in them


def _places() -> tuple[Path, ...]:
    return (Path("/run/holdfast"), *_SHARED) if os.geteuid() == 0 else (*_SHARED, Path(tempfile.gettempdir()))


def _make(folder: Path, account: Account) -> Path:
    if folder.parent not in _SHARED:
        folder.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid in {os.geteuid(), account.uid}
        if not ours or found.st_mode & 0o077:
            if folder.parent not in _SHARED:
                raise
            folder = Path(tempfile.mkdtemp(dir=folder.parent, prefix="holdfast-"))
    if account.other:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    return folder
