"""Certificates: bound to what a file builds on, asked for by up, and those of our own files current."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.migrate.files import Migration, read_folder
from holdfast.migrate.header import MigrationId
from holdfast.migrate.plan import Files, declared_files, order
from holdfast.migrate.proof import certificate
from holdfast.migrate.proof.certificate import (
    Certificate,
    CertificateUnusable,
    Entry,
    Failure,
    Proof,
    chains,
)
from holdfast.migrate.proof.standing import NotProven, require
from holdfast.system import System
from tests.fixtures.migrations import migration_files, table

_CONTENTS = {"a/0001_t": table("t"), "a/0002_u": table("u"), "b/0001_v": table("v"), "c/0001_w": table("w")}
_DEPENDS = {"b": ("a",)}
_PROOF = Proof("18.4", "0.1.0", "2026-11-21T12:00:00Z", found={"kills": 4})


def _files(**changed: str) -> Files:
    contents = _CONTENTS | {name.replace("__", "/"): content for name, content in changed.items()}
    return migration_files(contents, depends=_DEPENDS)


def _certified(files: Files, folder: Path, proof: Proof = _PROOF) -> dict[str, Path]:
    chained = chains(files)
    folders = {name: folder / name for name in files.systems}
    for name, place in folders.items():
        place.mkdir(exist_ok=True)
        entries = {
            each.id: Entry(each.file, each.checksum, chained[each.id], {18: _swapped(proof, each, chained)})
            for each in files.of(name)
        }
        certificate.write(place, Certificate(entries))
    return folders


def _swapped(proof: Proof, migration: Migration, chained: dict[MigrationId, str]) -> Proof:
    """Let c's file be swapped with its neighbour, b's."""
    beside = MigrationId("b", 1)
    return replace(proof, swapped={str(beside): chained[beside]}) if migration.id.system == "c" else proof


def test_a_change_alters_the_chain_of_all_that_builds_on_it_and_of_nothing_else() -> None:
    before = chains(_files())
    after = chains(_files(a__0001_t=table("other")))
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
    require(files, files.ordered, 18, folders=_certified(files, tmp_path))


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
        require(files, files.of("a"), major, folders=folders)
    assert "holdfast migrate prove" in raised.value.hint
    assert "b/0001" not in raised.value.message  # it was not asked for


def test_a_neighbour_that_has_changed_was_not_swapped(tmp_path: Path) -> None:
    folders = _certified(_files(), tmp_path)
    files = _files(b__0001_v=table("other"))
    with pytest.raises(NotProven, match=r"c/0001 .* was not swapped with it"):
        require(files, files.of("c"), 18, folders=folders)


def test_rows_given_after_the_proof_make_it_stale(tmp_path: Path) -> None:
    files = _files()
    folders = _certified(files, tmp_path)
    (folders["a"] / "rows").mkdir()
    (folders["a"] / "rows" / "0002.sql").write_text("SELECT 1")
    require(files, files.of("a")[:1], 18, folders=folders)  # it does not meet them
    with pytest.raises(NotProven, match=r"a/0002 .* the rows given for its proof have changed"):
        require(files, files.of("a"), 18, folders=folders)


def test_settings_beside_a_script_that_alter_how_it_is_run_make_its_proof_stale(tmp_path: Path) -> None:
    (tmp_path / "V1__lamps.sql").write_text("CREATE TABLE lamps ();\n")

    def read() -> Files:
        systems = {"shop": System(name="shop", summary="", package="")}
        return order(systems, {"shop": read_folder(tmp_path, "shop", shown="shop")})

    files = read()
    entry = Entry(
        "V1__lamps.sql", files.ordered[0].checksum, chains(files)[files.ordered[0].id], {18: _PROOF}
    )
    certificate.write(tmp_path, Certificate({files.ordered[0].id: entry}))
    require(files, files.ordered, 18, folders={"shop": tmp_path})
    (tmp_path / "V1__lamps.sql.conf").write_text("executeInTransaction=false\n")
    changed = read()
    assert not changed.ordered[0].transactional
    with pytest.raises(NotProven, match="has changed since it was proven"):
        require(changed, changed.ordered, 18, folders={"shop": tmp_path})


@pytest.mark.parametrize("major", [18, 16, 15])
def test_holdfast_s_own_files_are_proven_as_they_stand(major: int) -> None:
    files = declared_files()
    require(files, files.ordered, major)  # else: .venv/bin/holdfast migrate prove, and commit
