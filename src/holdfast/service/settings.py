"""Settings of the service's processes."""

from holdfast.settings import Setting, duration, listing

ROLES: Setting[tuple[str, ...]] = Setting(
    "HOLDFAST_ROLES",
    "service",
    "roles",
    listing,
    (),
    "What this process does: serve, and workers by name (`holdfast status --roles`). Empty: all.",
)
STOP_WITHIN = Setting(
    "HOLDFAST_STOP_WITHIN",
    "service",
    "stop_within",
    duration,
    3.0,
    "Seconds that workers and open requests have to end after SIGINT or SIGTERM, before they are cut off.",
)
