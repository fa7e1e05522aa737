"""Worker processes that can be killed whole, and the engine's stand-in in them."""

# ruff: noqa: PLC0415 - settings read the data folder when they load: the portal is imported once the folder stands

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.job_queue.place import REPOSITORY, Place

SCRIPT = REPOSITORY / "benchmarks" / "jobs.py"
STAND_IN_SECONDS = 0.1


class Worker:
    """A worker process and its pool, in a process group of their own."""

    def __init__(self, place: Place, name: str, *, real: bool) -> None:
        self.place, self.name, self.real = place, name, real
        self.ready = Path(place.environment["PORTAL_DATA"]) / f"bench-{name}.ready"
        self.child = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.started = time.monotonic()
        command = [sys.executable, str(SCRIPT), "--worker", self.name, *(["--real"] if self.real else [])]
        with (Path(self.place.environment["PORTAL_DATA"]) / f"bench-{self.name}.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=REPOSITORY, env=self.place.environment, start_new_session=True, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """Kill worker, pool and engine at once, as a power cut would."""
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def kill_and_replace(self) -> None:
        """Kill it and start another."""
        self.kill()
        self.child = self._start()


@contextmanager
def crew_member(place: Place, name: str, *, real: bool) -> Iterator[Worker]:
    worker = Worker(place, name, real=real)
    try:
        yield worker
    finally:
        worker.kill()


def work(name: str, *, real: bool) -> None:
    """Be a worker; without `real`, with an engine that answers after a moment."""
    import django

    django.setup()
    from celery.signals import worker_ready
    from django.conf import settings

    from sessions.services import sandbox
    from studyportal.celery import app

    ready = settings.PORTAL_DATA / f"bench-{name}.ready"
    worker_ready.connect(lambda **_: ready.touch(), weak=False)
    if not real:
        sandbox.engine = _stand_in
    app.worker_main([
        "worker", "--concurrency", "1", "--loglevel", "warning", "--without-gossip", "--without-mingle",
        "--without-heartbeat", "-n", f"{name}@bench",
    ])  # fmt: skip


def _stand_in(arguments, *, folder, tick):
    from sessions.services.sandbox import Stopped

    del folder
    for step in range(2):
        time.sleep(STAND_IN_SECONDS / 2)
        if not tick("fitting", step / 2):
            raise Stopped
    Path(arguments[arguments.index("--curves") + 1]).write_text("{}")
    value = {"value": 1.25, "crlb_percent": 4.0}
    return {
        "ratios": {"Glx/tNAA": value}, "metabolites": {}, "flags": [], "quality": {"snr": 40.0, "fwhm_ppm": 0.05},
        "seconds": STAND_IN_SECONDS, "engine_version": "stand-in",
    }  # fmt: skip
