"""How the threads of one process share the interpreter."""

from __future__ import annotations

import sys

_SWITCH_SECONDS = 0.0005


def share_interpreter() -> None:
    """Let a thread that waits for the interpreter have it after 0.5 ms instead of 5 ms.

    While threads decode, the event loop writes COPY data in many small steps and needs the interpreter
    for each; at the default each step may wait 5 ms (measured: 1.1 to 1.3 times the events a second).
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
