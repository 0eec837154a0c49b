"""Settings of connections and pools."""

from holdfast.settings import Setting, duration, integer, text

DATABASE_URL = Setting(
    "DATABASE_URL", "postgres", "database_url", text, "",
    "The database as a URL or libpq conninfo; none of the ways to name one means the embedded server.", secret=True,
)
POOL_MIN = Setting("HOLDFAST_POOL_MIN", "postgres", "pool_min", integer, 5, "Connections that the pool keeps open.")
POOL_MAX = Setting("HOLDFAST_POOL_MAX", "postgres", "pool_max", integer, 20, "Connections that the pool opens at most.")
POOL_IDLE = Setting("HOLDFAST_POOL_IDLE", "postgres", "pool_idle", duration, 30.0, "Seconds after which an idle connection beyond the least is closed.")
CONNECT_TIMEOUT = Setting("HOLDFAST_CONNECT_TIMEOUT", "postgres", "connect_timeout", duration, 2.0, "Seconds to wait for a new connection.")
ACQUIRE_TIMEOUT = Setting("HOLDFAST_ACQUIRE_TIMEOUT", "postgres", "acquire_timeout", duration, 3.0, "Seconds to wait for a connection of the pool.")
