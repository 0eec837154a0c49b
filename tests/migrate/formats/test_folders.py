"""Folders of other tools: what each file becomes, and what is refused with its name and line."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from holdfast.migrate.errors import MalformedMigration
from holdfast.migrate.files import read_folder
from holdfast.migrate.formats.detecting import FORMATS, format_of
from holdfast.migrate.formats.foreign import NO_WAY_BACK
from holdfast.migrate.formats.source import read_sources
from holdfast.migrate.header import MigrationId
from holdfast.migrate.migration import Migration

KEPT = Path(__file__).parents[2] / "data" / "migrations"
TABLE = "CREATE TABLE t (x INT);\n"


def folder(place: Path, contents: Mapping[str, str]) -> Path:
    """Write files into a folder and return it."""
    for name, content in contents.items():
        (place / name).write_text(content)
    return place


def read(place: Path, contents: Mapping[str, str], format_name: str | None = None) -> list[Migration]:
    """Write files and read them as the system ``a``."""
    return read_folder(folder(place, contents), "a", shown="a", format_name=format_name)


@pytest.mark.parametrize(
    ("names", "content", "expected"),
    [
        ([], "", "holdfast"),
        (["0001_t.sql"], "-- UP\nSELECT 1;\n-- DOWN\nSELECT 2;\n", "holdfast"),
        (["20260101_t.sql"], "-- migrate:up\nSELECT 1;\n", "dbmate"),
        (["20260101_t.sql"], "-- migrate:up transaction:false\nSELECT 1;\n", "dbmate"),
        (["1_t.up.sql", "1_t.down.sql"], TABLE, "sqlx"),
        (["20260101_t.sql", "20260102_u.sql"], TABLE, "sqlx"),
        (["001_t.sql", "001_t_rollback.sql"], TABLE, "rollback"),
        (["V1__t.sql"], TABLE, "flyway"),
        (["U1__t.sql", "V1__t.sql"], TABLE, "flyway"),
        (["V1_1__t.sql"], TABLE, "flyway"),
    ],
)
def test_format_is_seen_from_the_files(tmp_path: Path, names: list[str], content: str, expected: str) -> None:
    place = folder(tmp_path, dict.fromkeys(names, content))
    assert format_of(read_sources(place, "a")).name == expected


def test_kept_folders_are_read_whole() -> None:
    for name in ("dbmate", "sqlx", "rollback"):
        place = KEPT / name
        assert format_of(read_sources(place, name)).name == name
        read_files = read_folder(place, "shop", shown=name)
        assert len(read_files) >= 6
        used = {each.file for each in read_files} | {each.down_file for each in read_files} - {""}
        assert used == {f"{name}/{file.name}" for file in place.glob("*.sql")}
        assert [each.id.number for each in read_files] == sorted(each.id.number for each in read_files)
        assert any(not each.transactional for each in read_files)
        assert all(each.down or each.irreversible for each in read_files)


def test_dbmate(tmp_path: Path) -> None:
    one, two, three = read(
        tmp_path,
        {
            "20260101120000_add_t.sql": "-- Why.\n-- depends: b/0002\n-- lock-budget: 3s\n\n"
            "-- migrate:up\nCREATE TABLE t (x INT);\n\n-- migrate:down\nDROP TABLE t;\n",
            "20260102120000_index_t.sql": "-- migrate:up transaction:false\n"
            "CREATE INDEX CONCURRENTLY i ON t (x);\n"
            "-- migrate:down\nDROP INDEX i;\n",
            "20260103120000_no_way_back.sql": "-- migrate:up\nSELECT 1;\n-- migrate:down\n",
        },
    )
    assert one.id == MigrationId("a", 20260101120000)
    assert one.name == "add t"
    assert one.file == "a/20260101120000_add_t.sql"
    assert [(each.text, each.line) for each in one.up] == [("CREATE TABLE t (x INT)", 6)]
    assert [(each.text, each.line) for each in one.down] == [("DROP TABLE t", 9)]
    assert one.depends == (MigrationId("b", 2),)
    assert one.lock_budget == 3.0
    assert one.transactional
    assert one.down_file == ""
    assert not two.transactional
    assert three.irreversible == NO_WAY_BACK


def test_up_and_down_files(tmp_path: Path) -> None:
    down = "-- undo\nDROP TABLE t;\n"
    one, two, three, four = read(
        tmp_path,
        {
            "1_add_t.up.sql": TABLE,
            "1_add_t.down.sql": down,
            "2_index.up.sql": "-- no-transaction because large\nCREATE INDEX CONCURRENTLY i ON t (x);\n",
            "3_plain.sql": "INSERT INTO t VALUES (1);\n",
            "10_index.up.sql": "CREATE INDEX CONCURRENTLY j ON t (x);\n",
        },
    )
    assert (one.file, one.down_file) == ("a/1_add_t.up.sql", "a/1_add_t.down.sql")
    assert one.file_of(one.up[0]) == one.file
    assert one.file_of(one.down[0]) == one.down_file
    assert one.down[0].line == 2
    assert one.checksum == hashlib.sha256(f"{TABLE}\0{down}".encode()).hexdigest()
    assert (one.content, one.down_content) == (TABLE, down)
    assert [each.id.number for each in (one, two, three, four)] == [1, 2, 3, 10]
    assert not two.transactional
    assert two.irreversible == NO_WAY_BACK
    assert three.transactional
    assert three.checksum == hashlib.sha256(b"INSERT INTO t VALUES (1);\n").hexdigest()
    assert not four.transactional, "golang-migrate has no word for it: the statement itself says it"


def test_rollback_files(tmp_path: Path) -> None:
    one, two = read(
        tmp_path,
        {
            "001_create_t.sql": f"-- Why.\nBEGIN;\n{TABLE}COMMIT;\n",
            "001_create_t_rollback.sql": "START TRANSACTION;\nDROP TABLE t;\nEND;\n",
            "002_fill.sql": "-- irreversible: the rows were mended\n-- data-loss: none\n"
            "DELETE FROM t WHERE x = 1;\n",
        },
    )
    assert [each.text for each in one.up] == ["CREATE TABLE t (x INT)"], "BEGIN and COMMIT are taken off"
    assert [each.text for each in one.down] == ["DROP TABLE t"]
    assert one.transactional
    assert two.irreversible == "the rows were mended"
    assert two.data_loss == "none"


def test_flyway_scripts(tmp_path: Path) -> None:
    one, two = read(
        tmp_path,
        {
            "V1__Create_t.sql": TABLE,
            "U1__Create_t.sql": "DROP TABLE t;\n",
            "V2__Vacuum.sql": "SELECT 1;\n",
            "V2__Vacuum.sql.conf": "executeInTransaction=false\n",
        },
    )
    assert (one.id.number, one.name, one.down_file) == (1000000, "Create t", "a/U1__Create_t.sql")
    assert not two.transactional


def test_flyway_versions_with_dots_are_in_order(tmp_path: Path) -> None:
    names = ["V1__a.sql", "V1.1__b.sql", "V1_10__c.sql", "V2.0.3__d.sql", "V10__e.sql"]
    found = read(tmp_path, dict.fromkeys(names, "SELECT 1;\n"))
    assert [each.name for each in found] == ["a", "b", "c", "d", "e"]
    assert [each.id.number for each in found] == [1000000, 1001000, 1010000, 2000003, 10000000]


def test_flyway_numbers_stay_whatever_is_added(tmp_path: Path) -> None:
    names = ["V1__a.sql", "V2__b.sql", "V99999999.999.999__c.sql", "V202503010900__d.sql"]
    names.append("V20250301090000__e.sql")
    before = read(tmp_path, dict.fromkeys(names, "SELECT 1;\n"))
    assert [each.name for each in before] == ["a", "b", "c", "d", "e"]
    assert before[-1].id.number == 120250301090000
    after = read(tmp_path, dict.fromkeys(["V1.1__new.sql", *names], "SELECT 1;\n"))
    assert [each.name for each in after] == ["a", "new", "b", "c", "d", "e"]
    assert {each.id for each in before} < {each.id for each in after}


@pytest.mark.parametrize(
    ("contents", "format_name", "message"),
    [
        ({"x.sql": "-- migrate:up\nSELECT 1;\n"}, None, r"a/x\.sql: dbmate's files are named"),
        ({"1_x.sql": "-- migrate:down\nSELECT 1;\n"}, None, r"a/1_x\.sql:1: there is no -- migrate:up part"),
        (
            {"1_x.sql": "SELECT 1;\n-- migrate:up\nSELECT 1;\n"},
            None,
            r"a/1_x\.sql:1: SQL before -- migrate:up",
        ),
        (
            {"1_x.sql": "-- migrate:up\nSELECT 1;\n-- migrate:up\nSELECT 1;\n"},
            None,
            r"a/1_x\.sql:3: -- migrate:up does not",
        ),
        (
            {"1_x.sql": "-- migrate:up transaction:no\nSELECT 1;\n"},
            None,
            r":1: 'transaction:no' is not under",
        ),
        ({"1_x.sql": "-- migrate:up\n"}, None, r"a/1_x\.sql:2: there is no statement to apply"),
        ({"1_x.down.sql": TABLE}, None, r"a/1_x\.down\.sql undoes what no file does"),
        (
            {"1_x.up.sql": TABLE, "y.sql": TABLE},
            None,
            r"a/y\.sql: a migration is named NUMBER_words\.up\.sql",
        ),
        ({"0_x.up.sql": TABLE}, None, r"a/0_x\.up\.sql:1: 0 is no migration's number"),
        ({f"{10**18}_x.up.sql": TABLE}, None, r"is no migration's number"),
        ({"1_x.up.sql": TABLE, "01_y.up.sql": TABLE}, None, r"carry the same number"),
        (
            {"1_x.sql": f"-- +goose Up\n{TABLE}-- +goose Down\nDROP TABLE t;"},
            None,
            r":1: '-- \+goose Up' looks",
        ),
        (
            {"1_x.sql": f"-- up\n{TABLE}-- down\nDROP TABLE t;"},
            None,
            r":1: '-- up' looks like another tool's",
        ),
        (
            {"1_x.sql": f"{TABLE}BEGIN;\nSELECT 1;\nCOMMIT;\n"},
            None,
            r"a/1_x\.sql:2: BEGIN would end or begin",
        ),
        (
            {"1_x.sql": TABLE, "1_x_rollback.sql": "SELECT 1;\nROLLBACK;\n"},
            None,
            r"a/1_x_rollback\.sql:2: ROLLBACK would",
        ),
        ({"1_x_rollback.sql": TABLE}, "rollback", r"a/1_x_rollback\.sql undoes what no file does"),
        ({"x.sql": TABLE, "x_rollback.sql": TABLE}, None, r"a/x\.sql: its name does not begin with a number"),
        (
            {"1_x.sql": f"-- irreversible: x\n{TABLE}", "1_x_rollback.sql": TABLE},
            None,
            r"a/1_x_rollback\.sql:1: a way back though irreversible",
        ),
        ({"V1__x.sql": TABLE, "R__y.sql": TABLE}, None, r"a/R__y\.sql is repeatable"),
        ({"V1__x.sql": TABLE, "V01__y.sql": TABLE}, None, r"carry the same version"),
        ({"V1__x.sql": TABLE, "U2__y.sql": TABLE}, None, r"a/U2__y\.sql undoes what no file does"),
        ({"V1__x.sql": TABLE, "y.sql": TABLE}, None, r"a/y\.sql: Flyway's scripts are named"),
        (
            {"V1__x.sql": "SELECT 1;\nSELECT '${name}';\n"},
            None,
            r"a/V1__x\.sql:2: nothing fills in \$\{name\}",
        ),
        ({"V1.1000__x.sql": TABLE}, None, r"more than three parts, or one above 999"),
        ({"V20250301090000.1__x.sql": TABLE}, None, r"a dot behind more than eight digits"),
        ({f"V{10**18 - 10**14}__x.sql": TABLE}, None, r"is no migration's number"),
        ({"1_x.sql": "COPY t FROM STDIN;\n"}, None, r"a/1_x\.sql:1: COPY FROM STDIN has no input"),
    ],
)
def test_what_is_not_understood_is_named(
    tmp_path: Path, contents: dict[str, str], format_name: str | None, message: str
) -> None:
    with pytest.raises(MalformedMigration, match=message) as caught:
        read(tmp_path, contents, format_name)
    assert caught.value.hint


def test_a_named_format_wins_over_the_looks(tmp_path: Path) -> None:
    contents = {"001_t.sql": TABLE}
    assert [each.name for each in read(tmp_path, contents, "rollback")] == ["t"]
    with pytest.raises(MalformedMigration, match="there is no -- UP part"):
        read(tmp_path, contents, "holdfast")
    assert "golang-migrate" in FORMATS


@pytest.mark.parametrize("comment", ["-- clean up", "-- going down", "-- Down payments", "-- see also: up"])
def test_comments_are_not_taken_for_marks(tmp_path: Path, comment: str) -> None:
    assert len(read(tmp_path, {"1_x.sql": f"{comment}\n{TABLE}"})) == 1
