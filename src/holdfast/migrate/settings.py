"""Settings of migrations."""

from holdfast.settings import Setting, boolean, duration

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
REQUIRE_PROOF = Setting(
    "HOLDFAST_MIGRATE_REQUIRE_PROOF",
    "migrate",
    "require_proof",
    boolean,
    False,
    "Whether `migrate up` refuses files whose certificate is missing, stale or of another server version.",
)
