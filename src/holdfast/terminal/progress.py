"""Progress of long work: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Step(Protocol):
    """Told by the work how far it has come."""

    def __call__(self, done: int, /) -> None:
        """Say that ``done`` more units of the work are done."""


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Step]:
    """Show a bar on stderr while the block runs, where stderr is a terminal; ``total`` None is unknown."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    from rich.console import Console  # noqa: PLC0415  loaded lazily: rich costs 60 ms that few commands need
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.advance(task, done)
