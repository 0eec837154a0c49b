"""Settings from the environment and from ``holdfast.toml``, typed and declared by their rooms.

A room declares a ``Setting`` as a module constant; whoever needs the value asks a ``Settings`` for
it. The order is: an override (a command's option), the environment variable, ``NAME_FILE`` (for a
secret: a file that holds the value), further sources of secrets, ``holdfast.toml``, the default.
``origin`` says which of them gave the value.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar, cast

from holdfast.errors import WrongUse

T = TypeVar("T")


def text(value: str) -> str:
    """Take the value as it is."""
    return value


def integer(value: str) -> int:
    """Read a whole number."""
    return int(value)


def port(value: str) -> int:
    """Read a port; 0 is any free one."""
    number = int(value)
    if not 0 <= number <= 65535:
        raise ValueError(value)
    return number


def boolean(value: str) -> bool:
    """Read yes or no: ``true/false``, ``1/0``, ``yes/no``, ``on/off``."""
    known = {
        "true": True,
        "1": True,
        "yes": True,
        "on": True,
        "false": False,
        "0": False,
        "no": False,
        "off": False,
    }
    return known[value.strip().lower()]


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def duration(value: str) -> float:
    """Read a span of time in seconds: ``250ms``, ``3s``, ``5m``, ``2h``, ``1d``, or plain seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)?", value.strip())
    if match is None:
        raise ValueError(value)
    return float(match[1]) * _UNITS[match[2] or "s"]


def durations(value: str) -> tuple[float, ...]:
    """Read several spans of time, separated by commas, each in seconds."""
    return tuple(duration(part) for part in listing(value))


def listing(value: str) -> tuple[str, ...]:
    """Read a list separated by commas; empty parts are left out."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def path(value: str) -> Path:
    """Read a path; ``~`` is the user's home, a relative one is taken from the current folder."""
    return Path(value).expanduser().absolute()


_KINDS: dict[Callable[[str], object], str] = {
    text: "text",
    integer: "a whole number",
    port: "a port from 0 to 65535",
    boolean: "true or false",
    path: "a path",
    duration: "a duration such as 250ms, 3s or 5m",
    durations: "durations separated by commas",
    listing: "a list separated by commas",
}


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One setting: its environment variable, its place in ``holdfast.toml``, its type and default.

    ``room`` is the table and ``key`` the key in the file. ``default`` of ``None`` means "not set".
    A ``secret`` is never shown. ``choices`` limits the values as written.
    """

    name: str
    room: str
    key: str
    parse: Callable[[str], T]
    default: T
    summary: str
    secret: bool = False
    choices: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What a value looks like, in words."""
        return "one of " + ", ".join(self.choices) if self.choices else _KINDS.get(self.parse, "text")


class SecretSource(Protocol):
    """A place that secrets come from, such as a key vault."""

    name: str

    def secret(self, setting: str) -> str | None:
        """Return the secret of that name, or None where this source does not hold it."""


@dataclass(frozen=True)
class Found:
    """A setting's value as written, and where it came from."""

    value: str | None
    origin: str


class Settings:
    """The values of all settings, and where each came from."""

    def __init__(
        self,
        environment: Mapping[str, str],
        file: Mapping[str, Mapping[str, object]] | None = None,
        *,
        file_name: str = "holdfast.toml",
        overrides: Mapping[str, str] | None = None,
        secret_sources: Sequence[SecretSource] = (),
    ) -> None:
        self._environment = dict(environment)
        self._file = {room: dict(keys) for room, keys in (file or {}).items()}
        self._file_name = file_name
        self._overrides = dict(overrides or {})
        self._secret_sources = tuple(secret_sources)

    @classmethod
    def load(
        cls, *, overrides: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
    ) -> Settings:
        """Read the process's environment and the file that HOLDFAST_CONFIG names (or ./holdfast.toml).

        Raises ``WrongUse`` where the file is missing though named, or is not TOML in tables.
        """
        environment = os.environ if environment is None else environment
        named = environment.get("HOLDFAST_CONFIG")
        file = path(named) if named else Path.cwd() / "holdfast.toml"
        if not file.is_file():
            if named:
                raise WrongUse(
                    f"The settings file {file} does not exist.", hint="Correct HOLDFAST_CONFIG or unset it."
                )
            return cls(environment, overrides=overrides)
        return cls(environment, _read_toml(file), file_name=str(file), overrides=overrides)

    def with_overrides(self, overrides: Mapping[str, str]) -> Settings:
        """Return the same settings with some values put in front of every other source."""
        return Settings(
            self._environment,
            self._file,
            file_name=self._file_name,
            overrides={**self._overrides, **overrides},
            secret_sources=self._secret_sources,
        )

    def with_secret_sources(self, sources: Sequence[SecretSource]) -> Settings:
        """Return the same settings with further places that secrets come from."""
        return Settings(
            self._environment,
            self._file,
            file_name=self._file_name,
            overrides=self._overrides,
            secret_sources=(*self._secret_sources, *sources),
        )

    def get(self, setting: Setting[T]) -> T:
        """Return a setting's typed value.

        Raises ``WrongUse`` where what is written cannot be read; a secret's value is not repeated.
        """
        found = self._find(setting)
        if found.value is None:
            return setting.default
        try:
            if setting.choices and found.value not in setting.choices:
                raise ValueError(found.value)
            return setting.parse(found.value)
        except (ValueError, KeyError) as error:
            shown = "The value" if setting.secret else repr(found.value)
            raise WrongUse(
                f"{shown} of {setting.name} ({found.origin}) is not {setting.kind}.",
                hint=f"{setting.name}: {setting.summary}",
            ) from error

    def origin(self, setting: Setting[T]) -> str:
        """Say where a setting's value came from: an option, a variable, a file, or the default."""
        return self._find(setting).origin

    def environment(self, name: str) -> str | None:
        """Return a raw environment variable that is not a setting of ours (libpq's ``PG*``, ``NODE_ENV``)."""
        return self._environment.get(name)

    def unknown_keys(self, declared: Iterable[Setting[object]]) -> list[str]:
        """Name the keys of the file that no room declares, each with the nearest declared one."""
        known = {f"{setting.room}.{setting.key}" for setting in declared}
        written = [f"{room}.{key}" for room, keys in self._file.items() for key in keys]
        complaints = []
        for key in written:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                complaints.append(
                    f"{self._file_name}: {key} is not a setting"
                    + (f"; did you mean {near[0]}?" if near else "")
                )
        return complaints

    def _find(self, setting: Setting[T]) -> Found:
        if setting.name in self._overrides:
            return Found(self._overrides[setting.name], "option")
        if self._environment.get(setting.name):
            return Found(self._environment[setting.name], f"environment {setting.name}")
        if setting.secret:
            found = self._find_secret(setting.name)
            if found is not None:
                return found
        written = self._file.get(setting.room, {}).get(setting.key)
        if written is not None:
            return Found(_as_written(written), f"{self._file_name} [{setting.room}] {setting.key}")
        return Found(None, "default")

    def _find_secret(self, name: str) -> Found | None:
        file = self._environment.get(f"{name}_FILE")
        if file:
            try:
                return Found(
                    path(file).read_text(encoding="utf-8").rstrip("\r\n"), f"file named by {name}_FILE"
                )
            except OSError as error:
                raise WrongUse(
                    f"The file {file} named by {name}_FILE cannot be read: {error.strerror}.",
                    hint="Correct the path or the file's permissions.",
                ) from error
        for source in self._secret_sources:
            value = source.secret(name)
            if value is not None:
                return Found(value, source.name)
        return None


def _read_toml(file: Path) -> Mapping[str, Mapping[str, object]]:
    import tomllib  # noqa: PLC0415  most runs have no file to read

    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WrongUse(
            f"The settings file {file} cannot be read: {error}.", hint="Correct it, or move it away."
        ) from error
    stray = [key for key, value in content.items() if not isinstance(value, dict)]
    if stray:
        raise WrongUse(
            f"{file}: {stray[0]} stands outside a table.", hint="Write it under its room, such as [postgres]."
        )
    return cast("Mapping[str, Mapping[str, object]]", content)


def _as_written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(str(part) for part in value)
    return str(value)


DATA_DIR: Setting[Path | None] = Setting(
    "HOLDFAST_DATA_DIR",
    "holdfast",
    "data_dir",
    path,
    None,
    "Folder of the embedded server, its keys and its locks; every command's --data-dir.",
)
CONFIG: Setting[Path | None] = Setting(
    "HOLDFAST_CONFIG",
    "holdfast",
    "config",
    path,
    None,
    "The settings file; ./holdfast.toml where this is not set. Only as an environment variable.",
)
ENVIRONMENT = Setting(
    "HOLDFAST_ENV",
    "holdfast",
    "environment",
    text,
    "development",
    "production (here or in NODE_ENV) requires TLS to a server that is not embedded or local.",
    choices=("development", "test", "production"),
)


def is_production(settings: Settings) -> bool:
    """Tell whether HOLDFAST_ENV or NODE_ENV says production: one is enough, so that neither can undo it."""
    return settings.get(ENVIRONMENT) == "production" or settings.environment("NODE_ENV") == "production"
