"""No statement of PostgreSQL's grammar makes lint, plan or the look for server-wide effects fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.migrate.header import MigrationId
from holdfast.migrate.lint.effects import server_wide_effects
from holdfast.migrate.lint.linting import lint
from holdfast.migrate.lint.planning import planned
from holdfast.migrate.migration import Migration
from holdfast.migrate.splitting import SqlStatement, split

STATEMENTS = split(Path(__file__).with_name("every_statement.sql").read_text(encoding="utf-8"))


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.text[:50])
def test_a_statement_is_understood(statement: SqlStatement) -> None:
    both = Migration(MigrationId("app", 1), "try", "try.sql", "", (statement,), (statement,))
    assert [each.found for each in lint([both]) if each.rule == "not-understood"] == []
    assert [each.sql for each in planned([both], "up")[0].statements] == [statement.text]
    assert len(planned([both], "down")[0].statements) == 1
    assert all(each.startswith("try.sql:") for each in server_wide_effects(both))
