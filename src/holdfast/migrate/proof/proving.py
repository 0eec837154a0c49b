"""Proves all files of which a certificate does not stand: on each major version, in several processes."""

from __future__ import annotations

import hashlib
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
from holdfast.migrate.proof.neighbours import neighbour
from holdfast.migrate.proof.worker import Failed, Message, Proved, Ready, Task, work

_TASKS_A_WORKER = 8
_LARGEST_TASK = 25
_GIVEN = "given_rows"
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
    _chains: dict[MigrationId, str] = field(default_factory=dict)
    _places: dict[str, Path] = field(default_factory=dict)
    _certificates: dict[str, Certificate] = field(default_factory=dict)
    _given: dict[MigrationId, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chains = certificate.chains(self.files)
        self._places = certificate.folders_of(self.files, self.folders)
        for name in {each.id.system for each in self.wanted}:
            self._certificates[name] = certificate.read(self._places[name], name)
        self._given = self._read_given()

    def to_prove(self, major: int) -> list[int]:
        """Return the places in the order of the wanted files whose proof on a version does not stand."""
        wanted = {each.id for each in self.wanted}
        return [
            index
            for index, migration in enumerate(self.files.ordered)
            if migration.id in wanted and not self._stands(index, migration, major)
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
        return [
            Result(each, major, self._certificates[each.id.system].entries[each.id].proofs[major], stood)
            for major in self.majors
            for each in self.wanted
            for stood in [(major, each.id) not in fresh]
        ]

    def _stands(self, index: int, migration: Migration, major: int) -> bool:
        known = self._certificates[migration.id.system]
        if self.again or known.standing(migration, self._chains[migration.id], major) != "proven":
            return False
        proof = known.entries[migration.id].proofs[major]
        if proof.found.get(_GIVEN, "") != self._digest_of_given(index):
            return False
        beside = neighbour(self.files, index)
        return beside is None or proof.swapped.get(str(beside.id)) == self._chains[beside.id]

    def _digest_of_given(self, index: int) -> str:
        """Return a hash over the rows of one's own that a file meets in its proof; empty without any."""
        earlier = {each.id for each in self.files.ordered[: index + 1]}
        given = [(str(which), rows) for which, rows in self._given.items() if which in earlier]
        return hashlib.sha256(repr(given).encode()).hexdigest() if given else ""

    def _prove(self, major: int, indexes: Sequence[int]) -> Iterator[Proved]:
        """Share the files out among workers; each asks for more when it is through."""
        number = min(self.workers or min(os.cpu_count() or 1, 4), len(indexes))
        size = max(1, min(_LARGEST_TASK, math.ceil(len(indexes) / (number * _TASKS_A_WORKER))))
        tasks = deque(Task(tuple(indexes[first : first + size])) for first in range(0, len(indexes), size))
        with _processes(number, self.files, major, self._given) as pipes:
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

    def _read_given(self) -> dict[MigrationId, str]:
        """Return the rows of one's own that stand beside files: ``rows/NNNN.sql``."""
        found = {}
        for migration in self.files.ordered:
            folder = self._places.get(migration.id.system)
            place = folder / "rows" / f"{migration.id.number:04}.sql" if folder else None
            if place is not None and place.is_file():
                found[migration.id] = place.read_text(encoding="utf-8")
        return found

    def _enter(self, migration: Migration, major: int, proof: Proof) -> None:
        system, chain = migration.id.system, self._chains[migration.id]
        entries = dict(self._certificates[system].entries)
        known = entries.get(migration.id)
        proofs = dict(known.proofs) if known is not None and known.chain == chain else {}
        given = self._digest_of_given(self.files.ordered.index(migration))
        proofs[major] = replace(proof, found={**proof.found, _GIVEN: given}) if given else proof
        name = migration.file.rpartition("/")[2]
        entries[migration.id] = Entry(name, migration.checksum, chain, proofs)
        self._certificates[system] = Certificate(entries)

    def _write(self) -> None:
        """Write the certificates, without the files that are no more."""
        there = {migration.id for migration in self.files.ordered}
        failed: HoldfastError | None = None
        for system, known in self._certificates.items():
            kept = Certificate({which: entry for which, entry in known.entries.items() if which in there})
            try:
                if kept != certificate.read(self._places[system], system):
                    certificate.write(self._places[system], kept)
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


__all__ = ["ProofEnded", "ProofNotStarted", "Proving", "Ready", "Result"]
