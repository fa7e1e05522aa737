"""The watch over stored files: what is missing or changed becomes an alert, never a silent result."""

from pathlib import Path

import pytest
from django.core import mail
from django.core.files.storage import storages
from django.core.management import call_command

from sessions.models import FileAlert, FixityCheck, QuantificationResult, QuantificationRun, StudySession
from sessions.services import fitting, fixity, store
from sessions.stored_files import is_damaged, watch_for
from sessions.tasks import check_files
from studyportal.audit.context import acting
from studyportal.errors import NotFound, NotPermitted
from tests.conftest import database_role
from tests.factories import scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, settings) -> None:
    place = {**settings.STORAGES["study_files"], "OPTIONS": {"location": tmp_path / "files"}}
    settings.STORAGES = {**settings.STORAGES, "study_files": place}


@pytest.fixture
def run(world: World, session: StudySession) -> QuantificationRun:
    return scans.finished(world, scans.uploaded(world, session))


def swept() -> FixityCheck:
    with database_role("portal_worker"), acting("system:test:1"):
        return fixity.sweep()


def change(digest: str, content: bytes | None) -> None:
    """Change a stored file behind the portal's back, or take it away."""
    place, name = storages["study_files"], store.content_name(digest)
    path = Path(place.path(name))
    path.unlink()
    if content is not None:
        path.write_bytes(content)


def test_whole_files_raise_no_alert(run: QuantificationRun) -> None:
    found = swept()
    assert (found.files, found.missing, found.changed, found.finished_at is not None) == (2, 0, 0, True)
    assert (FileAlert.objects.count(), len(mail.outbox)) == (0, 0)


def test_a_changed_and_a_missing_file_are_told_once_and_closed_when_mended(
    world: World, run: QuantificationRun
) -> None:
    curves, spectrum = run.result.curves_sha256, run.spectrum.stored_sha256
    before = store.get(curves)
    change(curves, before[:-1] + b"?")
    change(spectrum, None)
    found = swept()
    assert (found.files, found.missing, found.changed) == (2, 1, 1)
    alerts = {one.sha256: (one.holds, one.problem) for one in FileAlert.objects.all()}
    assert alerts == {curves: ("curves", "changed"), spectrum: ("spectrum", "missing")}
    with pytest.raises(NotFound, match="no longer agrees"):
        store.get(curves)
    assert (is_damaged(world.study, curves), is_damaged(world.study, "", "0" * 64)) == (True, False)
    (letter,) = mail.outbox
    assert letter.body.startswith("2 stored files of")
    assert not [one for one in (curves, spectrum, "XO-001") if one in letter.body]
    told = {world.imaging_analyst.email, world.administrator.email, world.data_manager.email}
    assert set(letter.to) == {one for one in told if one}
    swept()
    assert (FileAlert.objects.count(), len(mail.outbox)) == (2, 1)
    Path(storages["study_files"].path(store.content_name(curves))).write_bytes(before)
    swept()
    assert [one.sha256 for one in FileAlert.objects.filter(mended_at=None)] == [spectrum]
    watch = watch_for(world.administrator, world.study)
    assert ([one.sha256 for one in watch.open], [one.sha256 for one in watch.mended]) == ([spectrum], [curves])
    with pytest.raises(NotPermitted):
        watch_for(world.coordinator, world.study)


def test_a_missing_file_that_comes_back_changed_stays_one_alert(world: World, run: QuantificationRun) -> None:
    digest = run.spectrum.stored_sha256
    change(digest, None)
    swept()
    Path(storages["study_files"].path(store.content_name(digest))).write_bytes(b"other")
    swept()
    assert [(one.sha256, one.problem) for one in FileAlert.objects.all()] == [(digest, "changed")]


def test_basis_sets_and_originals_are_watched_too(world: World, session: StudySession) -> None:
    basis = scans.make_basis(world, tesla=7, is_default=False)
    basis.simulation, basis.stored_sha256 = "", store.put(b"a basis")
    basis.save()
    upload = scans.uploaded(world, session).upload
    upload.quarantine_sha256 = store.put_original(upload.pk, [b"sealed ", b"bytes"])
    upload.save()
    assert (swept().files, FileAlert.objects.count()) == (2, 0)
    storages["study_files"].delete(store.original_name(upload.pk))
    change(basis.stored_sha256, b"another basis")
    swept()
    assert {(one.holds, one.problem) for one in FileAlert.objects.all()} == {
        ("original", "missing"), ("basis", "changed"),
    }  # fmt: skip


def test_the_command_and_the_nightly_task_sweep(run: QuantificationRun, capsys) -> None:
    call_command("check_files")
    assert capsys.readouterr().out == "2 files, 0 missing, 0 changed\n"
    change(run.spectrum.stored_sha256, None)
    with pytest.raises(SystemExit) as stopped:
        call_command("check_files")
    assert (stopped.value.code, capsys.readouterr().out) == (1, "2 files, 1 missing, 0 changed\n")
    check_files()
    assert FixityCheck.objects.exclude(finished_at=None).count() == 3


def test_a_run_on_a_damaged_file_fails_with_a_sentence_and_no_number(world: World, session: StudySession) -> None:
    spectrum = scans.stored(scans.uploaded(world, session))
    change(spectrum.stored_sha256, b"other bytes")
    with database_role("portal_worker"), acting("system:test:1"):
        fitting.process(run_id=spectrum.runs.get().pk)
    run = spectrum.runs.get()
    assert (run.state, run.failure_code, run.attempts) == ("failed", "file_damaged", 1)
    assert run.failure_message.startswith("The stored file no longer agrees with its checksum.")
    assert QuantificationResult.objects.count() == 0
