"""Settings of the agent triggers."""

from holdfast.settings import Setting, duration, integer

CONCURRENCY = Setting(
    "HOLDFAST_TRIGGERS_CONCURRENCY",
    "triggers",
    "concurrency",
    integer,
    64,
    "Most deliveries of triggers' actions that one process has under way.",
)
BATCH = Setting(
    "HOLDFAST_TRIGGERS_BATCH",
    "triggers",
    "batch",
    integer,
    100,
    "Most deliveries that are claimed by one statement.",
)
LEASE = Setting(
    "HOLDFAST_TRIGGERS_LEASE",
    "triggers",
    "lease",
    duration,
    60.0,
    "Time after which the delivery of a process that died is taken up again; living ones extend theirs.",
)
POLL = Setting(
    "HOLDFAST_TRIGGERS_POLL",
    "triggers",
    "poll",
    duration,
    5.0,
    "Longest time between two looks for due deliveries where no notification arrives.",
)
