"""Reading migration files: what is meant, and a named file and line for what is not understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.migrate.errors import MalformedMigration
from holdfast.migrate.files import created_index, parse, read_folder
from holdfast.migrate.header import MigrationId
from holdfast.migrate.splitting import split
from tests.fixtures.migrations import migration


def test_all_headers_are_read() -> None:
    read = migration(
        "a/0007_add_things",
        "-- Why this is needed.\n-- no-transaction\n-- depends: b/0001, c/0012\n-- depends: d/0003\n"
        "-- lock-budget: 250ms\n-- data-loss: the things\n\n-- UP\nSELECT 1;\nSELECT 2;\n"
        "-- DOWN\nSELECT 3;\n",
    )
    assert read.id == MigrationId("a", 7)
    assert str(read.id) == "a/0007"
    assert read.name == "add things"
    assert not read.transactional
    assert read.depends == (MigrationId("b", 1), MigrationId("c", 12), MigrationId("d", 3))
    assert read.lock_budget == 0.25
    assert read.data_loss == "the things"
    assert [(statement.text, statement.line) for statement in read.up] == [("SELECT 1", 9), ("SELECT 2", 10)]
    assert [(statement.text, statement.line) for statement in read.down] == [("SELECT 3", 12)]


def test_line_ends_do_not_change_the_checksum() -> None:
    content = "-- UP\nSELECT 1;\n-- DOWN\nSELECT 2;\n"
    assert (
        migration("a/0001_x", content).checksum
        == migration("a/0001_x", content.replace("\n", "\r\n")).checksum
        != migration("a/0001_x", content.replace("1", "3")).checksum
    )


def test_irreversible_needs_no_way_back() -> None:
    read = migration("a/0001_x", "-- irreversible: the old rows are gone\n-- UP\nSELECT 1;\n")
    assert read.irreversible == "the old rows are gone"
    assert read.down == ()


GOOD = "-- UP\nSELECT 1;\n-- DOWN\nSELECT 2;\n"


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("SELECT 1;", 1, "there is no -- UP part"),
        ("SELECT 1;\n" + GOOD, 1, "SQL before -- UP"),
        ("-- UP\nSELECT 1; -- one\rDROP TABLE t;\n-- DOWN\nSELECT 2;\n", 2, "a carriage return"),
        ("-- UP\nSELECT 1;\n-- DOWN\nSELECT '\r';\n", 4, "a carriage return"),
        ("-- no-transaction\n-- UP\nSET ROLE a;\n-- DOWN\nSELECT 2;\n", 3, "SET would end with its own"),
        ("-- no-transaction\n-- UP\nSELECT 1;\n-- DOWN\nset a = 1;\n", 5, "SET would end with its own"),
        ("-- UP\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n-- DOWN\nSELECT 2;\n", 2, "isolation level"),
        ("-- UP\nSET transaction_isolation = 'serializable';\n-- DOWN\nSELECT 2;\n", 2, "isolation level"),
        ("-- UP\nSET LOCAL standard_conforming_strings = off;\n-- DOWN\nSELECT 2;\n", 2, "is read with"),
        (GOOD + GOOD, 5, "a second -- UP"),
        ("-- UP\nSELECT 1;\n-- DOWN\nSELECT 2;\n-- DOWN\n", 5, "a second -- DOWN"),
        ("-- DOWN\nSELECT 1;\n-- UP\nSELECT 2;\n", 3, "-- UP after -- DOWN"),
        ("-- UP\n-- nothing\n-- DOWN\nSELECT 2;\n", 1, "the -- UP part holds no statement"),
        ("-- UP\nSELECT 1;\n", 1, "there is no statement that undoes it"),
        ("-- UP\nSELECT 1;\n-- DOWN\n", 3, "there is no statement that undoes it"),
        ("-- irreversible: x\n" + GOOD, 5, "a -- DOWN part though irreversible"),
        ("-- irreversible\n" + GOOD, 1, "'-- irreversible' is not understood"),
        ("-- no-transactions\n" + GOOD, 1, "'-- no-transactions' is not understood"),
        ("-- no-transaction: yes\n" + GOOD, 1, "is not understood"),
        ("-- Depend: b/0001\n" + GOOD, 1, "is not understood"),
        ("\n-- depends: b\n" + GOOD, 2, "'b' is not of the form system/NNNN"),
        ("-- lock-budget: soon\n" + GOOD, 1, "'soon' is not a duration"),
        ("-- lock-budget: 0s\n" + GOOD, 1, "is not between"),
        ("-- UP\nSELECT 1;\nCOMMIT;\n-- DOWN\nSELECT 2;\n", 3, "COMMIT would end or begin"),
        ("-- UP\nSELECT 1;\n-- DOWN\nSTART TRANSACTION;\n", 4, "START would end or begin"),
        ("-- UP\n\\i other.sql\n-- DOWN\nSELECT 2;\n", 2, "a command of psql is not SQL"),
        ("-- UP\nCOPY t FROM STDIN (FORMAT csv);\n-- DOWN\nSELECT 2;\n", 2, "COPY FROM STDIN has no input"),
        ("-- UP\nCOPY t TO STDOUT;\n-- DOWN\nSELECT 2;\n", 2, "COPY TO STDOUT has no output"),
        ("-- UP\nCOPY t FROM STDIN;\n-- DOWN\nSELECT 2;\n", 2, "COPY FROM STDIN has no input"),
        ("-- UP\nSELECT 1,\n 'a;\n-- DOWN\nSELECT 2;\n", 3, "the string that begins here is never closed"),
        (
            "-- no-transaction\n-- UP\nCREATE INDEX CONCURRENTLY ON t (x);\n-- DOWN\nSELECT 2;\n",
            3,
            "an index built CONCURRENTLY needs a name",
        ),
    ],
)
def test_malformed_content_is_named_with_its_line(content: str, line: int, message: str) -> None:
    with pytest.raises(MalformedMigration) as caught:
        migration("a/0001_x", content)
    assert caught.value.message.startswith(f"a/0001_x.sql:{line}: ")
    assert message in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "comment", ["-- Down payments are kept.", "-- Updates: every day", "-- depends on luck"]
)
def test_plain_comments_may_stand_above(comment: str) -> None:
    assert migration("a/0001_x", f"{comment}\n{GOOD}").up[0].line == 3


@pytest.mark.parametrize(
    "name", ["1_x.sql", "0000_x.sql", "01_x.sql", "0001.sql", "0001_X.sql", "0001-x.sql"]
)
def test_wrong_file_names_are_refused(name: str) -> None:
    with pytest.raises(MalformedMigration, match=r"NNNN_words\.sql"):
        parse(GOOD, system="a", file_name=name, shown=name)


def test_two_files_of_one_number_are_named(tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text(GOOD)
    (tmp_path / "0001_two.sql").write_text(GOOD)
    with pytest.raises(MalformedMigration, match=r"0001_one\.sql and 0001_two\.sql carry the same number"):
        read_folder(tmp_path, "a", shown="a")


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_bytes(b"-- UP\nSELECT '\xff';\n")
    with pytest.raises(MalformedMigration, match=r"a/0001_one\.sql is not UTF-8"):
        read_folder(tmp_path, "a", shown="a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CREATE INDEX CONCURRENTLY i ON t (x)", ("i", "t")),
        ('create unique index concurrently if not exists "My I" on only "S"."T" (x)', ('"My I"', '"S"."T"')),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS i\n ON s . t USING gin (x)", ("i", "s . t")),
        ("CREATE INDEX i ON t (x)", None),
        ("CREATE INDEX CONCURRENTLY ON t (x)", None),
    ],
)
def test_name_of_an_index_built_concurrently(text: str, expected: tuple[str, str] | None) -> None:
    found = created_index(split(text)[0])
    assert (found and found[:2]) == expected
