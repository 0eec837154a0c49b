"""The one door to PostgreSQL: a server that the settings name, or the embedded one of a data directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from holdfast.postgres.embedded.occupancy import Occupied, acquire, default_data_dir
from holdfast.postgres.embedded.options import Options
from holdfast.postgres.endpoint import Endpoint, endpoint_from_settings
from holdfast.settings import Settings

__all__ = ["Reached", "default_data_dir", "reach"]


@dataclass(frozen=True)
class Reached:
    """A server that may be used while the context is open; ``occupied`` is None for an external one."""

    endpoint: Endpoint
    occupied: Occupied | None = None

    @property
    def embedded(self) -> bool:
        """Tell whether it is the embedded server."""
        return self.occupied is not None

    @property
    def is_owner(self) -> bool:
        """Tell whether this process runs the server, so that nobody else worked on it before."""
        return self.occupied is not None and self.occupied.is_owner


@contextmanager
def reach(
    settings: Settings, data_dir: Path, *, purpose: str, own: bool = False, embedded: bool = False
) -> Iterator[Reached]:
    """Reach the server that the settings name, else the data directory's own, while the context is open.

    ``embedded`` takes the data directory's own whatever the settings name. ``purpose`` and ``own`` are
    those of ``acquire``, whose errors it raises, and those of ``endpoint_from_settings``.
    """
    named = None if embedded else endpoint_from_settings(settings)
    if named is not None:
        yield Reached(named)
        return
    with acquire(data_dir, purpose=purpose, own=own, options=Options.from_settings(settings)) as occupied:
        endpoint = Endpoint(conninfo=occupied.conninfo, embedded=True, origin=f"embedded in {data_dir}")
        yield Reached(endpoint, occupied)
