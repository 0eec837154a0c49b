"""What lint says of a place in a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from holdfast.migrate.lint.rule import Level


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: which rule, where, what was found, and the rule's own danger, lock and safe way.

    ``table`` is the table concerned (``schema.name``, or empty), ``rows`` about how many it has (None:
    not known). ``ends`` is the last line of the statement.
    """

    rule: str
    level: Level
    file: str
    line: int
    found: str
    danger: str
    lock: str
    safe: str
    table: str = ""
    rows: int | None = None
    ends: int = 0

    def fields(self) -> dict[str, object]:
        """Return it as plain data."""
        return {name: value for name, value in asdict(self).items() if name != "ends"}
