"""What ``holdfast doctor`` says about migrations."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.migrate.engine import pending
from holdfast.settings import Settings
from holdfast.system import Connection, StatusLine


async def check(connection: Connection, _settings: Settings) -> Sequence[StatusLine]:
    """Say whether every migration is applied as its file stands (``holdfast.system.Check``)."""
    open_ones = await pending(connection)
    if not open_ones:
        return [StatusLine("migrations", "current")]
    contradicting = [f"{entry.id} {entry.state}" for entry in open_ones if entry.state != "pending"]
    if contradicting:
        return [StatusLine("migrations", ", ".join(contradicting), "error", "See `holdfast migrate status`.")]
    told = f"{len(open_ones)} not applied yet"
    return [
        StatusLine("migrations", told, "warning", "Run `holdfast migrate up`; `holdfast up` does so too.")
    ]
