"""How the embedded server is to be run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import WrongUse
from holdfast.postgres.embedded.settings import (
    PARAMETERS,
    RUNTIME_DIR,
    START_WITHIN,
    STOP_WITHIN,
    WAIT_FOR_OWNER,
)
from holdfast.settings import Settings

_OURS = frozenset(
    {
        "data_directory",
        "config_file",
        "hba_file",
        "ident_file",
        "external_pid_file",
        "logging_collector",
        "log_destination",
        "unix_socket_directories",
        "unix_socket_permissions",
    }
)


@dataclass(frozen=True)
class Options:
    """Server parameters, the socket's folder (None: chosen), and how long things may take, in seconds."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    runtime_dir: Path | None = RUNTIME_DIR.default
    start_within: float = START_WITHIN.default
    stop_within: float = STOP_WITHIN.default
    wait_for_owner: float = WAIT_FOR_OWNER.default

    @property
    def port(self) -> str:
        """The port, which is also part of the socket's name."""
        return self.parameters.get("port", "5432")

    @classmethod
    def from_settings(cls, settings: Settings) -> Options:
        """Read them from the settings.

        Raises ``WrongUse`` where a parameter is not written as ``name=value``, or is Holdfast's to set.
        """
        return cls(
            parameters=_parameters(settings.get(PARAMETERS)),
            runtime_dir=settings.get(RUNTIME_DIR),
            start_within=settings.get(START_WITHIN),
            stop_within=settings.get(STOP_WITHIN),
            wait_for_owner=settings.get(WAIT_FOR_OWNER),
        )


def _parameters(written: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for part in written:
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or not re.fullmatch(r"[a-z_][a-z0-9_.]*", name):
            raise WrongUse(
                f"{part!r} in {PARAMETERS.name} is not a server parameter.",
                hint="Write them as name=value, separated by commas.",
            )
        if name in _OURS:
            raise WrongUse(
                f"{PARAMETERS.name} cannot set {name}: Holdfast sets it itself.",
                hint=f"Leave it out; {RUNTIME_DIR.name} names the socket's folder.",
            )
        found[name] = value.strip()
    return found
