"""The server's process: started under guard, waited for, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from holdfast.postgres.embedded.account import Account
from holdfast.postgres.embedded.binaries import Programs
from holdfast.postgres.embedded.errors import ServerNotStarted
from holdfast.postgres.embedded.layout import DataDirectory
from holdfast.postgres.embedded.leftover import read_pid_file
from holdfast.postgres.embedded.log import ServerLog, complaint
from holdfast.postgres.embedded.options import Options
from holdfast.postgres.embedded.process import Folder, let_go, spawn_server

_LOOK_EVERY = 0.01
_TELL_EVERY = 0.1
_CUT_OFF_WITHIN = 6.0


class ServerProcess:
    """PostgreSQL running on a cluster that nothing else runs on; ``pid`` is its process id.

    ``given_up`` ends a start that is under way.
    """

    def __init__(
        self,
        data: DataDirectory,
        account: Account,
        programs: Programs,
        options: Options,
        given_up: threading.Event,
    ) -> None:
        self.pid = 0
        self._data = data
        self._account = account
        self._programs = programs
        self._options = options
        self._given_up = given_up
        self._log = ServerLog(data)
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether it was launched and has not ended."""
        return self._guard is not None and self._guard.poll() is None

    def launch(self, socket_folder: Path, *, hba_file: str = "pg_hba.conf") -> None:
        """Start it and wait until it takes connections. Raises ``ServerNotStarted``."""
        position = self._log.size()
        self._spawn(socket_folder, hba_file)
        if not self._wait_until_ready():
            self.end()
            raise ServerNotStarted(
                f"The embedded server on {self._data.root} did not start: "
                f"{complaint(self._log.since(position))}.",
                hint=f"Its log is {self._log.path}.",
            )

    def end(self) -> None:
        """Stop the server's process, gently at first, and wait until it is gone."""
        guard = self._guard
        if guard is None:
            return
        for number, seconds in (
            (signal.SIGTERM, self._options.stop_within),
            (signal.SIGQUIT, _CUT_OFF_WITHIN),
        ):
            deadline = time.monotonic() + seconds
            while guard.poll() is None and time.monotonic() < deadline:
                guard.send_signal(number)  # again and again: a server just started does not heed it yet
                with suppress(subprocess.TimeoutExpired):
                    guard.wait(_TELL_EVERY)
        if guard.poll() is None:
            os.kill(self.pid, signal.SIGKILL)  # the guard has not waited for it: the id is still its own
            guard.wait()
        let_go(guard)
        self._guard = None

    def _spawn(self, socket_folder: Path, hba_file: str) -> None:
        output = self._log.open()
        try:
            with Folder(self._data.cluster, self._account) as folder:
                command = [str(self._programs.path("postgres")), "-D", folder.shown]
                command += ["-c", f"hba_file={folder.shown}/{hba_file}"]
                for name, value in self._parameters(socket_folder).items():
                    command += ["-c", f"{name}={value}"]
                self._guard, self.pid = spawn_server(
                    command, account=self._account, folder=folder, output=output
                )
        except OSError as error:
            raise ServerNotStarted(
                f"The embedded server's process cannot be started: {error.strerror}.",
                hint="Run Holdfast as an ordinary user, or name a server with DATABASE_URL.",
            ) from error
        finally:
            os.close(output)

    def _parameters(self, socket_folder: Path) -> dict[str, str]:
        return {
            "listen_addresses": "",
            **self._options.parameters,
            "port": self._options.port,
            "unix_socket_directories": f'"{socket_folder}"',
            "unix_socket_permissions": "0700",
            "logging_collector": "off",
            "log_destination": "stderr",
        }

    def _wait_until_ready(self) -> bool:
        """Wait until the server's own pid file says ready; False when it has ended before, or is to stop.

        Raises ``ServerNotStarted`` after the time that it may take.
        """
        deadline = time.monotonic() + self._options.start_within
        while self.is_running and not self._given_up.is_set():
            told = read_pid_file(self._data.cluster)
            if told is not None and told.pid == self.pid and told.status == "ready":
                return True
            if time.monotonic() > deadline:
                raise ServerNotStarted(
                    f"The embedded server on {self._data.root} was not ready after "
                    f"{self._options.start_within:.0f} s.",
                    hint=f"Its log is {self._log.path}; HOLDFAST_EMBEDDED_START_WITHIN gives it more time.",
                )
            time.sleep(_LOOK_EVERY)
        return False
