"""The verbs of ``holdfast migrate`` on a folder of one's own, as its users run them."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.fixtures.commands import HoldfastCommands
from tests.fixtures.migrations import table


class Shop:
    """A folder of three migrations and an empty database."""

    def __init__(self, holdfast: HoldfastCommands, folder: Path, conninfo: str) -> None:
        self.folder = folder
        self._holdfast = holdfast
        self._conninfo = conninfo
        for number in (1, 2, 3):
            self.write(f"{number:04}_table", table(f"public.t{number}"))

    def write(self, name: str, content: str) -> None:
        (self.folder / f"{name}.sql").write_text(content)

    def run(self, *arguments: str, system: str = "shop", **environment: str) -> CompletedProcess[str]:
        place = ["--dir", str(self.folder), "--system", system]
        return self._holdfast.run("migrate", *place, *arguments, DATABASE_URL=self._conninfo, **environment)

    def lines(self, *arguments: str) -> list[str]:
        ended = self.run(*arguments)
        assert ended.returncode == 0, ended.stderr
        return [" ".join(line.split()[:-2]) for line in ended.stdout.splitlines()]

    def states(self) -> str:
        return " ".join(each["state"] for each in json.loads(self.run("status", "--json").stdout))


@pytest.fixture
def shop(holdfast: HoldfastCommands, tmp_path: Path, empty_conninfo: str) -> Shop:
    folder = tmp_path / "migrations"
    folder.mkdir()
    return Shop(holdfast, folder, empty_conninfo)


def test_up_to_rollback_redo_and_what_would_be_done(shop: Shop) -> None:
    looked = shop.run("up", "--dry-run").stdout.splitlines()
    assert looked == [f"would be applied  shop/000{number}  table" for number in (1, 2, 3)]
    assert shop.states() == "pending pending pending"
    assert shop.lines("up", "--to", "2") == ["applied shop/0001 table", "applied shop/0002 table"]
    assert shop.states() == "applied applied pending"
    assert shop.lines("up") == ["applied shop/0003 table"]
    assert shop.run("rollback", "1", "--dry-run").stdout.splitlines() == [
        "would be undone  shop/0003  table",
        "would be undone  shop/0002  table",
    ]
    assert shop.run("rollback", "1").returncode == 2
    assert shop.states() == "applied applied applied"
    assert shop.lines("rollback", "shop/0001", "--yes") == [
        "undone shop/0003 table",
        "undone shop/0002 table",
    ]
    assert shop.run("rollback", "3", "--yes").returncode == 1
    assert shop.lines("up") == ["applied shop/0002 table", "applied shop/0003 table"]
    redone = [
        "undone shop/0003 table",
        "undone shop/0002 table",
        "applied shop/0002 table",
        "applied shop/0003 table",
    ]
    assert shop.lines("redo", "--steps", "2", "--yes") == redone
    assert shop.lines("rollback", "0", "--yes")[-1] == "undone shop/0001 table"


def test_create_numbers_the_next_file_and_validate_reads_it(shop: Shop) -> None:
    would = shop.run("create", "Add lamps & lenses", "--dry-run").stdout
    assert would == f"would be created  {shop.folder}/0004_add_lamps_lenses.sql\n"
    assert len(list(shop.folder.iterdir())) == 3
    assert shop.run("create", "Add lamps & lenses").returncode == 0
    made = shop.folder / "0004_add_lamps_lenses.sql"
    assert "-- UP" in made.read_text()
    empty = shop.run("validate", "--files-only")
    assert empty.returncode == 2
    assert f"{made}:" in empty.stderr
    shop.write(made.stem, table("public.t4"))
    assert shop.run("validate").stdout == "4 files are valid; 4 to be applied.\n"
    shop.run("up")
    shop.write("0002_table", table("public.t2") + "-- edited\n")
    refused = shop.run("validate")
    assert refused.returncode == 1
    assert "0002_table.sql) was edited after it was applied" in refused.stderr
    assert "migrated" not in refused.stderr.partition("\n")[0]  # validating migrates nothing anyway
    assert shop.run("validate", "--files-only").stdout == "4 files are valid; not compared with a database.\n"


def test_validate_names_each_statement_that_no_grammar_takes(shop: Shop) -> None:
    shop.write("0004_table", "-- UP\nSELECT 1;\nCREATE TABL x (id int);\n-- DOWN\nSELECT 1;\n")
    shop.write("0005_table", "-- UP\nSELECT 1;\n-- DOWN\nDROP TABLE\n  IF EXIST x;\n")
    for options in (("--files-only",), ()):
        refused = shop.run("validate", *options)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert f'{shop.folder}/0004_table.sql:3: syntax error at or near "TABL"' in refused.stderr
        assert f"{shop.folder}/0005_table.sql:5: syntax error" in refused.stderr


def test_a_folder_may_depend_on_what_the_history_alone_knows(shop: Shop, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    needs = Shop(shop._holdfast, other, shop._conninfo)
    needs.write("0004_needs", "-- depends: shop/0002\n" + table("public.needs"))
    for number in (1, 2, 3):
        needs.write(f"{number:04}_table", table(f"public.other{number}"))
    refused = needs.run("up", system="other")
    assert refused.returncode == 1
    assert "depends on shop/0002, which is neither applied nor at hand" in refused.stderr
    assert needs.run("up", "--to", "3", system="other").returncode == 0
    shop.run("up", "--to", "2")
    assert needs.run("up", system="other").stdout.startswith("applied  other/0004")


def test_a_reset_drops_everything_but_not_in_production(shop: Shop) -> None:
    shop.write(
        "0004_more",
        "-- UP\nCREATE SCHEMA more; CREATE TYPE more.kind AS ENUM ('a');\n"
        "CREATE FUNCTION public.one() RETURNS INT LANGUAGE sql AS 'SELECT 1';\n"
        "CREATE TABLE more.parts (id INT) PARTITION BY RANGE (id);\n"
        "DO $$ BEGIN FOR n IN 1..120 LOOP EXECUTE format('CREATE TABLE more.p%s PARTITION OF more.parts "
        "FOR VALUES FROM (%s) TO (%s)', n, n, n + 1); END LOOP; END $$;\n"
        "-- DOWN\nDROP SCHEMA more CASCADE; DROP FUNCTION public.one();\n",
    )
    assert shop.run("up").returncode == 0
    for name in ("HOLDFAST_ENV", "NODE_ENV"):
        refused = shop._holdfast.run(
            "migrate", "reset", "--yes", DATABASE_URL=shop._conninfo, **{name: "production"}
        )
        assert refused.returncode == 1
    would = shop._holdfast.run("migrate", "reset", "--dry-run", DATABASE_URL=shop._conninfo).stdout
    assert "would be dropped  table more.p120\n" in would
    assert shop.states() == "applied applied applied applied"
    assert shop._holdfast.run("migrate", "reset", "--yes", DATABASE_URL=shop._conninfo).returncode == 0
    left = shop._holdfast.run("migrate", "reset", "--dry-run", DATABASE_URL=shop._conninfo).stdout
    assert left == "The database is empty.\n"
    assert shop.run("up").returncode == 0


def test_what_is_not_proven_is_refused_where_a_proof_is_required(shop: Shop) -> None:
    for arguments, environment in (
        (["up", "--require-proof"], {}),
        (["up"], {"HOLDFAST_MIGRATE_REQUIRE_PROOF": "true"}),
    ):
        refused = shop.run(*arguments, **environment)
        assert refused.returncode == 1
        assert "shop/0001" in refused.stderr
        assert "holdfast migrate prove" in refused.stderr
    assert shop.states() == "pending pending pending"
