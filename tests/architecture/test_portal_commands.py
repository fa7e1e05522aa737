"""`./portal` itself: what it says about its arguments, and how `up` starts, survives being killed, and stops."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from studyportal.embedded.children import spawn
from studyportal.embedded.folder import runtime_folder

REPOSITORY = Path(__file__).resolve().parents[2]
PORTAL = REPOSITORY / "portal"


def portal(*arguments: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run([sys.executable, PORTAL, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def test_help_names_every_command() -> None:
    answer = portal("help")
    assert answer.returncode == 0
    for name in ("up", "code", "test", "check", "fix", "migrations", "manage", "bench", "docs", "lock"):
        assert f"./portal {name}" in answer.stdout


def test_an_unknown_command_shows_the_help_and_fails() -> None:
    answer = portal("launch")
    assert answer.returncode == 2
    assert "./portal up" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("migrations", "sessions"), "Give the app and a name: ./portal migrations sessions add_visit_note\n"),
        (("bench", "no-such"), "Name one of the benchmarks: "),
    ],
)
def test_missing_arguments_are_said(arguments: tuple[str, ...], sentence: str) -> None:
    answer = portal(*arguments)
    assert answer.returncode == 1
    assert answer.stderr.startswith(sentence)


def test_an_old_python_is_told_which_one_to_use() -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 9, 2); sys.argv = ['portal', 'up'];"
        f"runpy.run_path({str(PORTAL)!r}, run_name='__main__')"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr == "The portal needs Python 3.11 or newer: start it as 'python3.11 portal ...'.\n"


class Up:
    """`./portal up` on a data folder of its own."""

    def __init__(self, data: Path, *options: str) -> None:
        self.log = data.with_name(f"{data.name}.log")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PORTAL_", "DJANGO_", "PYTEST", "COV_"))}
        with self.log.open("wb") as output:
            self.process = spawn(
                [sys.executable, "-m", "studyportal.embedded", "--data", data, "--demo", "none", *options],
                environment=kept, output=output, folder=REPOSITORY,
            )  # fmt: skip

    def said(self) -> str:
        return self.log.read_text()

    def until(self, words: str) -> str:
        """Wait until it has said the words; fail when it ends before."""
        while words not in self.said():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
                assert words in self.said(), self.said()
        return self.said()

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


def processes_of(data: Path) -> list[str]:
    """Return the command lines of all processes that were told this data folder, or whose files lie there."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (folder / "environ").read_bytes().decode(errors="replace")
            if command and (f"PORTAL_DATA={data}\0" in environment or str(data) in command):
                found.append(command)
    return found


@pytest.fixture
def data() -> Iterator[Path]:
    """Return a data folder that the database's own user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="portal-commands-"))
    folder.chmod(0o755)
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(runtime_folder(folder / "data"), ignore_errors=True)


@pytest.fixture
def ports() -> tuple[str, ...]:
    """Return options that name free ports."""
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return ("--port", str(one.getsockname()[1]), "--vault-port", str(other.getsockname()[1]))


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks for orphans in /proc")


@linux_only
def test_up_survives_being_killed_and_starts_again_and_stops_without_a_trace(
    data: Path, ports: tuple[str, ...]
) -> None:
    first = Up(data, *ports)
    said = first.until("Ready after")
    assert f"Treatment hidden:   http://127.0.0.1:{ports[1]}/" in said
    assert f"Treatment visible:  http://127.0.0.1:{ports[3]}/" in said

    second = Up(data, "--port", "1025", "--vault-port", "1026")
    assert second.process.wait(60) == 1
    assert second.said() == (
        f"A portal (process {first.process.pid}) already uses {data}: stop it with 'kill {first.process.pid}', "
        "or set PORTAL_DATA to another folder.\n"
    )

    third = Up(data.with_name("other"), *ports)
    assert third.process.wait(60) == 1
    assert third.said() == (
        f"Port {ports[1]} is in use: choose another one, for example --port {int(ports[1]) - 10}.\n"
    )

    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    while processes_of(data):  # the guard ends them one group after the other
        pass

    again = Up(data, *ports)
    again.until("Ready after")
    assert again.end(signal.SIGTERM) == 0
    assert processes_of(data) == []
    assert again.said().endswith("Stopping ...\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a folder that another user may not write: needs root")
def test_a_read_only_folder_is_said_to_an_ordinary_user(data: Path) -> None:
    data.mkdir(mode=0o755)
    code = (
        "import os, sys; from studyportal.embedded.__main__ import main;"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); sys.exit(main(sys.argv[1:]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, "--data", data, "--port", "18437", "--vault-port", "18438"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 1
    assert answer.stderr == (
        f"The data folder {data} cannot be written (Permission denied): make it writable, "
        "or set PORTAL_DATA to another folder.\n"
    )
