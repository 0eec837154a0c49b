"""Settings of the connections to PostgreSQL."""

from __future__ import annotations

from holdfast.settings import Setting, duration, integer, text

DATABASE_URL: Setting[str | None] = Setting(
    "DATABASE_URL",
    "postgres",
    "url",
    text,
    None,
    "The database as libpq's URL or key=value string; the embedded server where no setting names one.",
    secret=True,
)
POSTGRES_CONN_STRING: Setting[str | None] = Setting(
    "POSTGRES_CONN_STRING",
    "postgres",
    "conn_string",
    text,
    None,
    "The same as DATABASE_URL, which comes first.",
    secret=True,
)
DB_HOST: Setting[str | None] = Setting(
    "DB_HOST",
    "postgres",
    "host",
    text,
    None,
    "The database's host, or the folder of its socket; several are separated by commas.",
)
DB_PORT: Setting[str | None] = Setting(
    "DB_PORT", "postgres", "port", text, None, "The port at DB_HOST; 5432 where this is not set."
)
DB_NAME: Setting[str | None] = Setting(
    "DB_NAME", "postgres", "name", text, None, "The database's name; the user's where this is not set."
)
DB_USER: Setting[str | None] = Setting(
    "DB_USER", "postgres", "user", text, None, "The role that connects to DB_HOST."
)
DB_PASSWORD: Setting[str | None] = Setting(
    "DB_PASSWORD", "postgres", "password", text, None, "The password of DB_USER.", secret=True
)
PGPASSWORD: Setting[str | None] = Setting(
    "PGPASSWORD",
    "postgres",
    "pgpassword",
    text,
    None,
    "libpq's password, used where what names the database holds none.",
    secret=True,
)
DIRECT_URL: Setting[str | None] = Setting(
    "HOLDFAST_DIRECT_DATABASE_URL",
    "postgres",
    "direct_url",
    text,
    None,
    "The same database without a pooler such as PgBouncer before it, for LISTEN and migrations.",
    secret=True,
)
POOL_MIN = Setting(
    "HOLDFAST_POOL_MIN", "postgres", "pool_min", integer, 5, "Connections that a process keeps open."
)
POOL_MAX = Setting(
    "HOLDFAST_POOL_MAX", "postgres", "pool_max", integer, 20, "Most connections that a process opens."
)
POOL_IDLE = Setting(
    "HOLDFAST_POOL_IDLE",
    "postgres",
    "pool_idle",
    duration,
    30.0,
    "Time after which a connection beyond HOLDFAST_POOL_MIN that nobody used is closed.",
)
CONNECT_TIMEOUT = Setting(
    "HOLDFAST_CONNECT_TIMEOUT",
    "postgres",
    "connect_timeout",
    duration,
    2.0,
    "Longest time that connecting to one address may take: whole seconds, at least 2.",
)
ACQUIRE_TIMEOUT = Setting(
    "HOLDFAST_ACQUIRE_TIMEOUT",
    "postgres",
    "acquire_timeout",
    duration,
    3.0,
    "Longest time to wait for a connection of the pool.",
)
STATEMENT_TIMEOUT = Setting(
    "HOLDFAST_STATEMENT_TIMEOUT",
    "postgres",
    "statement_timeout",
    duration,
    0.0,
    "Longest time that the server may work at one statement of the pool; 0: for as long as it takes.",
)
SLOW_STATEMENT = Setting(
    "HOLDFAST_SLOW_STATEMENT",
    "postgres",
    "slow_statement",
    duration,
    1.0,
    "Time from which a statement is logged as a warning.",
)
POOLER = Setting(
    "HOLDFAST_POOLER",
    "postgres",
    "pooler",
    text,
    "auto",
    "Whether a pooler such as PgBouncer stands before the server; auto finds out at the first connection.",
    choices=("auto", "yes", "no"),
)
LISTEN_POLL = Setting(
    "HOLDFAST_LISTEN_POLL",
    "postgres",
    "listen_poll",
    duration,
    1.0,
    "Time between two looks where a pooler keeps notifications from arriving.",
)
