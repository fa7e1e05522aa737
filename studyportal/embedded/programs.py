"""The portal's own processes: how each is started, with which door, and how it is asked to stop.

Each process learns from `PORTAL_PROCESS` which database login it is. What the environment of the supervisor happens to
hold for another process is not handed on.
"""

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SETTINGS = "studyportal.settings.dev"
WEB_WORKERS, WEB_THREADS = 2, 4


@dataclass(frozen=True, slots=True)
class Program:
    """One process that the supervisor keeps alive."""

    name: str
    command: tuple[str, ...]
    process: str
    extra: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGTERM
    patience_s: float = 8.0
    is_once: bool = False
    """Ends by itself when its work is done; only a failure starts it again."""

    def environment(self, data: Path) -> dict[str, str]:
        """Return the whole environment of the process."""
        return base_environment(data) | {"PORTAL_PROCESS": self.process} | dict(self.extra)


def base_environment(data: Path) -> dict[str, str]:
    """Return what every process of the portal is told."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PORTAL_PROCESS", "PORTAL_POOL"}}
    return kept | {
        "PORTAL_DATA": str(data),
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(REPOSITORY),
        # One thread a process: numpy's pools would make two cores fight.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def door(name: str, process: str, port: int, *, vault_port: int | None = None) -> Program:
    """Return one door's web server; the blinded one is told the other's address for the mail of a delivery."""
    told = {} if vault_port is None else {"PORTAL_VAULT_URL": f"http://127.0.0.1:{vault_port}"}
    return Program(
        name,
        (
            sys.executable, "-m", "gunicorn", "studyportal.wsgi:application", "--bind", f"127.0.0.1:{port}",
            "--worker-class", "gthread", "--workers", str(WEB_WORKERS), "--threads", str(WEB_THREADS), "--reuse-port",
            "--no-control-socket", "--graceful-timeout", "5", "--log-level", "warning",
        ),
        process,
        extra={"PORTAL_POOL": "on", **told},
    )  # fmt: skip


def worker() -> Program:
    """Return the Celery worker; stopping ends running fits, which their job rows take up again."""
    return Program(
        "worker",
        (
            sys.executable, "-m", "celery", "-A", "studyportal.celery", "worker", "--pool", "prefork",
            "--concurrency", "2", "--queues", "quantification,mail", "--loglevel", "warning",
            "--without-gossip", "--without-mingle",
        ),
        "worker",
        stop_signal=signal.SIGQUIT,
        # Without its broker a worker would wait for ever in an orderly end.
        death_signal=signal.SIGKILL,
    )  # fmt: skip


def vault_worker() -> Program:
    """Return the vault's own worker; it holds nothing that a kill could lose."""
    return Program("vault-worker", management("vault_worker"), "vault_worker", patience_s=2.0)


def beat(data: Path) -> Program:
    """Return the scheduler of the sweeper."""
    return Program(
        "beat",
        (
            sys.executable, "-m", "celery", "-A", "studyportal.celery", "beat", "--loglevel", "warning",
            "--pidfile", "", "--schedule", str(data / "beat"),
        ),
        "worker",
    )  # fmt: skip


def demo_spectra() -> Program:
    """Return the process that brings the demo's spectra in behind the start."""
    return Program("demo", management("demo_spectra"), "web", is_once=True)


def management(*arguments: str) -> tuple[str, ...]:
    """Return the command line of a management command."""
    return (sys.executable, str(REPOSITORY / "manage.py"), *arguments)
