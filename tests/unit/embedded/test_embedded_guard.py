"""The guard and the children: what starts in a session of its own ends with it."""

import os
import signal
import subprocess
import sys

import pytest

from studyportal.embedded import guard
from studyportal.embedded.children import spawn, stop

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal as s, time; s.signal(s.SIGTERM, s.SIG_IGN); print('up', flush=True); time.sleep(600)"


def started(code: str) -> subprocess.Popen[bytes]:
    """Start a child and wait until it says that it is up."""
    child = spawn([sys.executable, "-c", code], output=subprocess.PIPE)
    assert child.stdout.readline() == b"up\n"
    return child


def ended(child: subprocess.Popen[bytes]) -> int:
    code = child.wait(10)
    child.stdout.close()
    return code


def test_after_an_orderly_stop_the_guard_ends_nothing() -> None:
    assert guard.watch(["+ 41 15\n", "+ 42 3\n", ".\n"]) == []


def test_when_the_pipe_breaks_the_last_started_is_ended_first() -> None:
    assert guard.watch(["+ 41 15\n", "+ 42 3\n"]) == [(42, signal.SIGQUIT), (41, signal.SIGTERM)]


def test_a_group_is_asked_to_end() -> None:
    child = started(SLEEPER)
    code = (
        f"from studyportal.embedded import guard; import signal; guard.end({child.pid}, signal.SIGTERM, patience_s=1)"
    )
    waiter = subprocess.Popen([sys.executable, "-c", code])
    assert ended(child) == -signal.SIGTERM
    assert waiter.wait(10) == 0


def test_a_group_that_does_not_end_is_killed() -> None:
    child = started(STUBBORN)
    guard.end(child.pid, signal.SIGTERM, patience_s=0.1)
    assert ended(child) == -signal.SIGKILL
    assert not guard.is_alive(child.pid)


def test_ending_what_is_gone_is_harmless() -> None:
    child = started(SLEEPER)
    stop(child)
    ended(child)
    guard.end(child.pid, signal.SIGTERM, patience_s=0)
    assert not guard.is_alive(child.pid)


def test_the_guard_as_a_process_outlives_a_signal_and_cleans_up_when_its_supervisor_is_gone() -> None:
    child = started(SLEEPER)
    with subprocess.Popen(
        [sys.executable, "-m", "studyportal.embedded.guard"], stdin=subprocess.PIPE, start_new_session=True
    ) as process:
        process.stdin.write(f"+ {child.pid} {int(signal.SIGTERM)}\n".encode())
        process.stdin.close()
        assert ended(child) == -signal.SIGTERM
        assert process.wait(10) == 0


def test_stopping_kills_a_child_that_ignores_the_request() -> None:
    child = started(STUBBORN)
    stop(child, seconds=0.1)
    assert ended(child) == -signal.SIGKILL


def test_a_child_gets_the_environment_and_the_folder_that_it_is_given(tmp_path) -> None:
    code = "import os; print('up', flush=True); print(os.environ['PORTAL_TEST_WORD'], os.getcwd())"
    child = spawn(
        [sys.executable, "-c", code], output=subprocess.PIPE, environment={"PORTAL_TEST_WORD": "heard"}, folder=tmp_path
    )
    assert child.stdout.read().decode().split() == ["up", "heard", str(tmp_path)]
    assert ended(child) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
def test_a_child_dies_with_its_parent() -> None:
    parent_code = (
        "import sys; from studyportal.embedded.children import spawn; import signal;"
        "child = spawn([sys.executable, '-c', 'import time; time.sleep(600)'], death_signal=signal.SIGKILL);"
        "print(child.pid, flush=True); import time; time.sleep(600)"
    )
    parent = spawn([sys.executable, "-c", parent_code], output=subprocess.PIPE)
    pid = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    ended(parent)
    guard.end(pid, signal.Signals(signal.SIGCONT), patience_s=5)
    assert not guard.is_alive(pid)
