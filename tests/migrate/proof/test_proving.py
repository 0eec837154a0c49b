"""What a proof finds: files that keep their promises, and each way of breaking one."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.migrate.plan import Files
from holdfast.migrate.proof.certificate import Proof
from holdfast.migrate.proof.proving import Proving
from holdfast.postgres.throwaway.servers import majors_at_hand
from tests.fixtures.migrations import migration_files, table

_ROWS = """-- UP
CREATE TABLE public.{0} (id BIGINT PRIMARY KEY, note TEXT NOT NULL);
-- DOWN
DROP TABLE public.{0};
"""
_DROP_NOTE = """-- UP
ALTER TABLE public.{0} DROP COLUMN note;
-- DOWN
ALTER TABLE public.{0} ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE public.{0} ALTER COLUMN note DROP DEFAULT;
"""
CASES = {
    "honest/0001_t": table("public.honest"),
    "honest/0002_index": "-- UP\nCREATE INDEX honest_again ON public.honest (id);\n"
    "-- DOWN\nDROP INDEX public.honest_again;\n",
    "forgets/0001_t": table("public.forgets"),
    "forgets/0002_two": "-- UP\nCREATE INDEX forgotten ON public.forgets (id);\n"
    "CREATE TABLE public.undone ();\n"
    "-- DOWN\nDROP TABLE public.undone;\n",
    "loses/0001_t": _ROWS.format("loses"),
    "loses/0002_note": _DROP_NOTE.format("loses"),
    "deletes/0001_t": _ROWS.format("deletes"),
    "deletes/0002_rows": "-- UP\nDELETE FROM public.deletes;\n-- DOWN\nSELECT 1;\n",
    "declares/0001_t": _ROWS.format("declares"),
    "declares/0002_note": "-- data-loss: the notes\n" + _DROP_NOTE.format("declares"),
    "middle/0001_t": "-- UP\nCREATE TABLE public.middle (id BIGINT, note TEXT NOT NULL, last TEXT);\n"
    "-- DOWN\nDROP TABLE public.middle;\n",
    "middle/0002_note": "-- data-loss: the notes\n" + _DROP_NOTE.format("middle"),
    "oneway/0001_t": "-- irreversible: it begins here\n-- UP\nCREATE TABLE public.oneway (id BIGINT);\n",
    "steps/0001_t": _ROWS.format("steps"),
    "steps/0002_index": "-- no-transaction\n-- UP\n"
    "CREATE INDEX CONCURRENTLY steps_note ON public.steps (note);\n"
    "ALTER TABLE public.steps ADD COLUMN more INT;\nVACUUM public.steps;\n-- DOWN\n"
    "DROP INDEX CONCURRENTLY public.steps_note;\nALTER TABLE public.steps DROP COLUMN more;\n",
    "clones/0001_t": _ROWS.format("clones"),
    "clones/0002_index": "-- no-transaction\n-- irreversible: it stays\n-- UP\n"
    "CREATE INDEX CONCURRENTLY clones_note ON public.clones (note);\n",
    "slow/0001_t": _ROWS.format("slow"),
    "slow/0002_held": "-- lock-budget: 5ms\n-- UP\nALTER TABLE public.slow ADD COLUMN more INT;\n"
    "SELECT pg_sleep(0.05);\n-- DOWN\nALTER TABLE public.slow DROP COLUMN more;\n",
    "rowlock/0001_t": _ROWS.format("rowlock"),
    "rowlock/0002_held": "-- lock-budget: 300ms\n-- UP\nUPDATE public.rowlock SET id = id;\n"
    "SELECT pg_sleep(0.8);\n-- DOWN\nSELECT 1;\n",
    "broken/0001_t": "-- UP\nCREATE TABLE public.broken (id NO_SUCH_TYPE);\n"
    "-- DOWN\nDROP TABLE public.broken;\n",
    "broken/0002_more": table("public.broken_more"),
    "late/0001_t": _ROWS.format("late_rows"),
    "late/0002_trigger": "-- UP\nCREATE TABLE public.late (id INT, note TEXT NOT NULL);\n"
    "CREATE FUNCTION public.late() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN DELETE FROM public.late_rows; RETURN NULL; END$$;\n"
    "CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON public.late DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION public.late();\n"
    "-- DOWN\nDROP TABLE public.late;\nDROP FUNCTION public.late();\n",
    "late/0003_update": "-- UP\nUPDATE public.late SET id = id;\n-- DOWN\nSELECT 1;\n",
    "together/0001_t": "-- UP\nCREATE TABLE public.together AS SELECT statement_timestamp() AS at;\n"
    "DO $$ BEGIN IF statement_timestamp() = (SELECT at FROM public.together) THEN"
    " RAISE EXCEPTION 'sent in one message'; END IF; END $$;\n-- DOWN\nDROP TABLE public.together;\n",
    "parts/0001_t": "-- UP\nCREATE TABLE public.parts (id BIGINT, made DATE) PARTITION BY RANGE (made);\n"
    "-- DOWN\nDROP TABLE public.parts;\n",
    "parts/0002_more": "-- UP\nCREATE TABLE public.parts_2020 PARTITION OF public.parts"
    " FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');\n-- DOWN\nDROP TABLE public.parts_2020;\n",
    "left/0001_t": table("public.leftside"),
    "right/0001_t": "-- UP\nDO $$ BEGIN IF to_regclass('public.leftside') IS NOT NULL THEN"
    " CREATE TABLE public.rightside (); END IF; END $$;\n-- DOWN\nDROP TABLE IF EXISTS public.rightside;\n",
    "wanders/0001_t": "-- UP\nDO $$ BEGIN EXECUTE format('CREATE TABLE public.wanders_%s ()',"
    " substr(gen_random_uuid()::text, 1, 8)); END $$;\n-- DOWN\nDO $$ DECLARE name text; BEGIN"
    " FOR name IN SELECT relname FROM pg_class WHERE relname LIKE 'wanders%' LOOP"
    " EXECUTE format('DROP TABLE public.%I', name); END LOOP; END $$;\n",
}


def _prove(files: Files, folder: Path, major: int, *, workers: int = 2) -> dict[str, Proof]:
    folders = {name: folder / name for name in files.systems}
    for place in folders.values():
        place.mkdir(exist_ok=True)
    results = Proving(files, files.ordered, (major,), folders, workers).prove()
    return {str(result.migration.id): result.proof for result in results}


@pytest.fixture(scope="module")
def proofs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Proof]:
    """Every case, proven in one go on the newest server version at hand."""
    return _prove(migration_files(CASES), tmp_path_factory.mktemp("certificates"), majors_at_hand()[0])


def _failure(proof: Proof) -> str:
    assert len(proof.failures) == 1, proof.failures
    return str(proof.failures[0])


@pytest.mark.parametrize(
    "which",
    [
        *("honest/0001", "honest/0002", "declares/0002", "oneway/0001", "steps/0002", "clones/0002"),
        *("left/0001", "parts/0001", "parts/0002"),
    ],
)
def test_a_file_that_keeps_its_promises_is_proven(proofs: dict[str, Proof], which: str) -> None:
    assert proofs[which].failures == ()


def test_a_transaction_is_killed_twice_on_its_way_up_and_once_on_its_way_back(
    proofs: dict[str, Proof],
) -> None:
    assert proofs["honest/0002"].found["kills"] == 3
    assert proofs["oneway/0001"].found["kills"] == 2


def test_a_file_without_a_transaction_is_killed_within_and_between_all_statements(
    proofs: dict[str, Proof],
) -> None:
    assert proofs["steps/0002"].found["kills"] >= 2 * (1 + 1) + 2 * (3 + 2)
    assert proofs["clones/0002"].found["kills"] >= 4
    assert proofs["clones/0002"].found["irreversible"] == "it stays"


def test_what_down_forgets_is_named(proofs: dict[str, Proof]) -> None:
    failure = _failure(proofs["forgets/0002"])
    assert "After undoing it the catalogue is not as it was before" in failure
    assert "unexpected: index public.forgotten" in failure


def test_what_is_another_thing_each_time_is_found(proofs: dict[str, Proof]) -> None:
    assert "not as it was after the first time" in _failure(proofs["wanders/0001"])


@pytest.mark.parametrize(
    ("which", "what"), [("loses/0002", "the column public.loses.note is gone"), ("deletes/0002", "3 rows of")]
)
def test_rows_that_are_lost_without_a_word_fail_the_file(
    proofs: dict[str, Proof], which: str, what: str
) -> None:
    failure = _failure(proofs[which])
    assert what in failure
    assert "-- data-loss:" in failure


def test_rows_that_a_deferred_trigger_takes_at_the_commit_are_missed(proofs: dict[str, Proof]) -> None:
    assert proofs["late/0002"].failures == ()
    assert "3 rows of public.late_rows are gone" in _failure(proofs["late/0003"])


def test_a_file_that_fails_only_when_it_is_sent_as_up_sends_it_is_found(proofs: dict[str, Proof]) -> None:
    assert "sent in one message" in _failure(proofs["together/0001"])


def test_a_loss_that_is_declared_is_written_down(proofs: dict[str, Proof]) -> None:
    assert any("note" in loss for loss in proofs["declares/0002"].found["lost"]["up"])


def test_a_column_given_back_may_come_last_and_that_is_written_down(proofs: dict[str, Proof]) -> None:
    assert proofs["middle/0002"].failures == ()
    assert proofs["middle/0002"].found["column_order"] == ["public.middle"]


def test_a_writer_that_waits_for_rows_longer_than_the_budget_is_found(proofs: dict[str, Proof]) -> None:
    failure = _failure(proofs["rowlock/0002"])
    assert "A writer of public.rowlock waited" in failure
    assert "budget of 300 ms" in failure


def test_a_lock_that_is_held_for_longer_than_its_budget_is_found(proofs: dict[str, Proof]) -> None:
    failure = _failure(proofs["slow/0002"])
    assert "public.slow" in failure
    assert "ACCESS EXCLUSIVE" in failure
    assert "budget of 5 ms" in failure
    locks = proofs["slow/0002"].found["locks"]
    assert [lock["relation"] for lock in locks if lock["blocks"]] == ["public.slow"]


def test_a_file_that_cannot_be_applied_is_told_once_and_what_builds_on_it_is_not_tried(
    proofs: dict[str, Proof],
) -> None:
    assert "broken/0001_t.sql:2" in _failure(proofs["broken/0001"])
    assert "It builds on broken/0001" in _failure(proofs["broken/0002"])


def test_neighbours_are_swapped_and_one_that_needs_the_other_is_found(proofs: dict[str, Proof]) -> None:
    failure = _failure(proofs["right/0001"])
    assert "Applied before left/0001" in failure
    assert "-- depends: left/0001" in failure
    assert list(proofs["left/0001"].swapped) == ["parts/0002"]


def test_rows_of_one_s_own_are_made_where_none_can_be_guessed(tmp_path: Path) -> None:
    refusing = """-- UP
CREATE TABLE public.sums (a INT NOT NULL, b INT NOT NULL, CHECK (md5(a::text) = md5((b * 7919)::text)));
-- DOWN
DROP TABLE public.sums;
"""
    gone = "-- UP\nDELETE FROM public.sums;\n-- DOWN\nSELECT 1;\n"
    files = migration_files({"a/0001_sums": refusing, "a/0002_gone": gone})
    (tmp_path / "a" / "rows").mkdir(parents=True)
    (tmp_path / "a" / "rows" / "0001.sql").write_text("INSERT INTO public.sums VALUES (7919, 1), (15838, 2)")
    proofs = _prove(files, tmp_path, majors_at_hand()[0], workers=1)
    assert proofs["a/0001"].found["not_seeded"] == {}
    assert "2 rows of public.sums are gone" in _failure(proofs["a/0002"])


def test_only_what_has_changed_is_proven_again(tmp_path: Path) -> None:
    contents = {"a/0001_t": table("public.a"), "a/0002_u": table("public.b"), "b/0001_t": table("public.c")}
    major = majors_at_hand()[-1]
    first = _prove(migration_files(contents), tmp_path, major, workers=1)
    again = Proving(
        (files := migration_files(contents)), files.ordered, (major,), {n: tmp_path / n for n in "ab"}
    )
    assert again.to_prove(major) == []
    contents["a/0002_u"] += "-- a word more\n"
    second = _prove(migration_files(contents), tmp_path, major, workers=1)
    assert second["a/0001"] == first["a/0001"]
    assert second["a/0002"].proven_at >= first["a/0002"].proven_at
    assert second["a/0002"] != first["a/0002"]
    assert second["b/0001"].swapped != first["b/0001"].swapped  # its neighbour has changed


def test_rows_of_one_s_own_that_change_make_the_proofs_stale_that_met_them(tmp_path: Path) -> None:
    files = migration_files({"a/0001_t": table("public.a"), "a/0002_u": table("public.b")})
    major = majors_at_hand()[-1]
    rows = tmp_path / "a" / "rows" / "0002.sql"
    rows.parent.mkdir(parents=True)
    rows.write_text("INSERT INTO public.b VALUES (7)")
    _prove(files, tmp_path, major, workers=1)

    def left(*, again: bool = False) -> list[int]:
        proving = Proving(files, files.ordered, (major,), {"a": tmp_path / "a"}, again=again)
        return proving.to_prove(major)

    assert left() == []
    assert left(again=True) == [0, 1]
    rows.write_text("INSERT INTO public.b VALUES (8)")
    assert left() == [1]
    rows.unlink()
    assert left() == [1]
