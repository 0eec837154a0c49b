"""What later files will ask of rows: read from a database to which they are all applied."""

from __future__ import annotations

import logging

from holdfast.errors import HoldfastError
from holdfast.migrate.files import Migration
from holdfast.migrate.proof.rows.catalogue import Tables
from holdfast.migrate.proof.stage import Stage

_TAKES_NAMES = {"RENAME", "DROP"}
_logger = logging.getLogger(__name__)


def rules_of_all(stage: Stage) -> list[Tables]:
    """Return what the tables ask of rows in the end, and before each file that takes names away.

    A file that cannot be applied ends it, which is logged: rows made before are then made without knowing
    what it and later files ask. The file's own proof tells what is wrong with it.
    """
    found: list[Tables] = []
    with stage.another() as other:
        waiting: list[Migration] = []
        try:
            for migration in stage.files.ordered:
                if any(_TAKES_NAMES & set(statement.words) for statement in migration.up):
                    other.forward(waiting)
                    found.append(other.rules())
                    waiting = []
                waiting.append(migration)
            other.forward(waiting)
            found.append(other.rules())
        except HoldfastError as error:
            _logger.warning("rows are made without knowing what later files ask: %s", error.message)
    return found
