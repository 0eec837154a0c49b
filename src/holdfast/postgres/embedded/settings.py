"""Settings of the embedded PostgreSQL server."""

from __future__ import annotations

from pathlib import Path

from holdfast.settings import Setting, duration, listing, path

PARAMETERS: Setting[tuple[str, ...]] = Setting(
    "HOLDFAST_EMBEDDED_PARAMETERS",
    "embedded",
    "parameters",
    listing,
    (),
    "Server parameters of the embedded PostgreSQL, such as shared_buffers=512MB,work_mem=32MB.",
)
RUNTIME_DIR: Setting[Path | None] = Setting(
    "HOLDFAST_RUNTIME_DIR",
    "embedded",
    "runtime_dir",
    path,
    None,
    "Folder for the embedded server's socket; a short one is chosen where this is not set.",
)
START_WITHIN = Setting(
    "HOLDFAST_EMBEDDED_START_WITHIN",
    "embedded",
    "start_within",
    duration,
    120.0,
    "Longest time that the embedded server may take to start, recovery after a crash included.",
)
STOP_WITHIN = Setting(
    "HOLDFAST_EMBEDDED_STOP_WITHIN",
    "embedded",
    "stop_within",
    duration,
    3.0,
    "Time that the embedded server has to end in order; then it is cut off, and recovers at its next start.",
)
WAIT_FOR_OWNER = Setting(
    "HOLDFAST_EMBEDDED_WAIT_FOR_OWNER",
    "embedded",
    "wait_for_owner",
    duration,
    10.0,
    "Longest time that `up` waits for another command to give back the data directory.",
)
