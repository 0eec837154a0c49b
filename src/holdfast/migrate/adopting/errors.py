"""What goes wrong when a history is taken over."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.errors import Conflict, NotFound


class NoHistory(NotFound):
    """No other tool's history was found in the database, or several."""

    code = "no_history"


class NotAdopted(Conflict):
    """What the other tool recorded, the files and the database do not agree."""

    code = "not_adopted"


def not_adopted(problems: Sequence[str], hint: str) -> NotAdopted:
    """Return the error that names each problem."""
    return NotAdopted(f"Nothing was adopted: {'; '.join(problems)}.", hint=hint, problems=list(problems))
