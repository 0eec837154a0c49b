"""How a command is said: its common options, its output, its progress and its exit codes."""

from holdfast.system import System

ROOM = System(
    name="terminal",
    summary="How commands print, log and end.",
    package="holdfast.terminal",
    settings=("holdfast.terminal.settings",),
)
