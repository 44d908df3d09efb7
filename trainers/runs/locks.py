"""Who is alive: a lock on a file, which the system releases when its holder ends, however it ends.

A process id is no proof of life (it may have been given to another process since); a held lock is.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

SUPERVISOR = "supervisor.lock"
TRAINER = "trainer.lock"
_PATIENCE_S = 2.0
"""Somebody who only looks holds the lock for microseconds; a start tries this long before it gives up."""


def take(path: Path, *, patience_s: float = _PATIENCE_S) -> int | None:
    """Take the lock and keep it as long as the returned handle is open; None when somebody else has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    end = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < end:
                time.sleep(0.02)
                continue
            os.close(handle)
            return None
        return handle


def held(path: Path) -> bool:
    """Whether somebody holds the lock."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
