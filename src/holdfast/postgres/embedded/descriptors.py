"""Open files that children made by ``fork`` alone must not keep.

Such a child (``multiprocessing`` makes them) shares every open file. It would hold the owner's lock, or
the pipe that tells of the owner's death, after the owner has died. Children that run another program
are no concern: Python closes its descriptors for them.
"""

from __future__ import annotations

import os
from contextlib import suppress

_closed: set[int] = set()


def close_in_children(descriptor: int) -> None:
    """Close this descriptor in children made by fork from now on."""
    _closed.add(descriptor)


def keep_in_children(descriptor: int) -> None:
    """Forget this descriptor, before it is closed here."""
    _closed.discard(descriptor)


def _after_fork() -> None:
    for descriptor in _closed:
        with suppress(OSError):
            os.close(descriptor)
    _closed.clear()


os.register_at_fork(after_in_child=_after_fork)
