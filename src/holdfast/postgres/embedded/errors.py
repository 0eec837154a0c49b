"""What can go wrong with the embedded server."""

from __future__ import annotations

from holdfast.errors import Conflict, HoldfastError, TryAgain


class DataDirectoryUnusable(HoldfastError):
    """The data directory cannot be made, read or written, or holds something that is not ours."""

    code = "data_directory_unusable"


class OtherMajorVersion(Conflict):
    """The data directory holds a cluster of another major version of PostgreSQL."""

    code = "other_major_version"


class ProgramsMissing(HoldfastError):
    """The embedded server's programs are not installed, or its account cannot run them."""

    code = "programs_missing"


class ServerNotStarted(HoldfastError):
    """The embedded server was set up or started, and ended or gave no answer."""

    code = "server_not_started"


class DataDirectoryOccupied(TryAgain):
    """Another process owns the data directory's server."""

    code = "data_directory_occupied"
