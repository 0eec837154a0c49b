"""What goes wrong with migrations."""

from holdfast.errors import Conflict, HoldfastError, TryAgain, WrongUse


class MalformedMigration(WrongUse):
    """A migration's file cannot be read as one; the message names the file and line."""

    code = "malformed_migration"


class MigrationsDisagree(Conflict):
    """The files and the database's history contradict each other."""

    code = "migrations_disagree"


class NotReversible(Conflict):
    """A migration cannot be undone, or not now."""

    code = "not_reversible"


class NotMigrated(Conflict):
    """The database is behind the installed systems."""

    code = "not_migrated"


class MigrationFailed(HoldfastError):
    """A statement of a migration was refused by the server."""

    code = "migration_failed"


class StillLocked(TryAgain):
    """Others held the locks that a migration needs for longer than HOLDFAST_MIGRATE_PATIENCE."""

    code = "still_locked"


def malformed(shown: str, line: int, message: str, hint: str) -> MalformedMigration:
    """Return the error for one line (from 1) of a file, without closing stops in ``message``."""
    return MalformedMigration(f"{shown}:{line}: {message}.", hint=hint, file=shown, line=line)
