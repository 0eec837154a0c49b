"""The embedded server, run by the process that owns its data directory."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import psycopg

from holdfast.errors import HoldfastError
from holdfast.postgres.embedded import cluster
from holdfast.postgres.embedded.access import conninfo, ensure_database, new_password, set_password
from holdfast.postgres.embedded.account import Account, hand_over, server_account
from holdfast.postgres.embedded.binaries import Programs, programs_for
from holdfast.postgres.embedded.errors import ServerNotStarted
from holdfast.postgres.embedded.layout import DataDirectory
from holdfast.postgres.embedded.leftover import stop_leftover
from holdfast.postgres.embedded.log import ServerLog
from holdfast.postgres.embedded.options import Options
from holdfast.postgres.embedded.ownership import OwnerLock, take_now
from holdfast.postgres.embedded.running import ServerProcess
from holdfast.postgres.embedded.runtime import make_socket_folder, remove_socket_folder

_logger = logging.getLogger(__name__)
_KEEP_EVERY = 0.5
_RECOVERY_RULES = "holdfast-recovery-hba.conf"
_LONGEST_PAUSE = 30.0


class EmbeddedServer:
    """A running PostgreSQL on a data directory; it ends when this process ends, however it ends.

    Where the server dies by itself it is started again on the same socket. ``stop`` may be called from
    any thread, and more than once.
    """

    def __init__(self, data: DataDirectory, options: Options, lock: OwnerLock, *, lock_is_mine: bool) -> None:
        self._data = data
        self._options = options
        self._lock = lock
        self._lock_is_mine = lock_is_mine
        self._log = ServerLog(data)
        self._account: Account = server_account(data)
        self._programs: Programs = programs_for(self._account)
        self._socket_folder: Path | None = None
        self._stopping = threading.Event()
        self._process = ServerProcess(data, self._account, self._programs, options, self._stopping)
        self._changing = threading.Lock()
        self._keeper = threading.Thread(target=self._keep, name="holdfast-embedded-server", daemon=True)

    @classmethod
    def start(
        cls,
        data_dir: Path,
        *,
        parameters: Mapping[str, str] | None = None,
        options: Options | None = None,
        lock: OwnerLock | None = None,
    ) -> EmbeddedServer:
        """Start the server of a data directory, made on first use; the caller becomes its owner.

        ``parameters`` stand in front of those of ``options``. ``lock`` is the owner's lock where the
        caller holds it already. Raises ``DataDirectoryOccupied``, ``DataDirectoryUnusable``,
        ``OtherMajorVersion``, ``ProgramsMissing`` or ``ServerNotStarted``; then nothing is left running.
        """
        data = DataDirectory.prepare(data_dir)
        options = options or Options()
        options = replace(options, parameters={**options.parameters, **(parameters or {})})
        taken = lock or take_now(data, purpose="server")
        try:
            server = cls(data, options, taken, lock_is_mine=lock is None)
            try:
                server._begin()
            except BaseException:
                server.stop()
                raise
        except BaseException:
            if lock is None:
                taken.release()
            raise
        return server

    @property
    def data_dir(self) -> Path:
        """The data directory."""
        return self._data.root

    @property
    def pid(self) -> int:
        """The server's process id; it changes when the server had to be started again."""
        return self._process.pid

    @property
    def conninfo(self) -> str:
        """The connection string (libpq's) for the database ``holdfast``, password included."""
        if self._socket_folder is None:
            raise ServerNotStarted("The embedded server does not run.", hint="Start it.")
        return conninfo(self._data, self._socket_folder, self._options.port)

    def stop(self) -> None:
        """Stop the server: its clients are disconnected, what is committed is written back.

        After ``stop_within`` seconds it is cut off; it then recovers at its next start.
        """
        self._stopping.set()
        with self._changing:
            self._process.end()
            if self._socket_folder is not None:
                remove_socket_folder(self._socket_folder)
                self._socket_folder = None
            if self._lock_is_mine:
                self._lock.release()
        if self._keeper.is_alive() and self._keeper is not threading.current_thread():
            self._keeper.join()

    def __enter__(self) -> EmbeddedServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _socket(self) -> Path:
        return (self._socket_folder or Path()) / f".s.PGSQL.{self._options.port}"

    def _begin(self) -> None:
        if cluster.exists(self._data):
            if self._account.other and self._data.cluster.stat().st_uid != self._account.uid:
                hand_over(self._data.cluster, self._account)  # root copied it here from elsewhere
            if stop_leftover(self._data.cluster):
                _logger.warning("stopped a server that a crash had left on %s", self._data.cluster)
        else:
            cluster.create(self._data, self._account, self._programs, self._options.parameters)
        self._socket_folder = make_socket_folder(self._data, self._account, self._options.runtime_dir)
        try:
            if not self._data.password.exists():
                self._renew_password()
            self._process.launch(self._socket_folder)
            ensure_database(self.conninfo)
        except psycopg.Error as error:
            raise ServerNotStarted(
                f"The embedded server on {self._data.root} runs and refuses its owner: {str(error).strip()}.",
                hint=f"Where the password is wrong: remove {self._data.password}, and a new one is set.",
            ) from error
        self._lock.ready(self._socket_folder, self._options.port)
        self._keeper.start()

    def _renew_password(self) -> None:
        """Set a new password where the file was lost: on a server that for this moment asks for none.

        Its socket can be reached by the server's account and root only, who could read its files anyway.
        """
        rules = self._data.cluster / _RECOVERY_RULES
        password = new_password()
        try:
            rules.write_text("local all all trust\n", encoding="utf-8")
            if self._account.other:
                hand_over(rules, self._account)
            self._process.launch(self._socket.parent, hba_file=_RECOVERY_RULES)
            set_password(self._socket.parent, self._options.port, password)
        finally:
            self._process.end()
            rules.unlink(missing_ok=True)
        self._data.write_private(self._data.password, password)
        _logger.warning("the password %s was lost; a new one is set", self._data.password)

    def _keep(self) -> None:
        """Start the server again where it dies, and keep its log bounded, until it is stopped."""
        pause = _KEEP_EVERY
        while not self._stopping.wait(pause):
            try:
                self._log.trim()
                with self._changing:
                    if not self._stopping.is_set():
                        self._look_after()
                pause = _KEEP_EVERY
            except (HoldfastError, OSError) as error:
                pause = min(pause * 2, _LONGEST_PAUSE)
                _logger.error("the embedded server cannot be kept: %s", error)

    def _look_after(self) -> None:
        if not self._process.is_running:
            _logger.error("the embedded server has died; it is started again")
        elif not self._socket.exists():
            _logger.error("the embedded server's socket was removed; it is started again")
        else:
            return
        self._process.end()
        stop_leftover(self._data.cluster)
        self._socket_folder = make_socket_folder(self._data, self._account, self._options.runtime_dir)
        self._process.launch(self._socket_folder)
        self._lock.ready(self._socket_folder, self._options.port)
