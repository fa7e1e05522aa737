"""Where foreign files are parsed: the engine as a child process with limits, a folder of its own and no network.

Limits: 2 GB of address space, `PORTAL_FIT_CPU_SECONDS` of processor time, files of 1 GB, no core dump. The network is
taken away with `unshare` where the machine lets an ordinary process do so, and kept where it does not (some containers,
macOS): the child has no database login, no broker and no secret in its environment either way. It dies with the worker.
"""

import ctypes
import functools
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

MEMORY_BYTES = 2 * 1024**3
FILE_BYTES = 1024**3
TICK_SECONDS = 0.5
WALL_CLOCK_SLACK = 3
PR_SET_PDEATHSIG = 1

Tick = Callable[[str, float], bool]
"""Told the stage and its fraction about twice a second; answers whether the work should go on."""


class Refused(Exception):
    """The engine said what is wrong with the file; trying again would not help."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Crashed(Exception):
    """The engine ended without an answer; trying again may help."""


class Stopped(Exception):
    """The work was no longer wanted."""


def engine(arguments: Sequence[str | Path], *, folder: Path, tick: Tick) -> dict[str, Any]:
    """Run `python -m sessions.mrs` in `folder`; return the JSON object that it prints.

    Raises:
        Refused: the file or a setting is unusable, or the work took too long.
        Crashed: no answer came.
        Stopped: `tick` said no.
    """
    answer = folder / "answer.json"
    command = [*_without_network(), sys.executable, "-P", "-B", "-m", "sessions.mrs", *map(str, arguments)]
    with (
        answer.open("wb") as out,
        subprocess.Popen(  # noqa: S603 - our own module, arguments made by us
            command, cwd=folder, env=_environment(folder), stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.PIPE, start_new_session=True, preexec_fn=_limits(),  # noqa: PLW1509 - one thread
        ) as child,
    ):  # fmt: skip
        try:
            _watch(child, tick)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    return _read(answer, child.returncode)


def _watch(child: subprocess.Popen[bytes], tick: Tick) -> None:
    """Pass the child's progress on until it ends or is no longer wanted."""
    assert child.stderr is not None
    stage, fraction, rest = "checking", 0.0, b""
    deadline = time.monotonic() + WALL_CLOCK_SLACK * settings.PORTAL_FIT_CPU_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(child.stderr, selectors.EVENT_READ)
        told = 0.0
        while True:
            if selector.select(TICK_SECONDS):
                piece = os.read(child.stderr.fileno(), 65536)
                if not piece:
                    child.wait()
                    return
                *lines, rest = (rest + piece).split(b"\n")
                stage, fraction = _progress(lines, stage, fraction)
            if time.monotonic() > deadline:
                raise Refused("too_slow", TOO_SLOW)
            if time.monotonic() - told >= TICK_SECONDS:
                told = time.monotonic()
                if not tick(stage, fraction):
                    raise Stopped


TOO_SLOW = "The fit took longer than is allowed. Check that the file holds one voxel, then tell the study office."


def _progress(lines: Sequence[bytes], stage: str, fraction: float) -> tuple[str, float]:
    for line in lines:
        try:
            said = json.loads(line)
            stage, fraction = str(said["stage"]), min(max(float(said["fraction"]), 0.0), 1.0)
        except (ValueError, KeyError, TypeError):
            continue
    return stage, fraction


def _read(answer: Path, code: int) -> dict[str, Any]:
    if code == -signal.SIGXCPU:
        raise Refused("too_slow", TOO_SLOW)
    try:
        document = json.loads(answer.read_bytes(), parse_constant=_no_such_number)
    except ValueError as error:
        msg = f"the engine ended with code {code} and no answer"
        raise Crashed(msg) from error
    if isinstance(document, dict) and isinstance(problem := document.get("error"), dict):
        raise Refused(str(problem.get("code", "unusable"))[:40], str(problem.get("message", ""))[:500])
    if code != 0 or not isinstance(document, dict):
        msg = f"the engine ended with code {code}"
        raise Crashed(msg)
    return document


def _no_such_number(name: str) -> None:
    msg = f"{name} is not a number that may be stored"
    raise ValueError(msg)


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(settings.BASE_DIR),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _limits() -> Callable[[], None]:
    """Return what the child does before it becomes the engine; prepared here, since little may happen after a fork."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    seconds = settings.PORTAL_FIT_CPU_SECONDS
    limits = [
        (resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
        (resource.RLIMIT_CPU, (seconds, seconds + 2)),
        (resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES)),
        (resource.RLIMIT_CORE, (0, 0)),
    ]

    def apply() -> None:  # pragma: no cover - runs in the child between fork and exec
        if libc is not None:  # first: under the limits there may be no memory left to call it
            libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        for kind, limit in limits:
            try:
                resource.setrlimit(kind, limit)
            except (ValueError, OSError):
                continue

    return apply


@functools.cache
def _without_network() -> tuple[str, ...]:
    """Return the command prefix that takes the network away, or nothing where the machine refuses it."""
    unshare = shutil.which("unshare")
    for options in (("--user", "--map-root-user", "--net"), ("--net",)):
        if unshare and subprocess.run([unshare, *options, "true"], capture_output=True, check=False).returncode == 0:  # noqa: S603
            return (unshare, *options)
    return ()
