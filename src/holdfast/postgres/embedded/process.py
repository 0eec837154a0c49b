"""Processes that end when their owner ends, however it ends.

Each runs below a small shell, the guard, in a session of its own (Ctrl-C in the terminal reaches only
the owner, which stops things in order). The guard holds the reading end of a pipe whose writing end
only the owner has. The kernel closes that end when the owner dies, SIGKILL included; the guard sees
the end of the file and stops what it runs. This works on every POSIX system and from any thread.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from holdfast.postgres.embedded.account import Account
from holdfast.postgres.embedded.binaries import environment
from holdfast.postgres.embedded.descriptors import close_in_children, keep_in_children

# Runs a server. Prints its process id. SIGTERM asks it for a fast shutdown, SIGQUIT for an immediate
# one; both go by this guard because the guard's id cannot be taken over by another process while its
# owner has not waited for it. After the owner's death: fast, then immediate, then killed. A signal is
# repeated, because a server that has just been started does not heed one yet. The watcher begins before
# the traps are set: a signal that came to it before it had dropped them would be lost, and waited for.
_SERVER = """
unset HOLDFAST_GUARD
exec 3<&0 </dev/null
"$@" 3<&- >&2 &
server=$!
(
  exec >&2
  read -r ignored <&3
  step() { n=0; while [ "$n" -lt "$2" ] && kill -"$1" "$server" 2>/dev/null; do
    sleep 0.1; n=$((n + 1)); done; }
  step INT 100; step QUIT 60; step KILL 50
) &
watcher=$!
trap '' PIPE
trap 'told=1; kill -INT "$server"' TERM INT HUP
trap 'told=1; kill -QUIT "$server"' QUIT
exec 3<&-
echo "$server"
exec >&2
while told=; do wait "$server"; status=$?; [ "$told" ] || break; done
kill "$watcher" 2>/dev/null; wait "$watcher" 2>/dev/null
exit "$status"
"""

# Runs a program that may be cut off at any time. After the owner's death the whole group is killed.
_TASK = """
unset HOLDFAST_GUARD
exec 3<&0 </dev/null
"$@" 3<&- &
task=$!
( read -r ignored <&3; kill -KILL 0 ) &
watcher=$!
exec 3<&-
wait "$task"; status=$?
kill "$watcher" 2>/dev/null; wait "$watcher" 2>/dev/null
exit "$status"
"""

# Descriptors that the shell passes on must not be among those that its scripts use themselves.
_FIRST_PASSED_DESCRIPTOR = 64


class Folder:
    """A folder as a program of another account is told of it.

    For the own account that is its path. For another account it is an open descriptor, which works
    though the folders above it are closed to that account.
    """

    def __init__(self, path: Path, account: Account) -> None:
        self._path = path
        self.descriptors: tuple[int, ...] = ()
        if account.other:
            import fcntl  # noqa: PLC0415  beside its only use

            opened = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self.descriptors = (fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, _FIRST_PASSED_DESCRIPTOR),)
            finally:
                os.close(opened)

    @property
    def shown(self) -> str:
        """The path to give to the program."""
        return f"/proc/self/fd/{self.descriptors[0]}" if self.descriptors else str(self._path)

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


def spawn_server(
    command: Sequence[str], *, account: Account, folder: Folder, output: int
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server under guard; return the guard (its ``stdin`` is the pipe) and the server's id."""
    guard = _spawn(_SERVER, command, account=account, folder=folder, stderr=output)
    with _reading_end(guard) as told:
        first = told.readline().strip()
    return guard, int(first or b"0")


def run_task(command: Sequence[str], *, account: Account, folder: Folder) -> tuple[int, str]:
    """Run a program under guard to its end; return its exit code and all that it printed."""
    guard = _spawn(_TASK, command, account=account, folder=folder, stderr=subprocess.STDOUT)
    with _reading_end(guard) as printed:
        text = printed.read().decode("utf-8", "replace")
    code = guard.wait()
    let_go(guard)
    return code, text


def let_go(guard: subprocess.Popen[bytes]) -> None:
    """Close the pipe to a guard that has ended."""
    if guard.stdin is not None:
        keep_in_children(guard.stdin.fileno())
        guard.stdin.close()


def _spawn(
    script: str, command: Sequence[str], *, account: Account, folder: Folder, stderr: int
) -> subprocess.Popen[bytes]:
    guard = subprocess.Popen(  # noqa: S603  our own script; the command is passed as arguments, never as text
        ["/bin/sh", "-c", 'eval "$HOLDFAST_GUARD"', "holdfast-guard", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        cwd="/",
        env={**environment(), "HOLDFAST_GUARD": script},
        pass_fds=folder.descriptors,
        start_new_session=True,
        umask=0o077,
        **account.run_as,
    )
    if guard.stdin is not None:
        close_in_children(guard.stdin.fileno())
    return guard


def _reading_end(guard: subprocess.Popen[bytes]) -> IO[bytes]:
    assert guard.stdout is not None  # noqa: S101  it was asked for
    return guard.stdout
