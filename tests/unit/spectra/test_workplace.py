"""Where raw files are worked on: gone with the work, with the killed worker, and with the file nobody could read."""

import datetime
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sessions.models import QuantificationRun, Spectrum, StudySession, Upload
from sessions.services import originals, store
from sessions.services.workplace import PREFIX, YOUNG_SECONDS, clear, workplace
from tests.factories import scans
from tests.factories.world import World

REPOSITORY = Path(__file__).resolve().parents[3]
# A worker that is killed while it works: no `with` ends, no `finally` runs.
KILLED = """
import os, signal, sys
from sessions.services.workplace import workplace
with workplace() as folder:
    (folder / "raw.dat").write_bytes(b"SEEDED^TEST^NAME")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def room(tmp_path, monkeypatch) -> Path:
    """Return a temporary folder of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def aged(folder: Path) -> Path:
    """Let a folder have been there for long."""
    long_ago = folder.stat().st_mtime - 2 * YOUNG_SECONDS
    os.utime(folder, (long_ago, long_ago))
    return folder


def test_a_folder_is_gone_with_the_work_even_when_that_fails(room: Path) -> None:
    def failing() -> None:
        with workplace() as folder:
            assert list(room.iterdir()) == [folder]
            (folder / "raw").write_bytes(b"x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert list(room.iterdir()) == []


def test_what_a_killed_worker_left_is_cleared_by_the_next(room: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", KILLED], cwd=REPOSITORY, env={**os.environ, "TMPDIR": str(room)}, check=False
    )
    assert finished.returncode == -9
    (left,) = room.iterdir()
    with workplace():
        assert left.is_dir(), "one so young may be about to be locked"
    aged(left)
    with workplace() as folder:
        assert list(room.iterdir()) == [folder]


def test_what_is_worked_in_or_is_not_ours_stays(room: Path) -> None:
    other = aged_other(room)
    (room / f"{PREFIX}link").symlink_to(other)
    with workplace() as folder:
        aged(folder)
        clear()
        assert folder.is_dir()
    clear()
    assert sorted(one.name for one in room.iterdir()) == sorted([other.name, f"{PREFIX}link"])


def test_a_folder_of_another_user_is_left_alone(room: Path, monkeypatch) -> None:
    """Everybody may make folders in the system's temporary one, and fill them so that clearing takes forever."""
    (room / f"{PREFIX}theirs").mkdir()
    theirs = aged(room / f"{PREFIX}theirs")
    monkeypatch.setattr(os, "geteuid", lambda: theirs.stat().st_uid + 1)
    clear()
    assert theirs.is_dir()


def test_a_folder_nested_beyond_walking_stops_nobody(room: Path) -> None:
    deep = room / f"{PREFIX}deep"
    deep.mkdir()
    nested = "import os\nfor _ in range(1200):\n    os.mkdir('d')\n    os.chdir('d')"
    try:
        subprocess.run([sys.executable, "-c", nested], cwd=deep, check=True)
        aged(deep)
        with workplace() as folder:
            assert folder.is_dir()
    finally:
        subprocess.run(["rm", "-rf", str(deep)], check=True)


def aged_other(room: Path) -> Path:
    other = room / "somebody-elses"
    other.mkdir()
    return aged(other)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days", "state", "left"), [(8, "failed", False), (8, "cancelled", False), (6, "failed", True), (8, "queued", True)]
)
def test_a_raw_file_that_nobody_could_read_ends_after_a_week(
    world: World, session: StudySession, days: int, state: str, left: bool
) -> None:
    run = scans.uploaded(world, session)
    spectrum = run.spectrum if isinstance(run, QuantificationRun) else run
    QuantificationRun.objects.filter(spectrum=spectrum).update(state=state)
    then = spectrum.uploaded_at - datetime.timedelta(days=days)
    Spectrum.objects.filter(pk=spectrum.pk).update(uploaded_at=then)
    originals.tidy()
    spectrum.refresh_from_db()
    assert spectrum.status == (Spectrum.Status.RECEIVED if left else Spectrum.Status.REJECTED)
    assert (next(store.parts(spectrum.upload_id), b"") != b"") is left
    assert (Upload.objects.get(pk=spectrum.upload_id).removed_at is None) is left
