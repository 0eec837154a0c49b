"""The cluster: made whole or not at all, and only used by the major version that made it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from holdfast.postgres.embedded.access import NAME, new_password
from holdfast.postgres.embedded.account import Account, hand_over, maker_account
from holdfast.postgres.embedded.binaries import MAJOR, Programs, installed
from holdfast.postgres.embedded.errors import (
    DataDirectoryUnusable,
    OtherMajorVersion,
    ProgramsMissing,
    ServerNotStarted,
)
from holdfast.postgres.embedded.layout import DataDirectory
from holdfast.postgres.embedded.log import complaint
from holdfast.postgres.embedded.process import Folder, run_task

_MAKING = "postgres.new-"

# Written into postgresql.conf once, where the user may change them (or ALTER SYSTEM does). Small in
# memory; the write-ahead log may grow so that bulk loads do not checkpoint all the time.
_PARAMETERS = {
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "min_wal_size": "128MB",
    "checkpoint_completion_target": "0.9",
    "log_line_prefix": "%m [%p] %a ",
}


def exists(data: DataDirectory) -> bool:
    """Tell whether the data directory holds a cluster of our major version.

    Raises ``OtherMajorVersion`` where it holds another, ``DataDirectoryUnusable`` where the folder holds
    something else.
    """
    try:
        version = (data.cluster / "PG_VERSION").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        if data.cluster.exists() and any(data.cluster.iterdir()):
            raise DataDirectoryUnusable(
                f"{data.cluster} is not empty and is no PostgreSQL cluster (it has no PG_VERSION).",
                hint="Move it away, restore it whole, or name another folder with --data-dir.",
            ) from None
        return False
    except OSError as error:
        raise DataDirectoryUnusable(
            f"{data.cluster} cannot be read: {error.strerror}.",
            hint="Run as the data directory's owner, or name another folder with --data-dir.",
        ) from error
    if version != str(MAJOR):
        raise _other_version(data, version)
    return True


def create(
    data: DataDirectory, server: Account, programs: Programs, parameters: Mapping[str, str] | None = None
) -> None:
    """Make the cluster beside its place, then move it there: half a cluster never stands in its place.

    The caller holds the owner's lock. ``parameters`` are those of the server to come: where they say
    ``fsync=off``, what is made is not flushed either. Raises ``ServerNotStarted``.
    """
    for remains in data.root.glob(f"{_MAKING}*"):
        shutil.rmtree(remains, ignore_errors=True)
    maker = maker_account(server)
    making = Path(tempfile.mkdtemp(dir=data.root, prefix=_MAKING))
    try:
        if not data.password.exists():
            data.write_private(data.password, new_password())
        (making / "password").touch(mode=0o600)
        (making / "password").write_bytes(data.password.read_bytes())
        (making / "data").mkdir(mode=0o700)
        if maker.other:
            hand_over(making, maker)
        _initdb(making, maker, programs, flush=(parameters or {}).get("fsync") != "off")
        if server != maker:
            hand_over(making / "data", server)
        (making / "data").rename(data.cluster)
        _flush(data.root)
    except OSError as error:
        raise ServerNotStarted(
            f"No cluster can be made in {data.root}: {error.strerror}.",
            hint="Free some space, correct the permissions, or name another folder with --data-dir.",
        ) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _other_version(data: DataDirectory, version: str) -> OtherMajorVersion:
    try:
        place = f" (they are in {installed(int(version)).path('postgres').parent})"
    except (ProgramsMissing, ValueError):
        place = ""
    return OtherMajorVersion(
        f"{data.cluster} was made by PostgreSQL {version}; Holdfast brings PostgreSQL {MAJOR}.",
        hint=f"Start it with PostgreSQL {version}'s own programs{place}, dump it (pg_dumpall) and load that "
        "into a new folder (--data-dir); or keep it running there and set DATABASE_URL.",
        found=version,
        brought=str(MAJOR),
    )


def _initdb(making: Path, maker: Account, programs: Programs, *, flush: bool) -> None:
    with Folder(making, maker) as folder:
        command = [
            str(programs.path("initdb")),
            f"--pgdata={folder.shown}/data",
            f"--username={NAME}",
            f"--pwfile={folder.shown}/password",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
            "--no-instructions",
            *([] if flush else ["--no-sync"]),
            *(f"--set={name}={value}" for name, value in _PARAMETERS.items()),
        ]
        code, printed = run_task(command, account=maker, folder=folder)
    if code != 0:
        raise ServerNotStarted(
            f"PostgreSQL's initdb failed in {making.parent} (exit {code}): {complaint(printed)}.",
            hint="Free some space, correct the permissions, or name another folder with --data-dir.",
        )


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
