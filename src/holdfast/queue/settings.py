"""Settings of the background jobs."""

from holdfast.settings import Setting, duration, integer

POLL = Setting(
    "HOLDFAST_JOBS_POLL",
    "queue",
    "poll",
    duration,
    5.0,
    "Longest time between two looks for due jobs where no notification arrives.",
)
BATCH = Setting(
    "HOLDFAST_JOBS_BATCH", "queue", "batch", integer, 100, "Most jobs that are claimed by one statement."
)
CONCURRENCY = Setting(
    "HOLDFAST_JOBS_CONCURRENCY",
    "queue",
    "concurrency",
    integer,
    16,
    "Most jobs that one process runs at the same time.",
)
LEASE = Setting(
    "HOLDFAST_JOBS_LEASE",
    "queue",
    "lease",
    duration,
    60.0,
    "Time after which the job of a process that died is taken up again; a living one extends its leases.",
)
