"""A process that proves files on a server of its own: told which, it sends what it found of each."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection as Pipe

import psycopg

from holdfast import __version__
from holdfast.errors import HoldfastError
from holdfast.migrate.files import Migration
from holdfast.migrate.header import MigrationId
from holdfast.migrate.plan import Files
from holdfast.migrate.proof.ahead import rules_of_all
from holdfast.migrate.proof.certificate import Failure, Proof, chains
from holdfast.migrate.proof.filewise import Found, prove_file
from holdfast.migrate.proof.held import HeldRows
from holdfast.migrate.proof.neighbours import swap
from holdfast.migrate.proof.rows.catalogue import Tables
from holdfast.migrate.proof.stage import Stage
from holdfast.migrate.proof.standing import neighbour
from holdfast.postgres.throwaway.servers import throwaway_server


@dataclass(frozen=True, slots=True)
class Task:
    """Files to prove, by their places in the order, on one server's major version."""

    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Proved:
    """What a worker found of the file at a place in the order."""

    index: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class Failed:
    """A worker cannot go on."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker asks for its next task."""


Message = Proved | Failed | Ready


def work(files: Files, major: int, given: Mapping[MigrationId, str], pipe: Pipe) -> None:
    """Be the process: prove what the pipe asks for, until it says None or is closed.

    ``given`` are rows of one's own, as SQL, by the file that they follow.
    """
    try:
        with throwaway_server(major) as server, asyncio.Runner() as runner:
            gc.freeze()  # what stands now is not looked at again, neither here nor in forked children
            with psycopg.connect(server) as connection:
                version = str(connection.info.parameter_status("server_version")).split()[0]
            worker = _Worker(files, major, server, version, runner, given)
            try:
                pipe.send(Ready())
                while (task := pipe.recv()) is not None:
                    worker.tidy(task.indexes[0])
                    for index in task.indexes:
                        pipe.send(Proved(index, worker.prove(index)))
                    pipe.send(Ready())
            finally:
                worker.close()
    except HoldfastError as error:
        pipe.send(Failed(error.message, error.hint))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return  # whoever asked is gone


@dataclass(slots=True)
class _Worker:
    files: Files
    major: int
    server: str
    version: str
    runner: asyncio.Runner
    given: Mapping[MigrationId, str] = field(default_factory=dict)
    broken: set[MigrationId] = field(default_factory=set)
    _stage: Stage | None = None
    _stack: ExitStack = field(default_factory=ExitStack)
    _fingerprint: str = ""
    _later: Sequence[Tables] = ()
    _chains: dict[MigrationId, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chains = chains(self.files)

    def close(self) -> None:
        self._stack.close()

    def tidy(self, index: int) -> None:
        """Make ready for some files from a place on."""
        self._reach(index).tidy()

    def prove(self, index: int) -> Proof:
        migration = self.files.ordered[index]
        stage = self._reach(index)  # which finds what is broken before it
        needed = self._broken_among_needed(migration)
        if needed:
            hint = f"Correct {needed} first."
            return self._proof(Found(failures=[Failure(f"It builds on {needed}, which fails.", hint)]))
        found = prove_file(stage, migration, before=self._fingerprint, seed=str(self.major))
        swapped: dict[str, str] = {}
        if not found.failures:
            self._fingerprint = found.after
            swapped = self._swap(stage, index, found)
        if found.failures:
            self._spoiled(migration)
        else:
            known = set(stage.rows.not_seeded)
            if stage.seed():
                self._fingerprint = stage.fingerprint()
            found.values["not_seeded"] = {
                table: why for table, why in stage.rows.not_seeded.items() if table not in known
            }
        return replace(self._proof(found), swapped=swapped)

    def _reach(self, index: int) -> Stage:
        """Bring the stage to where all files before a place are applied, and have rows."""
        stage = self._stage
        if stage is None:
            stage = self._stage = self._stack.enter_context(Stage.open(self.runner, self.server, self.files))
            self._later = self._later or rules_of_all(stage)
            stage.rows = HeldRows(self.given, self._later)
        applied = {each.id for each in stage.applied}
        missing = [
            each
            for each in self.files.ordered[:index]
            if each.id not in applied and each.id not in self.broken
        ]
        if missing or not self._fingerprint:
            self._forward(stage, missing)
            stage.seed()
            self._fingerprint = stage.fingerprint()
        return stage

    def _forward(self, stage: Stage, missing: Sequence[Migration]) -> None:
        """Apply files that are proven already, or elsewhere; what cannot be is broken."""
        try:
            stage.forward(missing)
        except HoldfastError:
            applied = {each.id for each in stage.applied}
            for each in missing:
                if each.id not in applied | self.broken and not self._broken_among_needed(each):
                    self._try(stage, each)

    def _try(self, stage: Stage, migration: Migration) -> None:
        try:
            stage.up(migration)
        except HoldfastError:
            self.broken.add(migration.id)

    def _spoiled(self, migration: Migration) -> None:
        """Begin with a new database after a failure, and see whether the file can be applied at all."""
        self._stack.close()
        self._stage, self._fingerprint = None, ""
        stage = self._reach(self.files.ordered.index(migration))
        self._try(stage, migration)
        if migration.id in self.broken and not migration.transactional:
            self._stack.close()  # a part of it stands
            self._stage = None
        self._fingerprint = ""

    def _swap(self, stage: Stage, index: int, found: Found) -> dict[str, str]:
        first, second = neighbour(self.files, index), self.files.ordered[index]
        if first is None or first.id in self.broken:
            return {}
        expected = stage.fingerprint() if stage.withdraw() else found.after
        failure = swap(stage, first, second, expected=expected)
        if failure is not None:
            found.failures.append(failure)
            return {}
        return {str(first.id): self._chains[first.id]}

    def _broken_among_needed(self, migration: Migration) -> MigrationId | None:
        if not self.broken:
            return None
        return min(self.broken & (self.files.up_to(migration.id) - {migration.id}), default=None)

    def _proof(self, found: Found) -> Proof:
        return Proof(
            server=self.version,
            holdfast=__version__,
            proven_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            failures=tuple(found.failures),
            found=found.values,
        )
