"""The certificate: what was proven of each file, on which server, bound to the hashes of all it builds on.

``certificate.json`` stands in a system's folder of migrations and is committed with them. An entry holds
a file's checksum and its chain: a hash over that checksum, over how the file is run, and over the chains
of the files that it needs. A change of any of them makes the entry stale, and only what is stale is
proven again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.migrate.files import Migration
from holdfast.migrate.header import MigrationId
from holdfast.migrate.plan import Files

FILE = "certificate.json"
PROVER = 2  # raised where a proof looks at more than before: what an older one certified is then stale
_FORMAT = 1


class CertificateUnusable(HoldfastError):
    """A certificate cannot be read or written."""

    code = "certificate_unusable"


@dataclass(frozen=True, slots=True)
class Failure:
    """What a proof found wrong: what happened, and what to do about it."""

    what: str
    hint: str

    def __str__(self) -> str:
        return f"{self.what} {self.hint}"


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found of one file on one server's major version; ``failures`` empty means proven.

    ``found`` are JSON values by name: rows, locks, durations, kills. ``swapped`` are the neighbours that
    gave the same catalogue in the other order, each with its chain.
    """

    server: str
    holdfast: str
    proven_at: str
    prover: int = PROVER
    failures: tuple[Failure, ...] = ()
    found: Mapping[str, Any] = field(default_factory=dict)
    swapped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as it was when it was proven, and its proofs by major version."""

    file: str
    checksum: str
    chain: str
    proofs: Mapping[int, Proof]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The entries of one system's files."""

    entries: Mapping[MigrationId, Entry] = field(default_factory=dict)


def chains(files: Files) -> dict[MigrationId, str]:
    """Return each file's chain: a hash of it, of how it is run, and of all that it builds on.

    How it is run need not stand in the file itself: Flyway says in a file beside it what is no transaction.
    """
    found: dict[MigrationId, str] = {}
    own: dict[str, list[Migration]] = {}
    for migration in files.ordered:
        earlier = own.setdefault(migration.id.system, [])
        needed = {earlier[-1].id} if earlier else _of_systems(files, migration, own)
        needed.update(migration.depends)
        lines = [f"{each} {found.get(each, 'elsewhere')}" for each in sorted(needed)]
        found[migration.id] = hashlib.sha256(
            "\n".join([migration.checksum, _how(migration), *lines]).encode()
        ).hexdigest()
        earlier.append(migration)
    return found


def _how(migration: Migration) -> str:
    """Return what a file's reading came to beyond its text, which is in its checksum."""
    return repr(
        (
            migration.transactional,
            [statement.text for statement in migration.up],
            [statement.text for statement in migration.down],
            migration.irreversible,
            migration.data_loss,
            migration.lock_budget,
        )
    )


def _of_systems(
    files: Files, migration: Migration, earlier: Mapping[str, Sequence[Migration]]
) -> set[MigrationId]:
    system = files.systems.get(migration.id.system)
    return {each.id for name in (system.depends if system else ()) for each in earlier.get(name, ())}


def folders_of(files: Files, given: Mapping[str, Path] | None = None) -> dict[str, Path]:
    """Return the folder in which each system's files, and its certificate, stand.

    ``given`` are the folders of ``--dir`` by system; those of installed systems are found.
    """
    folders = dict(given or {})
    for system in files.systems.values():
        if system.name not in folders and system.migrations:
            package, _, folder = system.migrations.rpartition(".")
            folders[system.name] = Path(str(package_files(package).joinpath(folder)))
    return folders


def read(folder: Path, system: str) -> Certificate:
    """Read a system's certificate; one without entries where there is none.

    Raises ``CertificateUnusable`` where it cannot be understood.
    """
    place = folder / FILE
    try:
        content = json.loads(place.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise ValueError(f"its format is {content['format']}")
        return Certificate(
            {MigrationId(system, int(number)): _entry(entry) for number, entry in content["files"].items()}
        )
    except FileNotFoundError:
        return Certificate()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CertificateUnusable(
            f"{place} cannot be read as a certificate: {error}.",
            hint="Restore it, or remove it and run: holdfast migrate prove",
        ) from error


def write(folder: Path, certificate: Certificate) -> Path:
    """Replace a system's certificate, and return where it stands. Raises ``CertificateUnusable``."""
    place = folder / FILE
    content = {
        "format": _FORMAT,
        "files": {
            f"{which.number:04}": _as_json(entry) for which, entry in sorted(certificate.entries.items())
        },
    }
    temporary = place.with_name(f".{FILE}.new")
    try:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(place)
    except OSError as error:
        raise CertificateUnusable(
            f"{place} cannot be written: {error.strerror}.",
            hint="Prove in a clone of the files' repository, and commit the certificate there.",
        ) from error
    return place


def _as_json(entry: Entry) -> dict[str, Any]:
    return {
        "file": entry.file,
        "checksum": entry.checksum,
        "chain": entry.chain,
        "servers": {
            str(major): {
                "server": proof.server,
                "holdfast": proof.holdfast,
                "prover": proof.prover,
                "proven_at": proof.proven_at,
                "failures": [{"what": each.what, "hint": each.hint} for each in proof.failures],
                **proof.found,
                "swapped": dict(proof.swapped),
            }
            for major, proof in sorted(entry.proofs.items(), reverse=True)
        },
    }


_OWN = ("server", "holdfast", "prover", "proven_at", "failures", "swapped")


def _entry(content: Mapping[str, Any]) -> Entry:
    proofs = {
        int(major): Proof(
            server=said["server"],
            holdfast=said["holdfast"],
            prover=said["prover"],
            proven_at=said["proven_at"],
            failures=tuple(Failure(each["what"], each["hint"]) for each in said["failures"]),
            found={name: value for name, value in said.items() if name not in _OWN},
            swapped=said["swapped"],
        )
        for major, said in content["servers"].items()
    }
    return Entry(content["file"], content["checksum"], content["chain"], proofs)
