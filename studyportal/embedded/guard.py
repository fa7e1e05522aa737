"""Ends what a killed supervisor leaves behind.

A process of its own that reads a pipe from the supervisor: `+ PID SIGNAL` for each child that starts a session, `.`
when everything was stopped in order. When the pipe ends without the dot, the supervisor was killed: each group is
asked to end, in the order told (web, worker, then the services), and killed when it does not.

The kernel's death signal (`children.spawn`) does the same on Linux, but not for grandchildren, and all at once.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable
from typing import IO

PATIENCE_S = 5.0
STOPPED = "."


def is_alive(group: int) -> bool:
    """Whether any process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end(group: int, how: signal.Signals, *, patience_s: float = PATIENCE_S) -> None:
    """Ask a group to end, and kill what is left of it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, how)
    deadline = time.monotonic() + patience_s
    while is_alive(group) and time.monotonic() < deadline:
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def watch(lines: Iterable[str]) -> list[tuple[int, signal.Signals]]:
    """Return the groups to end once the pipe has ended, the last started first; none after an orderly stop."""
    groups: dict[int, signal.Signals] = {}
    for line in lines:
        if line.strip() == STOPPED:
            return []
        _, pid, how = line.split()
        groups[int(pid)] = signal.Signals(int(how))
    return list(reversed(groups.items()))


def main(pipe: IO[str]) -> int:
    """Watch, then clean up; whatever stops the supervisor by signal must not stop this."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for group, how in watch(pipe):
        end(group, how)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.stdin))
