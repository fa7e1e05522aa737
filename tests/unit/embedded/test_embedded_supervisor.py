"""The supervisor over small programs: starts, watches, restarts with back-off, stops in order."""

import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from studyportal.embedded import __main__ as main
from studyportal.embedded import programs, supervisor
from studyportal.embedded.folder import DataFolder, StartError
from studyportal.embedded.programs import Program
from studyportal.embedded.supervisor import Supervisor, refuse_used_port


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.open()
    yield made
    made.close()


def program(name: str, code: str, process: str = "web", **options: object) -> Program:
    """Return a program that runs a line of Python."""
    return Program(name, (sys.executable, "-c", code), process, **options)


def look_until(watching: Supervisor, done) -> None:
    """Look until something has come true; the suite's own time limit is the deadline."""
    while not done():
        watching.look()


def test_a_program_that_ends_badly_is_started_again_and_the_wait_grows(folder: DataFolder, monkeypatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_WAIT_S", 0.01)
    said: list[str] = []
    dying = Supervisor(folder, [program("dying", "raise SystemExit(3)")], say=said.append)
    dying.watched[0].wait_s = 0.01
    dying.start("dying")
    look_until(dying, lambda: len(said) == 3)
    assert said[0] == f"dying stopped by itself; starting it again. Its log: {folder.path}/dying.log"
    assert dying.watched[0].wait_s == 0.08
    dying.stop()


def test_a_steady_program_is_started_again_at_once(folder: DataFolder, monkeypatch) -> None:
    monkeypatch.setattr(supervisor, "STEADY_S", -1.0)
    said: list[str] = []
    steady = Supervisor(folder, [program("steady", "pass")], say=said.append)
    steady.watched[0].wait_s = 16.0
    steady.start("steady")
    look_until(steady, lambda: said)
    assert steady.watched[0].wait_s == supervisor.FIRST_WAIT_S
    steady.stop()


def test_a_program_that_runs_once_is_left_alone_when_it_has_ended_well(folder: DataFolder) -> None:
    said: list[str] = []
    once = Supervisor(folder, [program("once", "pass", is_once=True)], say=said.append)
    once.start("once")
    once.watched[0].child.wait()
    once.look()
    assert said == []
    assert once.watched[0].retry_at is None


def test_only_the_named_programs_start(folder: DataFolder) -> None:
    two = Supervisor(folder, [program("one", "pass"), program("two", "pass")])
    two.start("two")
    assert [watched.child is None for watched in two.watched] == [True, False]
    two.stop()


def test_doors_stop_before_the_worker(folder: DataFolder, tmp_path: Path) -> None:
    line = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        f"def end(*_):\n open({str(line)!r}, 'a').write(sys.argv[1]); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True)\nwhile True: time.sleep(1)"
    )
    made = [
        Program(name, (sys.executable, "-c", code, name), process)
        for name, process in (("worker", "worker"), ("web", "web"))
    ]
    running = Supervisor(folder, made)
    running.start("worker", "web")
    logs = [folder.path / "worker.log", folder.path / "web.log"]
    while not all(log.exists() and log.read_text() == "up\n" for log in logs):
        running.look()
    running.stop()
    assert line.read_text() == "webworker"


def test_a_program_that_does_not_stop_is_killed(folder: DataFolder) -> None:
    code = "import signal as s, time; s.signal(s.SIGTERM, s.SIG_IGN); print('up', flush=True); time.sleep(600)"
    stubborn = Supervisor(folder, [program("stubborn", code, patience_s=0.1)])
    stubborn.start("stubborn")
    while (folder.path / "stubborn.log").read_text() != "up\n":
        stubborn.look()
    stubborn.stop()
    assert stubborn.watched[0].child.returncode == -signal.SIGKILL


def test_signals_ask_for_an_end_and_the_guard_stands_down(folder: DataFolder) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with Supervisor(folder, []) as running:
            guard = running.guard
            os.kill(os.getpid(), signal.SIGTERM)
            running.watch()
            assert running.stopping
        assert guard.returncode == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_failed_step_says_where_to_look(folder: DataFolder) -> None:
    with pytest.raises(StartError) as refused:
        Supervisor(folder, []).run_once("web", "no_such_command")
    assert str(refused.value) == (
        f"The step 'no_such_command' failed; read the lines above and {folder.path}/postgres.log."
    )


def test_a_stop_asked_for_during_a_step_ends_the_step(folder: DataFolder) -> None:
    running = Supervisor(folder, [])
    running.stopping = True
    with pytest.raises(KeyboardInterrupt):
        running.run_once("web", "check")


def test_a_door_that_does_not_answer_is_said(folder: DataFolder, monkeypatch) -> None:
    monkeypatch.setattr(supervisor, "READY_WITHIN_S", 0.0)
    with pytest.raises(StartError, match=r"The door at port 1 does not answer; read .*web\.log and vault\.log\."):
        Supervisor(folder, []).wait_for(1)


def test_a_stop_asked_for_while_a_door_starts_is_heard(folder: DataFolder) -> None:
    running = Supervisor(folder, [])
    running.stopping = True
    with pytest.raises(KeyboardInterrupt):
        running.wait_for(1)


def test_a_port_in_use_is_refused_with_another_one_as_advice() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(StartError) as refused:
            refuse_used_port(port, "--port")
    assert str(refused.value) == f"Port {port} is in use: choose another one, for example --port {port - 10}."


@pytest.mark.parametrize("port", [-1, 70000])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(StartError, match=f"{port} is no port: give a number from 1024 to 65535 with --vault-port"):
        refuse_used_port(port, "--vault-port")


def test_a_free_port_is_taken_silently() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
    refuse_used_port(port, "--port")


def test_each_program_knows_its_login_and_nobody_elses(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PORTAL_PROCESS", "owner")
    monkeypatch.setenv("PORTAL_POOL", "on")
    made = [
        programs.door("web", "web", 1), programs.door("vault", "vault", 2), programs.worker(), programs.beat(tmp_path),
        programs.demo_spectra(), programs.vault_worker(),
    ]  # fmt: skip
    seen = [(p.name, env["PORTAL_PROCESS"], env.get("PORTAL_POOL")) for p in made for env in [p.environment(tmp_path)]]
    assert seen == [
        ("web", "web", "on"), ("vault", "vault", "on"), ("worker", "worker", None), ("beat", "worker", None),
        ("demo", "web", None), ("vault-worker", "vault_worker", None),
    ]  # fmt: skip
    assert {p.environment(tmp_path)["PORTAL_DATA"] for p in made} == {str(tmp_path)}


def test_what_is_asked_of_a_service_that_died_is_to_start_again(folder: DataFolder) -> None:
    said: list[str] = []
    running = Supervisor(folder, [], say=said.append)
    running.valkey.start()
    first = running.valkey.child
    first.kill()
    first.wait()
    running.look()
    assert said == ["Valkey stopped by itself; starting it again."]
    assert running.valkey.child.pid != first.pid
    running.stop()
    assert running.valkey.child.returncode == 0


def test_a_door_that_answers_its_health_check_is_ready(folder: DataFolder) -> None:
    (port,) = free_ports(1)
    code = (
        "import http.server as h\n"
        "class Door(h.BaseHTTPRequestHandler):\n def do_GET(self):\n"
        "  self.send_response(200 if self.path == '/healthz' else 404); self.end_headers()\n"
        f"h.HTTPServer(('127.0.0.1', {port}), Door).serve_forever()"
    )
    running = Supervisor(folder, [program("web", code)])
    running.start("web")
    running.wait_for(port)
    running.stop()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody uses now."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def test_the_command_line_has_defaults_and_refuses_a_shared_port(tmp_path: Path, capsys) -> None:
    chosen = main.arguments([])
    assert (chosen.port, chosen.vault_port, chosen.demo, chosen.data) == (8000, 8001, "full", None)
    assert main.main(["--port", "8300", "--vault-port", "8300", "--data", str(tmp_path / "d")]) == 1
    assert capsys.readouterr().err == "Both doors cannot share a port: choose another one with --vault-port.\n"
    assert not (tmp_path / "d").exists()


def test_the_demo_comes_in_unless_it_is_not_wanted(folder: DataFolder) -> None:
    always = ["worker", "beat", "vault-worker", "web", "vault"]
    named = [[p.name for p in main.programs(main.arguments(["--demo", demo]), folder)] for demo in ("small", "none")]
    assert named == [[*always, "demo"], always]
