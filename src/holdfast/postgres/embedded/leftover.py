"""A server left over from a crash: found by its pid file, made sure of, and stopped.

``postmaster.pid`` (its lines: process id, data directory, start as Unix seconds, port, socket folder,
address, shared memory key, status) survives a crash, and its process id may since belong to any
program. So a process counts as the cluster's server only when it works in the cluster's folder.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from holdfast.postgres.embedded.errors import ServerNotStarted

_STEPS = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 6.0), (signal.SIGKILL, 5.0))
_LOOK_EVERY = 0.01
_ORPHANS_END_WITHIN = 5.0


@dataclass(frozen=True)
class PidFile:
    """What ``postmaster.pid`` says: the server's process id and its status, such as ``ready``."""

    pid: int
    status: str


def read_pid_file(cluster: Path) -> PidFile | None:
    """Return what a cluster's pid file says, or None where there is none that can be read whole."""
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        return PidFile(int(lines[0]), lines[7].strip() if len(lines) > 7 else "")
    except (FileNotFoundError, IndexError, ValueError):
        return None


def stop_leftover(cluster: Path) -> bool:
    """Stop the server that runs on a cluster though nobody owns it; tell whether there was one.

    The caller holds the owner's lock. Processes that a killed server left behind are waited for. A pid
    file whose number now belongs to another program is removed: PostgreSQL would take that for a server.
    Raises ``ServerNotStarted`` where something does not end.
    """
    found = read_pid_file(cluster)
    if found is None or found.pid <= 0:
        return False
    was_there = _stop(found.pid, cluster)
    _end_orphans(cluster)
    if _is_alive(found.pid):
        (cluster / "postmaster.pid").unlink(missing_ok=True)
    return was_there


def _stop(pid: int, cluster: Path) -> bool:
    with _held(pid) as handle:
        if not _serves(pid, cluster):
            return False
        for number, seconds in _STEPS:
            if handle is None:
                os.kill(pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if not _serves(pid, cluster):
                    return True
                time.sleep(_LOOK_EVERY)
    raise ServerNotStarted(
        f"A server left over from a crash (process {pid}) runs on {cluster} and does not end.",
        hint=f"Look what holds process {pid}, such as a hanging disk, and end it.",
        pid=pid,
    )


def _end_orphans(cluster: Path) -> None:
    """Wait for a killed server's children, which end by themselves; kill what hangs.

    Where the system has no /proc PostgreSQL's own lock on shared memory keeps a new server from starting.
    """
    began = time.monotonic()
    while orphans := _working_in(cluster):
        waited = time.monotonic() - began
        if waited > _ORPHANS_END_WITHIN:
            for pid in orphans:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if waited > 2 * _ORPHANS_END_WITHIN:
            raise ServerNotStarted(
                f"Processes of a server that was killed still work on {cluster}: {orphans}.",
                hint="Look what holds them, such as a hanging disk, and end them.",
            )
        time.sleep(_LOOK_EVERY)


def _working_in(cluster: Path) -> list[int]:
    """Return PostgreSQL's processes that work in the cluster's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if _is_postgres(process) and (process / "cwd").samefile(cluster):
                found.append(int(process.name))
    return found


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@contextmanager
def _held(pid: int) -> Iterator[int | None]:
    """Hold a process by a descriptor where the system can: signals then never reach a later one of its id."""
    if not hasattr(os, "pidfd_open"):
        yield None
        return
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _serves(pid: int, cluster: Path) -> bool:
    """Tell whether a process is the server of this cluster: PostgreSQL works in the cluster's folder."""
    process = Path("/proc") / str(pid)
    if Path("/proc/self/cwd").exists():
        try:
            return (process / "cwd").samefile(cluster) and _is_postgres(process) and not _is_backend(process)
        except OSError:
            return False
    asked = subprocess.run(  # noqa: S603  a number is the only argument that varies
        ["/bin/ps", "-ww", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return "postgres" in asked.stdout and str(cluster) in asked.stdout


def _is_postgres(process: Path) -> bool:
    return os.path.basename(os.readlink(process / "exe")).startswith("postgres")


def _is_backend(process: Path) -> bool:
    """Tell whether a PostgreSQL process is a child of the server (it says so in its title)."""
    return (process / "cmdline").read_bytes().startswith(b"postgres: ")
