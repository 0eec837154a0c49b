"""Certificates: bound to what a file builds on, asked for by up, and those of our own files current."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.migrate.header import MigrationId
from holdfast.migrate.plan import Files, declared_files
from holdfast.migrate.proof import certificate
from holdfast.migrate.proof.certificate import (
    Certificate,
    CertificateUnusable,
    Entry,
    Failure,
    NotProven,
    Proof,
)
from tests.fixtures.migrations import migration_files, table

_CONTENTS = {"a/0001_t": table("t"), "a/0002_u": table("u"), "b/0001_v": table("v"), "c/0001_w": table("w")}
_DEPENDS = {"b": ("a",)}
_PROOF = Proof("18.4", "0.1.0", "2026-11-21T12:00:00Z", found={"kills": 4}, swapped={"b/0001": "abc"})


def _files(**changed: str) -> Files:
    contents = _CONTENTS | {name.replace("__", "/"): content for name, content in changed.items()}
    return migration_files(contents, depends=_DEPENDS)


def _certified(files: Files, folder: Path, proof: Proof = _PROOF) -> dict[str, Path]:
    chains = certificate.chains(files)
    folders = {name: folder / name for name in files.systems}
    for name, place in folders.items():
        place.mkdir(exist_ok=True)
        entries = {
            each.id: Entry(each.file, each.checksum, chains[each.id], {18: proof}) for each in files.of(name)
        }
        certificate.write(place, Certificate(entries))
    return folders


def test_a_change_alters_the_chain_of_all_that_builds_on_it_and_of_nothing_else() -> None:
    before = certificate.chains(_files())
    after = certificate.chains(_files(a__0001_t=table("other")))
    assert {str(which) for which in before if before[which] != after[which]} == {"a/0001", "a/0002", "b/0001"}


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    proof = replace(_PROOF, failures=(Failure("It lost rows.", "Keep them."),))
    folders = _certified(_files(), tmp_path, proof)
    read = certificate.read(folders["a"], "a")
    assert read.entries[MigrationId("a", 2)].proofs == {18: proof}
    assert certificate.read(tmp_path, "a") == Certificate()  # where there is none


@pytest.mark.parametrize(
    "content", ["", "{}", '{"format": 99, "files": {}}', '{"format": 1, "files": {"1": {}}}']
)
def test_a_certificate_that_is_none_is_not_taken_for_an_empty_one(tmp_path: Path, content: str) -> None:
    (tmp_path / certificate.FILE).write_text(content)
    with pytest.raises(CertificateUnusable, match=r"certificate\.json"):
        certificate.read(tmp_path, "a")


def test_proven_files_may_be_applied(tmp_path: Path) -> None:
    files = _files()
    certificate.require(files, files.ordered, 18, folders=_certified(files, tmp_path))


@pytest.mark.parametrize(
    ("changed", "proof", "major", "said"),
    [
        ({"a__0002_u": table("other")}, _PROOF, 18, "has changed since it was proven"),
        ({"a__0003_x": table("x")}, _PROOF, 18, "never proven"),
        ({}, _PROOF, 17, "not proven on PostgreSQL 17"),
        ({}, replace(_PROOF, prover=certificate.PROVER - 1), 18, "has changed since it was proven"),
        (
            {},
            replace(_PROOF, failures=(Failure("It lost rows.", "Keep them."),)),
            18,
            "proof on PostgreSQL 18 failed",
        ),
    ],
)
def test_files_that_are_not_proven_as_they_stand_are_refused_by_name(
    tmp_path: Path, changed: dict[str, str], proof: Proof, major: int, said: str
) -> None:
    folders = _certified(_files(), tmp_path, proof)
    files = _files(**changed)
    with pytest.raises(NotProven, match=said) as raised:
        certificate.require(files, files.of("a"), major, folders=folders)
    assert "holdfast migrate prove" in raised.value.hint
    assert "b/0001" not in raised.value.message  # it was not asked for


@pytest.mark.parametrize("major", [18, 16, 15])
def test_holdfast_s_own_files_are_proven_as_they_stand(major: int) -> None:
    files = declared_files()
    certificate.require(files, files.ordered, major)  # else: .venv/bin/holdfast migrate prove, and commit
