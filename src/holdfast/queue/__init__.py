"""Leased work in the database: claimed once, extended, ended once, tried again, or a dead letter."""

from holdfast.system import System, Worker

ROOM = System(
    name="queue",
    summary="Background work in the database: claimed by lease, retried, and dead-lettered with its reason.",
    package="holdfast.queue",
    migrations="holdfast.queue.migrations",
    settings=("holdfast.queue.settings",),
    workers=(
        Worker("jobs", "holdfast.queue.jobs:run_jobs", "Runs the background jobs that systems enqueue."),
    ),
    status="holdfast.queue.status:status",
    pending="holdfast.queue.status:pending",
)
