"""What lies where in a data directory.

| file            | what it is                                                            |
|-----------------|-----------------------------------------------------------------------|
| postgres/       | the cluster (PGDATA), owned by the account that the server runs as    |
| owner.lock      | locked (flock) by the process that owns the server                    |
| guests.lock     | locked, shared, by processes that use the owner's server              |
| server.json     | who owns the server, and where its socket is                          |
| password        | the password of the role ``holdfast``                                 |
| log/            | what the server prints, bounded in size                               |

The directory itself and its files are readable by their owner only.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from holdfast.postgres.embedded.errors import DataDirectoryUnusable

_HINT = "Name another folder with --data-dir or HOLDFAST_DATA_DIR, or correct its permissions."


@dataclass(frozen=True)
class DataDirectory:
    """The paths below one data directory."""

    root: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.root / "postgres"

    @property
    def owner_lock(self) -> Path:
        """The file whose lock says who owns the server."""
        return self.root / "owner.lock"

    @property
    def guests_lock(self) -> Path:
        """The file whose shared locks say that somebody uses the owner's server."""
        return self.root / "guests.lock"

    @property
    def note(self) -> Path:
        """The file that says who the owner is and where the server listens."""
        return self.root / "server.json"

    @property
    def password(self) -> Path:
        """The file that holds the superuser's password."""
        return self.root / "password"

    @property
    def log(self) -> Path:
        """The file that the server's messages go to."""
        return self.root / "log" / "postgres.log"

    @classmethod
    def prepare(cls, path: Path) -> DataDirectory:
        """Make the directory (mode 0700) where it does not exist, and see that it can be written.

        Raises ``DataDirectoryUnusable``.
        """
        data = cls(path.absolute())
        try:
            data.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            data.refuse_foreign()
            if data.root.stat().st_mode & 0o077:
                data.root.chmod(0o700)
            data.log.parent.mkdir(mode=0o700, exist_ok=True)
            data.give_to_owner(data.log.parent)
            with tempfile.TemporaryFile(dir=data.root):
                pass
        except OSError as error:
            raise DataDirectoryUnusable(
                f"The data directory {data.root} cannot be used: {error.strerror}.", hint=_HINT
            ) from error
        return data

    def refuse_foreign(self) -> None:
        """Refuse a folder that holds something and no trace of Holdfast: its permissions are not ours to set.

        Raises ``DataDirectoryUnusable``.
        """
        found = {entry.name for entry in self.root.iterdir()}
        cluster = (self.root / "postgres" / "PG_VERSION").exists()
        if found - {"log"} and not found & {"owner.lock", "up.lock"} and not cluster:
            raise DataDirectoryUnusable(
                f"{self.root} holds files that are not Holdfast's.",
                hint=f"Name a folder of its own, such as --data-dir {self.root / 'holdfast'}.",
            )

    def open_private(self, path: Path, flags: int) -> int:
        """Open (and make, mode 0600) a file of this directory; return its descriptor."""
        try:
            descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise DataDirectoryUnusable(f"{path} cannot be opened: {error.strerror}.", hint=_HINT) from error
        self.give_to_owner(path)
        return descriptor

    def write_private(self, path: Path, content: str) -> None:
        """Replace a file of this directory at once (mode 0600): readers see the old one or the new one."""
        try:
            descriptor, temporary = tempfile.mkstemp(dir=self.root, prefix=f".{path.name}.")
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            self.give_to_owner(Path(temporary))
            Path(temporary).replace(path)
        except OSError as error:
            raise DataDirectoryUnusable(f"{path} cannot be written: {error.strerror}.", hint=_HINT) from error

    def give_to_owner(self, path: Path) -> None:
        """Give what root made in another account's data directory to that account."""
        if os.geteuid() == 0:
            owner = self.root.stat()
            if owner.st_uid != 0:
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
