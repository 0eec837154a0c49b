"""Settings of migrations."""

from holdfast.settings import Setting, duration

LOCK_TIMEOUT = Setting(
    "HOLDFAST_MIGRATE_LOCK_TIMEOUT",
    "migrate",
    "lock_timeout",
    duration,
    2.0,
    "How long a statement of a migration may wait for a lock, and others behind it, before it steps back.",
)
PATIENCE = Setting(
    "HOLDFAST_MIGRATE_PATIENCE",
    "migrate",
    "patience",
    duration,
    600.0,
    "How long a migration is tried again where others hold its locks, or another process migrates.",
)
