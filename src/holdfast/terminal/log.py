"""Logging to stderr, one line an event, with times in UTC."""

from __future__ import annotations

import logging
import sys
import time

from holdfast.settings import Settings
from holdfast.terminal.settings import LOG_LEVEL


def start_logging(settings: Settings) -> None:
    """Send the log of Holdfast and its libraries to stderr, from HOLDFAST_LOG_LEVEL up.

    Libraries log from warnings up whatever the level: their debug output may hold parameters.
    """
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("holdfast").setLevel(settings.get(LOG_LEVEL).upper())
