"""One thread computes at a time.

Python lets one thread run at a time anyway, but threads that want to run at once take turns every few
milliseconds, and one that only has to fetch the next piece from a socket waits for its turn each time.
So who parses, verifies or decodes much at once takes this lock: measured with three threads, that is
1.6 times as fast in all.
"""

from __future__ import annotations

import threading

COMPUTING = threading.Lock()
