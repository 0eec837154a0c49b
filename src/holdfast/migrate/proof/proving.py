"""Proves all files of which a certificate does not stand: on each major version, in several processes."""

from __future__ import annotations

import math
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from holdfast.errors import HoldfastError, TryAgain
from holdfast.migrate.files import Migration
from holdfast.migrate.header import MigrationId
from holdfast.migrate.plan import Files
from holdfast.migrate.proof import certificate
from holdfast.migrate.proof.certificate import Certificate, Entry, Proof
from holdfast.migrate.proof.standing import GIVEN, Standings
from holdfast.migrate.proof.worker import Failed, Message, Proved, Task, work

_TASKS_A_WORKER = 8
_LARGEST_TASK = 25
Told = Callable[[int, Proof, Migration], None]


class ProofEnded(TryAgain):
    """A process that proved ended before it was done."""

    code = "proof_ended"


class ProofNotStarted(HoldfastError):
    """A process that was to prove could not begin, such as for want of a server."""

    code = "proof_not_started"


@dataclass(frozen=True, slots=True)
class Result:
    """A wanted file on one major version: its proof, and whether it stood already."""

    migration: Migration
    major: int
    proof: Proof
    stood: bool


@dataclass(slots=True)
class Proving:
    """What is to be proven: the files at hand, those that are wanted, on which major versions.

    ``folders`` are those of ``--dir`` by system. ``workers`` None is one a processor, at most four.
    With ``again``, proofs that stand are made anew.
    """

    files: Files
    wanted: Sequence[Migration]
    majors: Sequence[int]
    folders: Mapping[str, Path] | None = None
    workers: int | None = None
    again: bool = False
    _known: Standings = field(init=False)

    def __post_init__(self) -> None:
        self._known = Standings(self.files, self.folders)
        for migration in self.wanted:
            self._known.certificate(migration.id.system)

    def to_prove(self, major: int) -> list[int]:
        """Return the places in the order of the wanted files whose proof on a version does not stand."""
        wanted = {each.id for each in self.wanted}
        return [
            index
            for index, migration in enumerate(self.files.ordered)
            if migration.id in wanted and (self.again or self._known.of(migration, major) != "proven")
        ]

    def prove(self, told: Told | None = None) -> list[Result]:
        """Prove what does not stand, write the certificates, and return a result for each wanted file.

        ``told`` hears of each proof as it is found. Raises ``ProofNotStarted``, ``ProofEnded``,
        ``CertificateUnusable``; what was found until then is written.
        """
        fresh: set[tuple[int, MigrationId]] = set()
        for major in self.majors:
            indexes = self.to_prove(major)
            if not indexes:
                continue
            try:
                for proved in self._prove(major, indexes):
                    migration = self.files.ordered[proved.index]
                    self._enter(migration, major, proved.proof)
                    fresh.add((major, migration.id))
                    if told is not None:
                        told(major, proved.proof, migration)
            finally:
                self._write()
        certificates = self._known.certificates
        return [
            Result(each, major, certificates[each.id.system].entries[each.id].proofs[major], stood)
            for major in self.majors
            for each in self.wanted
            for stood in [(major, each.id) not in fresh]
        ]

    def _prove(self, major: int, indexes: Sequence[int]) -> Iterator[Proved]:
        """Share the files out among workers; each asks for more when it is through."""
        number = min(self.workers or min(os.cpu_count() or 1, 4), len(indexes))
        size = max(1, min(_LARGEST_TASK, math.ceil(len(indexes) / (number * _TASKS_A_WORKER))))
        tasks = deque(Task(tuple(indexes[first : first + size])) for first in range(0, len(indexes), size))
        with _processes(number, self.files, major, self._known.given) as pipes:
            busy = list(pipes)
            while busy:
                for pipe in wait(busy):
                    assert isinstance(pipe, Pipe)  # noqa: S101  nothing else is waited for
                    message = _received(pipe)
                    if isinstance(message, Proved):
                        yield message
                    elif isinstance(message, Failed):
                        raise ProofNotStarted(message.message, hint=message.hint)
                    elif tasks:
                        pipe.send(tasks.popleft())
                    else:
                        pipe.send(None)
                        busy.remove(pipe)

    def _enter(self, migration: Migration, major: int, proof: Proof) -> None:
        system, chain = migration.id.system, self._known.chains[migration.id]
        entries = dict(self._known.certificates[system].entries)
        known = entries.get(migration.id)
        proofs = dict(known.proofs) if known is not None and known.chain == chain else {}
        given = self._known.digest_of_given(migration)
        proofs[major] = replace(proof, found={**proof.found, GIVEN: given}) if given else proof
        name = migration.file.rpartition("/")[2]
        entries[migration.id] = Entry(name, migration.checksum, chain, proofs)
        self._known.certificates[system] = Certificate(entries)

    def _write(self) -> None:
        """Write the certificates, without the files that are no more."""
        there = {migration.id for migration in self.files.ordered}
        failed: HoldfastError | None = None
        for system, known in self._known.certificates.items():
            kept = Certificate({which: entry for which, entry in known.entries.items() if which in there})
            try:
                if kept != certificate.read(self._known.places[system], system):
                    certificate.write(self._known.places[system], kept)
            except HoldfastError as error:  # the others are written all the same
                failed = failed or error
        if failed is not None:
            raise failed


def _received(pipe: Pipe) -> Message:
    try:
        message: Message = pipe.recv()
    except (EOFError, ConnectionError):
        raise ProofEnded(
            "A process that proved ended before it was done.",
            hint="Run the same again: what was proven is kept. See that the machine has memory.",
        ) from None
    return message


@contextmanager
def _processes(
    number: int, files: Files, major: int, given: Mapping[MigrationId, str]
) -> Iterator[list[Pipe]]:
    """Run workers while the block runs; they end with it, and with this process."""
    context = multiprocessing.get_context("spawn")
    started: list[SpawnProcess] = []
    pipes: list[Pipe] = []
    try:
        for _ in range(number):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(files, major, given, theirs), daemon=True)
            process.start()
            theirs.close()
            started.append(process)
            pipes.append(ours)
        yield pipes
    except BaseException:
        for process in started:
            process.terminate()
        raise
    finally:
        for pipe in pipes:
            pipe.close()
        for process in started:
            process.join()
