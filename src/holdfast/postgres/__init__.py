"""Reaches PostgreSQL: the embedded server or another, pools, statements, leases, listeners, bulk copy."""

from holdfast.system import System

ROOM = System(
    name="postgres",
    summary="Reaches PostgreSQL, embedded or not, and asks what it can do.",
    package="holdfast.postgres",
    migrations="holdfast.postgres.migrations",
    settings=("holdfast.postgres.settings", "holdfast.postgres.embedded.settings"),
    checks=("holdfast.postgres.checks:check_connection", "holdfast.postgres.checks:check_server"),
)
