"""Which server the settings name."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.postgres.settings import DATABASE_URL
from holdfast.settings import Settings


@dataclass(frozen=True)
class Endpoint:
    """A server's address as libpq conninfo, whether it is the embedded one, and who named it."""

    conninfo: str
    embedded: bool
    origin: str


def endpoint_from_settings(settings: Settings) -> Endpoint | None:
    """Return the server that the settings name, or None for the embedded one."""
    url = settings.get(DATABASE_URL)
    return Endpoint(url, embedded=False, origin=settings.origin(DATABASE_URL)) if url else None
