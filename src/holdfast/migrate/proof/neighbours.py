"""Independent neighbours: two files that stand beside each other in the order and do not need each other.

They belong to different systems, so that a database may meet them in either order. Undone and applied
the other way round, they must give the same catalogue.
"""

from __future__ import annotations

from holdfast.errors import HoldfastError
from holdfast.migrate.files import Migration
from holdfast.migrate.proof.certificate import Failure
from holdfast.migrate.proof.filewise import in_words
from holdfast.migrate.proof.stage import Stage


def swap(stage: Stage, first: Migration, second: Migration, *, expected: str) -> Failure | None:
    """Undo two neighbours that are applied, and apply them in the other order; return what is wrong."""
    try:
        stage.down(second)
        stage.down(first)
        stage.up(second)
        stage.up(first)
    except HoldfastError as error:
        return Failure(
            f"It cannot be applied before {first.id}, though it names no dependency: {error.message}",
            f"Write '-- depends: {first.id}' above its -- UP.",
        )
    if stage.fingerprint() == expected:
        return None
    differences = [str(each) for each in stage.differences(stage.of_new(with_file=second, without=second))]
    return Failure(
        f"Applied before {first.id} it gives another catalogue: {in_words(differences)}.",
        f"Write '-- depends: {first.id}' above its -- UP.",
    )
