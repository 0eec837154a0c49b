"""The next file of a folder: named and numbered as the folder is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdfast.errors import WrongUse
from holdfast.migrate.formats.detecting import FORMATS
from holdfast.migrate.formats.making import new_files
from holdfast.migrate.formats.source import Source, read_sources

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
KEPT = Path(__file__).parents[2] / "data" / "migrations"


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("dbmate", ["20260304050607_add_fines.sql"]),
        ("sqlx", ["20260304050607_add_fines.up.sql", "20260304050607_add_fines.down.sql"]),
        ("rollback", ["008_add_fines.sql", "008_add_fines_rollback.sql"]),
    ],
)
def test_next_file_of_the_kept_folders(folder: str, expected: list[str]) -> None:
    made = new_files(read_sources(KEPT / folder, "x"), "Add fines!", now=NOW)
    assert list(made) == expected


@pytest.mark.parametrize(
    ("names", "form", "expected"),
    [
        ([], "holdfast", "0001_x.sql"),
        (["0009_a.sql"], "holdfast", "0010_x.sql"),
        (["001_a.sql"], "holdfast", "002_x.sql"),
        (["V9__a.sql", "U9__a.sql"], "flyway", "V10__x.sql"),
        (["20990101000000_a.sql"], "dbmate", "20990101000001_x.sql"),
        (["20250123_a.up.sql"], "sqlx", "20260304_x.up.sql"),
        (["00000012_a.up.sql"], "sqlx", "00000013_x.up.sql"),
        (["999_a.up.sql"], "golang-migrate", "1000_x.up.sql"),
    ],
)
def test_numbers_go_on_as_they_were(names: list[str], form: str, expected: str) -> None:
    sources = [Source(name, name, "") for name in names]
    assert next(iter(new_files(sources, "x", now=NOW, form=FORMATS[form]))) == expected


def test_a_title_needs_words() -> None:
    with pytest.raises(WrongUse, match="has no words"):
        new_files([], "!?", now=NOW)
