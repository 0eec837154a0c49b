"""How the proof of a file stands: the one judgement for ``up``, ``promote``, ``prove`` and ``prove --check``.

Beside a file's chain it looks at what else its proof met: rows of one's own that were given, and the
neighbour with which it was swapped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from holdfast.errors import Conflict
from holdfast.migrate.files import Migration
from holdfast.migrate.header import MigrationId
from holdfast.migrate.plan import Files
from holdfast.migrate.proof.certificate import PROVER, Certificate, chains, folders_of, read

GIVEN = "given_rows"
Standing = Literal[
    "proven", "missing", "stale", "failed", "not on this server", "other rows", "other neighbour"
]


class NotProven(Conflict):
    """A migration may only be applied once it is proven, and it is not."""

    code = "not_proven"


@dataclass(slots=True)
class Standings:
    """The files at hand with their certificates, which are read when they are first asked for.

    ``folders`` are those of ``--dir`` by system. Raises ``CertificateUnusable`` where one is not understood.
    """

    files: Files
    folders: Mapping[str, Path] | None = None
    chains: Mapping[MigrationId, str] = field(init=False)
    places: Mapping[str, Path] = field(init=False)
    given: Mapping[MigrationId, str] = field(init=False)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    _index: Mapping[MigrationId, int] = field(init=False)

    def __post_init__(self) -> None:
        self.chains = chains(self.files)
        self.places = folders_of(self.files, self.folders)
        self.given = self._read_given()
        self._index = {each.id: index for index, each in enumerate(self.files.ordered)}

    def certificate(self, system: str) -> Certificate:
        """Return a system's certificate; one without entries where it has no folder."""
        if system not in self.certificates:
            place = self.places.get(system)
            self.certificates[system] = Certificate() if place is None else read(place, system)
        return self.certificates[system]

    def of(self, migration: Migration, major: int) -> Standing:
        """Say how a file's proof on a major version stands."""
        entry = self.certificate(migration.id.system).entries.get(migration.id)
        if entry is None:
            return "missing"
        if entry.chain != self.chains[migration.id]:
            return "stale"
        proof = entry.proofs.get(major)
        if proof is None:
            return "not on this server"
        if proof.prover < PROVER:
            return "stale"
        if proof.failures:
            return "failed"
        if proof.found.get(GIVEN, "") != self.digest_of_given(migration):
            return "other rows"
        beside = neighbour(self.files, self._index[migration.id])
        if beside is not None and proof.swapped.get(str(beside.id)) != self.chains[beside.id]:
            return "other neighbour"
        return "proven"

    def digest_of_given(self, migration: Migration) -> str:
        """Return a hash over the rows of one's own that a file meets in its proof; empty without any."""
        last = self._index[migration.id]
        given = [(str(which), rows) for which, rows in self.given.items() if self._index[which] <= last]
        return hashlib.sha256(repr(given).encode()).hexdigest() if given else ""

    def _read_given(self) -> dict[MigrationId, str]:
        """Return the rows of one's own that stand beside files: ``rows/NNNN.sql``."""
        found = {}
        for migration in self.files.ordered:
            folder = self.places.get(migration.id.system)
            place = folder / "rows" / f"{migration.id.number:04}.sql" if folder else None
            if place is not None and place.is_file():
                found[migration.id] = place.read_text(encoding="utf-8")
        return found


def require(
    files: Files, wanted: Sequence[Migration], major: int, *, folders: Mapping[str, Path] | None = None
) -> None:
    """Refuse files that are not proven on a server's major version, as they stand.

    ``files`` are all at hand, ``wanted`` those to be applied, ``folders`` those of ``--dir`` by system.
    Raises ``NotProven``, naming each; ``CertificateUnusable``.
    """
    unproven = [
        (migration, standing)
        for migration, standing in standings(files, wanted, major, folders=folders)
        if standing != "proven"
    ]
    if unproven:
        named = "; ".join(f"{each.id} ({each.file}): {said(standing, major)}" for each, standing in unproven)
        raise NotProven(
            f"Nothing was migrated, because only proven files may be: {named}.",
            hint="Run `holdfast migrate prove`, commit the certificate, and deploy it with the files.",
            unproven=[str(each.id) for each, _ in unproven],
        )


def standings(
    files: Files, wanted: Sequence[Migration], major: int, *, folders: Mapping[str, Path] | None = None
) -> list[tuple[Migration, Standing]]:
    """Return how the proof of each wanted file on a major version stands. Raises ``CertificateUnusable``."""
    known = Standings(files, folders)
    return [(each, known.of(each, major)) for each in wanted]


def said(standing: Standing, major: int) -> str:
    """Return a standing in words."""
    return {
        "proven": f"proven on PostgreSQL {major}",
        "missing": "never proven",
        "stale": "it, or a file that it builds on, has changed since it was proven",
        "failed": f"its proof on PostgreSQL {major} failed",
        "not on this server": f"not proven on PostgreSQL {major}",
        "other rows": "the rows given for its proof have changed since it was proven",
        "other neighbour": "the file before it, which it does not need, was not swapped with it as it stands",
    }[standing]


def neighbour(files: Files, index: int) -> Migration | None:
    """Return the file before the one at an index where the two are independent and have ways back."""
    if index == 0:
        return None
    first, second = files.ordered[index - 1], files.ordered[index]
    if first.id.system == second.id.system or first.irreversible or second.irreversible:
        return None
    return None if first.id in files.up_to(second.id) else first
