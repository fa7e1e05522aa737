"""What the sandbox holds back: time, memory, the network; and imports when it gives no answer or two ask at once."""

import socket
import subprocess
import sys

import pytest

from sessions.models import ImportedResult, StudySession
from sessions.services import imports, sandbox
from studyportal.errors import InvalidInput
from tests.factories import scans
from tests.factories.foreign_results import lcmodel_table
from tests.factories.spectra import BASIS
from tests.factories.world import World

TABLE = lcmodel_table().encode()
CONNECT = "import socket; socket.create_connection(('127.0.0.1', {port}), timeout=5)"
UNSHARE = "#!/bin/sh\nfor one; do [ $one = --user ] && exit 1; done\nexit {code}\n"


def test_what_takes_too_long_by_the_clock_is_stopped(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sandbox, "WALL_CLOCK_SLACK", 0)
    with pytest.raises(sandbox.Refused) as refusal:
        sandbox.engine(
            ["quantify", tmp_path / "absent", "--basis", BASIS, "--json", "--progress"],
            folder=tmp_path,
            tick=lambda _stage, _part: True,
        )
    assert (refusal.value.code, refusal.value.message) == ("too_slow", sandbox.TOO_SLOW)


@pytest.mark.parametrize(("code", "prefix"), [(0, ["--net"]), (1, [])])
def test_the_network_is_taken_as_the_machine_allows(code, prefix, tmp_path, monkeypatch) -> None:
    program = tmp_path / "unshare"
    program.write_text(UNSHARE.format(code=code))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(sandbox._without_network.__wrapped__()) == ([str(program), *prefix] if prefix else [])


def test_a_machine_without_unshare_keeps_its_network(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sandbox._without_network.__wrapped__() == ()


@pytest.mark.skipif(not sandbox._without_network(), reason="this machine lets nobody take the network away")
def test_the_engine_reaches_no_server(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = CONNECT.format(port=server.getsockname()[1])
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
        command = [*sandbox._without_network(), sys.executable, "-c", code]
        finished = subprocess.run(command, capture_output=True, check=False, text=True)
    assert finished.returncode == 1
    assert "Network is unreachable" in finished.stderr


@pytest.mark.django_db
def test_an_engine_that_gives_no_answer_leaves_nothing(world: World, session: StudySession, monkeypatch) -> None:
    spectrum = scans.uploaded(world, session)
    monkeypatch.setattr(sandbox, "MEMORY_BYTES", 8 * 1024**2)  # less than Python needs to begin
    with pytest.raises(InvalidInput) as refusal:
        imports.attach(spectrum=spectrum, filename="a.table", content=TABLE, by=world.imaging_analyst)
    assert (refusal.value.message, refusal.value.reason_code) == (imports.UNREADABLE, "not_a_result")
    assert ImportedResult.objects.count() == 0


@pytest.mark.django_db
def test_a_file_sent_twice_at_once_is_attached_once(world: World, session: StudySession, monkeypatch) -> None:
    spectrum, read, made = scans.uploaded(world, session), imports._read, []

    def read_while_another_attaches(filename: str, content: bytes) -> dict[str, object]:
        monkeypatch.setattr(imports, "_read", read)
        made.append(imports.attach(spectrum=spectrum, filename="b", content=content, by=world.imaging_analyst))
        return read(filename, content)

    monkeypatch.setattr(imports, "_read", read_while_another_attaches)
    found = imports.attach(spectrum=spectrum, filename="a", content=TABLE, by=world.imaging_analyst)
    assert [found] == made == list(ImportedResult.objects.all())
