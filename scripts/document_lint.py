"""Writes the rules' part of docs/migrate-lint.md from the rules themselves.

Run: ``.venv/bin/python scripts/document_lint.py``. A test compares the page with what this would write.
"""

from __future__ import annotations

from pathlib import Path

import holdfast.migrate.lint.rules  # noqa: F401  # registers the rules
from holdfast.migrate.lint.rule import RULES, Rule
from holdfast.migrate.lint.squawk import LEFT_OUT

PAGE = Path(__file__).parents[1] / "docs" / "migrate-lint.md"
MARK = (
    "<!-- From here on written by scripts/document_lint.py from the rules: change those, then run it. -->\n"
)
_TITLES = {
    "columns": "Columns",
    "constraints": "Constraints",
    "indexes": "Indexes",
    "tables": "Tables, partitions, triggers, views",
    "dropping": "What is taken away or renamed",
    "data": "Rows",
    "security": "Rights and row level security",
    "types": "Types, names and keys",
    "files": "The file as a whole",
}


def rules_part() -> str:
    """Return the part of the page that the rules write."""
    parts = [f"\n## The rules\n\n{len(RULES)} of them.\n"]
    for module, title in _TITLES.items():
        members = [rule for rule in RULES.values() if rule.check.__module__.endswith(f".{module}")]
        parts.append(f"\n### {title}\n")
        parts += [_rule(rule) for rule in members]
    parts.append("\n### Of squawk's, left out\n\n| squawk's rule | why |\n|---|---|\n")
    parts += [
        f"| `{name}` | {reason[0].upper()}{reason[1:]}. |\n" for name, reason in sorted(LEFT_OUT.items())
    ]
    return "".join(parts)


def _rule(rule: Rule) -> str:
    notes: list[str] = [rule.level]
    notes += ["not on small tables"] if rule.sized else []
    notes += ["not of `-- DOWN`"] if rule.up_only else []
    return (
        f"\n#### `{rule.name}` ({', '.join(notes)})\n\n{rule.danger}\n\n"
        f"- Lock: {rule.lock}\n- Safe: {rule.safe}\n\n"
        f"```sql\n-- dangerous:\n{rule.example}\n\n-- safe:\n{rule.instead}\n```\n"
    )


def page(current: str) -> str:
    """Return the whole page with the rules' part written anew."""
    return current.partition(MARK)[0] + MARK + rules_part()


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
