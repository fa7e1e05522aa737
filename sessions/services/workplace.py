"""Folders in which foreign files are worked on: gone with the work, even when the worker is killed in the middle of it.

Raw files hold who was measured. Each folder is held by a lock that the system lets go with the process; whoever begins
next on the same machine clears what nobody holds any more.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "portal-work-"
YOUNG_SECONDS = 60.0
"""A folder is made a moment before it is locked; one so young is left alone."""


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """Give an empty folder of this process's own."""
    clear()
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with _held(folder):
            yield folder


def clear() -> None:
    """Delete the folders of processes that are no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        # Held by its owner, gone in the meantime, or nested beyond what can be walked: nobody's work waits for it.
        with contextlib.suppress(OSError, RecursionError):
            found = folder.lstat()  # a link is not followed: everybody may make one here
            if found.st_uid == os.geteuid() and time.time() - found.st_mtime >= YOUNG_SECONDS:
                with _held(folder):
                    shutil.rmtree(folder)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; the engine that works in it does not inherit it.

    Raises:
        OSError: somebody else holds it.
    """
    door = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(door)
