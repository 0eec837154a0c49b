"""Settings of the command line's own output."""

from holdfast.settings import Setting, text

LOG_LEVEL = Setting(
    "HOLDFAST_LOG_LEVEL",
    "terminal",
    "log_level",
    text,
    "warning",
    "How much is logged on stderr; debug shows every statement's name, duration and rows.",
    choices=("debug", "info", "warning", "error"),
)
