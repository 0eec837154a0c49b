"""The live view of ``up`` on a real terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from contextlib import suppress

from tests.fixtures.commands import HOLDFAST, HoldfastCommands

COLUMNS = 100
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")


def read_until(terminal: int, wanted: str, seconds: float = 60) -> str:
    """Read what was drawn until it holds ``wanted``; return it without control sequences."""
    drawn = b""
    deadline = time.monotonic() + seconds
    while wanted not in (text := _CONTROL.sub(b"", drawn).decode(errors="replace")):
        assert time.monotonic() < deadline, text[-2000:]
        if select.select([terminal], [], [], 0.2)[0]:
            drawn += os.read(terminal, 65536)
    return text


def test_the_demo_on_a_terminal(holdfast: HoldfastCommands) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [HOLDFAST, "up", "--demo", "--port", "0"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=holdfast.environment | {"TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        drawn = read_until(ours, "chain.caught_up")
        assert "Holdfast demo  http://127.0.0.1:" in drawn
        assert "The user demo can sign in" in drawn
        for room in ("chain", "triggers", "deliveries"):
            assert room in drawn
        assert (holdfast.data_dir / "demo-password").read_text().strip() not in drawn
        assert "{" not in drawn, "JSON lines are not for a terminal"
        assert "…" in drawn, "an event that is wider than the terminal is cut, not wrapped"
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        while process.poll() is None:
            with suppress(OSError):  # the terminal goes with its last process
                if select.select([ours], [], [], 0.1)[0]:
                    os.read(ours, 65536)
            assert time.monotonic() - began < 5
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
