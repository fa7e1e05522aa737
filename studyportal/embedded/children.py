"""Child processes that never outlive us."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1


def spawn(
    command: Sequence[str | Path],
    *,
    death_signal: signal.Signals | None = signal.SIGTERM,
    stdin: int = subprocess.DEVNULL,
    user: pwd.struct_passwd | None = None,
    environment: Mapping[str, str] | None = None,
    output: IO[bytes] | int | None = None,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own that gets `death_signal` when this process dies, however it dies."""
    last_wish = _die_with_parent(death_signal) if death_signal and sys.platform == "linux" else None
    return subprocess.Popen(
        [str(part) for part in command],
        start_new_session=True,
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env={**os.environ, **(environment or {})},
        cwd=folder,
        user=user.pw_uid if user else None,
        group=user.pw_gid if user else None,
        extra_groups=[] if user else None,
        preexec_fn=last_wish,  # noqa: PLW1509 - no threads here
    )


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    libc = ctypes.CDLL(None)

    def set_signal() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(death_signal))

    return set_signal


def stop(child: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM, seconds: float = 10) -> None:
    """Ask a child to end, wait, and kill its whole session if it does not."""
    if child.poll() is not None:
        return
    child.send_signal(how)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
