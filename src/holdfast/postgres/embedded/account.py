"""The account that the server runs as.

PostgreSQL refuses to run as root. For an ordinary user the server runs as that user. Under root it
runs as the owner of the data directory where that is an ordinary account; otherwise as a numeric user
id that no other program uses, so that nothing else on the machine may touch the server's files. Root
hands the server its data directory as an open descriptor: no folder above it has to be opened to
anybody.
"""

from __future__ import annotations

import grp
import os
import pwd
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from holdfast.postgres.embedded.errors import ServerNotStarted
from holdfast.postgres.embedded.layout import DataDirectory

# Left unused by Linux distributions and by systemd (https://systemd.io/UIDS-GIDS/), and small enough
# to exist in a container that maps only 65,536 ids.
_FIRST_PRIVATE_ID = 60_706
_PRIVATE_IDS = 478


class _RunAs(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """A user and group id; ``other`` tells that it is not this process's own."""

    uid: int
    gid: int
    other: bool

    @property
    def run_as(self) -> _RunAs:
        """Arguments of ``subprocess`` that start a process as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.other else {}

    @property
    def is_named(self) -> bool:
        """Tell whether the user database has an entry for it."""
        try:
            pwd.getpwuid(self.uid)
        except KeyError:
            return False
        return True


def server_account(data: DataDirectory) -> Account:
    """Return the account for a data directory's server.

    Raises ``ServerNotStarted`` where this process is root on a system that cannot hand over
    descriptors by path (only Linux can).
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), other=False)
    if not Path("/proc/self/fd").is_dir():
        raise ServerNotStarted(
            "The embedded server cannot be run by root on this system.",
            hint="Run Holdfast as an ordinary user, or name a server with DATABASE_URL.",
        )
    for path in (data.cluster, data.root):
        if path.exists() and path.stat().st_uid != 0:
            return Account(path.stat().st_uid, path.stat().st_gid, other=True)
    private = _private_id(data.root)
    return Account(private, private, other=True)


def maker_account(server: Account) -> Account:
    """Return the account that may run ``initdb``, which insists on an entry in the user database.

    Raises ``ServerNotStarted`` where there is none.
    """
    if server.is_named:
        return server
    if server.other:
        for name in ("nobody", "daemon"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return Account(entry.pw_uid, entry.pw_gid, other=True)
    raise ServerNotStarted(
        f"The user id {server.uid} has no entry in the user database, on which PostgreSQL's initdb insists.",
        hint="Run Holdfast as a user that /etc/passwd names, or name a server with DATABASE_URL.",
    )


def hand_over(path: Path, account: Account) -> None:
    """Give a folder and all that is in it to an account; links are not followed."""
    os.chown(path, account.uid, account.gid, follow_symlinks=False)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), account.uid, account.gid, follow_symlinks=False)


def _private_id(root: Path) -> int:
    """Return a numeric id for a data directory: the same at every call, and used by no account."""
    used = {entry.pw_uid for entry in pwd.getpwall()} | {entry.gr_gid for entry in grp.getgrall()}
    start = zlib.crc32(os.fsencode(os.path.realpath(root)))
    for offset in range(_PRIVATE_IDS):
        candidate = _FIRST_PRIVATE_ID + (start + offset) % _PRIVATE_IDS
        if candidate not in used:
            return candidate
    raise ServerNotStarted(
        f"Every user id from {_FIRST_PRIVATE_ID} to {_FIRST_PRIVATE_ID + _PRIVATE_IDS - 1} is taken.",
        hint="Give the data directory to an ordinary account (chown), or name a server with DATABASE_URL.",
    )
