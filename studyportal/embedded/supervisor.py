"""Starts the portal's processes in order, watches them, restarts the dead, stops all in the reverse order."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

import psycopg

from studyportal.embedded.children import spawn, stop
from studyportal.embedded.folder import DataFolder, StartError
from studyportal.embedded.guard import STOPPED
from studyportal.embedded.postgres import Postgres
from studyportal.embedded.programs import REPOSITORY, Program, base_environment, management
from studyportal.embedded.provision import provision
from studyportal.embedded.valkey import Valkey

DATABASE = "portal"
FIRST_WAIT_S, LONGEST_WAIT_S, STEADY_S = 0.5, 30.0, 60.0
LOOK_EVERY_S = 0.25
READY_WITHIN_S = 60.0


def refuse_used_port(port: int, option: str) -> None:
    """Refuse to start when somebody listens on the port.

    Raises:
        StartError: the port is taken, or is none that we may use.
    """
    if not 1 <= port <= 65535:
        msg = f"{port} is no port: give a number from 1024 to 65535 with {option}."
        raise StartError(msg)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            msg = f"Port {port} needs an administrator: choose one above 1023 with {option}."
            raise StartError(msg) from None
        except OSError:
            msg = f"Port {port} is in use: choose another one, for example {option} {port - 10}."
            raise StartError(msg) from None


class Watched:
    """A program with its child, and when to try again after it died."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.child: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.wait_s = FIRST_WAIT_S
        self.retry_at: float | None = None


class Supervisor:
    """All processes of one data folder."""

    def __init__(self, folder: DataFolder, programs: list[Program], *, say: Callable[[str], None] = print) -> None:
        self.folder = folder
        self.say = say
        self.postgres = Postgres(folder)
        self.valkey = Valkey(folder)
        self.watched = [Watched(program) for program in programs]
        self.stopping = False
        self.guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Take the signals that ask for an end, and post the guard."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        self.guard = spawn(
            [sys.executable, "-m", "studyportal.embedded.guard"],
            death_signal=None,
            stdin=subprocess.PIPE,
            folder=REPOSITORY,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop whatever runs."""
        self.stop()

    def start_services(self) -> None:
        """Start PostgreSQL and the broker, and make logins and database."""
        self._start_service(self.postgres, signal.SIGINT)
        self._start_service(self.valkey, signal.SIGTERM)
        provision(self.postgres.dsn(), DATABASE, self.folder.secret)

    def run_once(self, process: str, *arguments: str) -> None:
        """Run one management command to its end as one of the logins.

        Raises:
            StartError: it failed; the log says why.
            KeyboardInterrupt: a stop was asked for meanwhile.
        """
        environment = base_environment(self.folder.path) | {"PORTAL_PROCESS": process}
        child = spawn(management(*arguments), environment=environment)
        while child.poll() is None:
            if self.stopping:
                stop(child)
                raise KeyboardInterrupt
            time.sleep(0.02)
        if child.returncode:
            msg = f"The step '{arguments[0]}' failed; read the lines above and {self.folder.path}/postgres.log."
            raise StartError(msg)

    def holds_studies(self) -> bool:
        """Whether the database has a study: asked here, since a whole Django for one question costs seconds."""
        with psycopg.connect(self.postgres.dsn(DATABASE)) as admin:
            return admin.execute("SELECT 1 FROM public.studies_study LIMIT 1").fetchone() is not None

    def start(self, *names: str) -> None:
        """Start the programs of these names."""
        for watched in self.watched:
            if watched.program.name in names:
                self._start(watched)

    def wait_for(self, port: int) -> None:
        """Wait until a door answers its health check.

        Raises:
            StartError: it does not.
            KeyboardInterrupt: a stop was asked for meanwhile.
        """
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.stopping:
                raise KeyboardInterrupt
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as door:
                door.sendall(b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
                if b" 200 " in door.recv(64):
                    return
            self.look()
            time.sleep(0.1)
        msg = f"The door at port {port} does not answer; read {self.folder.path}/web.log and vault.log."
        raise StartError(msg)

    def watch(self) -> None:
        """Keep everything running until asked to stop."""
        while not self.stopping:
            self.look()
            time.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Look once at every child; restart the dead, each with a longer wait while it keeps dying.

        Raises:
            StartError: PostgreSQL or the broker died and did not come back.
        """
        for service, how in ((self.postgres, signal.SIGINT), (self.valkey, signal.SIGTERM)):
            if service.child is not None and service.child.poll() is not None:
                self.say(f"{type(service).__name__} stopped by itself; starting it again.")
                self._start_service(service, how)
        now = time.monotonic()
        for watched in self.watched:
            if watched.child is None or (code := watched.child.poll()) is None:
                continue
            if code == 0 and watched.program.is_once:
                continue
            if watched.retry_at is None:
                steady = now - watched.started > STEADY_S
                watched.wait_s = FIRST_WAIT_S if steady else min(watched.wait_s * 2, LONGEST_WAIT_S)
                watched.retry_at = now + watched.wait_s
                log = f"{self.folder.path}/{watched.program.name}.log"
                self.say(f"{watched.program.name} stopped by itself; starting it again. Its log: {log}")
            elif now >= watched.retry_at:
                self._start(watched)

    def stop(self) -> None:
        """Stop web, worker, broker, database, in that order; each group of children at once."""
        self.stopping = True
        doors = [w for w in self.watched if w.program.process in {"web", "vault"}]
        self._stop_all(doors)
        self._stop_all([w for w in self.watched if w not in doors])
        self.valkey.stop()
        self.postgres.stop()
        if self.guard is not None and self.guard.stdin is not None:
            self._tell_guard(STOPPED)
            self.guard.stdin.close()
            self.guard.wait()

    def _start_service(self, service: Postgres | Valkey, how: signal.Signals) -> None:
        service.start()
        assert service.child is not None
        self._tell_guard(f"+ {service.child.pid} {int(how)}")

    def _tell_guard(self, line: str) -> None:
        if self.guard is not None and self.guard.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.guard.stdin.write(f"{line}\n".encode())
                self.guard.stdin.flush()

    def _start(self, watched: Watched) -> None:
        program = watched.program
        with (self.folder.path / f"{program.name}.log").open("ab") as log:
            watched.child = spawn(
                program.command,
                environment=program.environment(self.folder.path),
                death_signal=program.death_signal,
                output=log,
            )
        watched.started, watched.retry_at = time.monotonic(), None
        self._tell_guard(f"+ {watched.child.pid} {int(program.stop_signal)}")

    @staticmethod
    def _stop_all(several: list[Watched]) -> None:
        living = [w for w in several if w.child is not None and w.child.poll() is None]
        for watched in living:
            assert watched.child is not None
            with contextlib.suppress(ProcessLookupError):
                watched.child.send_signal(watched.program.stop_signal)
        deadline = time.monotonic() + max((w.program.patience_s for w in living), default=0)
        for watched in living:
            assert watched.child is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                watched.child.wait(max(0.0, deadline - time.monotonic()))
            # The child leads a session of its own: whatever it left behind ends with it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(watched.child.pid, signal.SIGKILL)
            watched.child.wait()

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.stopping = True
