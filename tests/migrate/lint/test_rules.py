"""Every rule finds its own dangerous example, and not its own safe one; both stand in the documentation."""

from __future__ import annotations

import pytest

from holdfast.migrate.lint.finding import Finding
from holdfast.migrate.lint.linting import lint
from holdfast.migrate.lint.rule import RULES
from holdfast.migrate.lint.squawk import LEFT_OUT
from scripts.document_lint import PAGE, page
from tests.fixtures.migrations import migration

# What is told of a file or of several statements together, or cannot stand in a block.
OF_FILES = {
    "alter-table-twice", "no-transaction-needlessly", "dynamic-statement", "not-understood",
    "foreign-key-without-index", "table-without-primary-key", "identifier-too-long", "drop-cascade",
}  # fmt: skip
# squawk 2.70's rules, but ban-duplicate-column-assignments, which is heard from squawk alone.
SQUAWKS = """
    require-concurrent-index-creation require-concurrent-index-deletion constraint-missing-not-valid
    adding-field-with-default adding-foreign-key-constraint changing-column-type adding-not-nullable-field
    adding-serial-primary-key-field renaming-column renaming-table disallowed-unique-constraint
    ban-drop-database prefer-bigint-over-int prefer-bigint-over-smallint prefer-identity prefer-repack
    prefer-robust-stmts prefer-text-field prefer-timestamp-tz ban-char-field ban-drop-column ban-drop-table
    ban-drop-not-null transaction-nesting adding-required-field ban-concurrent-index-creation-in-transaction
    unused-ignore ban-create-domain-with-constraint ban-alter-domain-with-add-constraint
    ban-truncate-cascade require-timeout-settings ban-uncommitted-transaction require-enum-value-ordering
    identifier-too-long require-concurrent-partition-detach require-concurrent-reindex
    require-lock-timeout require-statement-timeout ban-drop-view ban-drop-function ban-drop-type
    ban-drop-schema ban-drop-sequence ban-drop-domain ban-drop-constraint ban-drop-generated-expression
    renaming-object ban-set-schema ban-alter-identity ban-drop-extension ban-alter-generated-expression
    ban-drop-index ban-set-default ban-disable-trigger ban-replica-identity ban-drop-policy ban-revoke
    ban-replace-view-function ban-alter-policy-condition ban-alter-policy-roles ban-create-policy
    ban-alter-function-options ban-alter-view-options ban-alter-role-options ban-alter-database-options
    ban-alter-row-level-security
    ban-new-write-restriction ban-add-enum-value ban-add-composite-attribute ban-add-column
    ban-detach-inheritance ban-alter-sequence-values ban-alter-system-options ban-alter-extension
    ban-drop-default ban-drop-trigger
""".split()  # noqa: SIM905  # a hundred lines less


def found_in(content: str) -> list[Finding]:
    whole = content if "-- UP" in content else f"-- irreversible: example\n-- UP\n{content}"
    return lint([migration("app/0001_example", whole)])


@pytest.mark.parametrize("name", RULES)
def test_a_rule_finds_its_dangerous_example(name: str) -> None:
    assert name in {finding.rule for finding in found_in(RULES[name].example)}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_does_not_find_its_safe_example(name: str) -> None:
    found = found_in(RULES[name].instead)
    assert name not in {finding.rule for finding in found}
    assert [finding.rule for finding in found if finding.level == "danger"] == []


@pytest.mark.parametrize(
    "name", [name for name, rule in RULES.items() if name not in OF_FILES and "-- UP" not in rule.example]
)
def test_a_rule_finds_its_example_inside_a_block(name: str) -> None:
    block = f"DO $body$\nBEGIN\n  IF true THEN\n{RULES[name].example}\n  END IF;\nEND\n$body$;"
    found = [finding for finding in found_in(block) if finding.rule == name]
    assert found, name
    assert found[-1].line >= 6


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_said_whole(name: str) -> None:
    rule = RULES[name]
    assert [text for text in (rule.danger, rule.lock, rule.safe) if not text.endswith(".")] == []


def test_each_rule_of_squawk_is_one_of_ours_or_left_out_for_a_reason() -> None:
    ours = {each for rule in RULES.values() for each in rule.squawk}
    assert [each for each in SQUAWKS if each not in ours and each not in LEFT_OUT] == []


def test_the_page_says_each_rule_as_it_is() -> None:
    content = PAGE.read_text(encoding="utf-8")
    assert content == page(content), "run .venv/bin/python scripts/document_lint.py and commit its page"
