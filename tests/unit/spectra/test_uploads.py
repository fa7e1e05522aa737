"""A file on its way in: announced, sent in pieces, believed when the checksum agrees."""

import datetime
import hashlib

import pytest
from django.conf import settings

from sessions.models import QuantificationRun, Spectrum, StudySession, Upload
from sessions.services import originals, store, uploads
from sessions.services.upload_rules import Announced, announced, suffix_of
from studyportal import clock
from studyportal.errors import InvalidInput, InvalidState, NotFound, NotPermitted
from tests.factories import scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def announce(world: World, session: StudySession, content: bytes = b"abcdef", **more) -> uploads.Arrival:
    file = announced(more.pop("filename", "a.nii.gz"), content)
    by = more.pop("by", world.imaging_analyst)
    return uploads.announce(session=session, kind=more.pop("kind", "metabolite"), file=file, by=by, **more)


def test_a_whole_file_becomes_a_spectrum_with_a_queued_run(world: World, session: StudySession) -> None:
    spectrum = uploads.store_upload(
        session=session, kind="metabolite", filename="Robin # scän.NII.GZ", content=b"abc", by=world.imaging_analyst
    )
    assert (spectrum.ordinal, spectrum.kind, spectrum.status) == (1, "metabolite", "received")
    assert spectrum.original_sha256 == hashlib.sha256(b"abc").hexdigest()
    assert (spectrum.upload.suffix, spectrum.upload.received_bytes) == (".nii.gz", 3)
    run = spectrum.runs.get()
    assert (run.state, run.ordinal, run.basis, run.settings["basis"]) == ("queued", 1, None, "auto")
    assert b"".join(store.parts(spectrum.upload.pk)) == b"abc"


def test_no_part_of_the_file_name_is_kept(world: World, session: StudySession) -> None:
    scans.uploaded(world, session)
    row = Upload.objects.values().get()
    assert not [value for value in row.values() if "any name" in str(value)]


def test_pieces_go_on_where_the_upload_stands(world: World, session: StudySession) -> None:
    upload = announce(world, session).upload
    upload = uploads.append(upload=upload, offset=0, content=b"abc", by=world.imaging_analyst)
    again = announce(world, session)
    assert (again.upload.pk, again.upload.received_bytes, again.spectrum) == (upload.pk, 3, None)
    with pytest.raises(InvalidState) as refusal:
        uploads.append(upload=upload, offset=0, content=b"abc", by=world.imaging_analyst)
    assert refusal.value.reason_code == "offset_conflict"
    upload = uploads.append(upload=upload, offset=3, content=b"def", by=world.imaging_analyst)
    arrival = uploads.finish(upload=upload, by=world.imaging_analyst)
    assert (arrival.is_duplicate, arrival.spectrum.original_sha256) == (False, hashlib.sha256(b"abcdef").hexdigest())
    assert [run.state for run in arrival.runs] == ["queued"]


def test_a_piece_that_runs_over_is_refused_and_nothing_advances(world: World, session: StudySession) -> None:
    upload = announce(world, session).upload
    with pytest.raises(InvalidInput, match="longer than announced"):
        uploads.append(upload=upload, offset=0, content=b"abcdefg", by=world.imaging_analyst)
    upload.refresh_from_db()
    assert (upload.received_bytes, list(store.parts(upload.pk))) == (0, [])


def test_somebody_elses_upload_does_not_exist(world: World, session: StudySession) -> None:
    upload = announce(world, session).upload
    with pytest.raises(NotFound):
        uploads.append(upload=upload, offset=0, content=b"abc", by=world.coordinator)


def test_a_wrong_checksum_ends_the_upload_and_leaves_no_bytes(world: World, session: StudySession) -> None:
    upload = announce(world, session).upload
    upload = uploads.append(upload=upload, offset=0, content=b"abcdeX", by=world.imaging_analyst)
    with pytest.raises(InvalidInput) as refusal:
        uploads.finish(upload=upload, by=world.imaging_analyst)
    assert refusal.value.reason_code == "checksum_mismatch"
    upload.refresh_from_db()
    assert (upload.removed_at is not None, list(store.parts(upload.pk))) == (True, [])
    assert (Spectrum.objects.count(), QuantificationRun.objects.count()) == (0, 0)
    with pytest.raises(InvalidState, match="was stopped"):
        uploads.append(upload=upload, offset=6, content=b"", by=world.imaging_analyst)


def test_the_same_file_again_opens_the_existing_spectrum(world: World, session: StudySession) -> None:
    first = scans.uploaded(world, session)
    arrival = announce(world, session, b"spectrum")
    assert (arrival.spectrum, arrival.is_duplicate) == (first, True)
    assert (Upload.objects.count(), Spectrum.objects.count()) == (1, 1)


def test_two_uploads_of_one_file_at_once_make_one_spectrum(
    world: World, session: StudySession, django_capture_on_commit_callbacks
) -> None:
    mine = announce(world, session).upload
    theirs = announce(world, session, by=world.coordinator).upload
    assert mine.pk != theirs.pk
    uploads.append(upload=mine, offset=0, content=b"abcdef", by=world.imaging_analyst)
    first = uploads.finish(upload=mine, by=world.imaging_analyst)
    uploads.append(upload=theirs, offset=0, content=b"abcdef", by=world.coordinator)
    with django_capture_on_commit_callbacks(execute=True):
        second = uploads.finish(upload=theirs, by=world.coordinator)
    assert (second.spectrum, second.is_duplicate, second.runs) == (first.spectrum, True, ())
    assert list(store.parts(theirs.pk)) == []


def test_a_file_of_another_session_is_refused(world: World, session: StudySession) -> None:
    scans.uploaded(world, session)
    other = scans.held_session(world)
    with pytest.raises(InvalidState, match="belongs to another participant"):
        announce(world, other, b"spectrum")
    StudySession.objects.filter(participant=session.participant, period__number=2).update(status="completed")
    second = session.participant.sessions.get(period__number=2)
    with pytest.raises(InvalidState, match="belongs to another session"):
        announce(world, second, b"spectrum")
    assert Spectrum.objects.count() == 1


def test_a_refused_file_may_be_uploaded_again(world: World, session: StudySession) -> None:
    spectrum = scans.uploaded(world, session)
    spectrum.status = Spectrum.Status.REJECTED
    spectrum.save()
    spectrum.runs.update(state="failed")
    again = scans.uploaded(world, session)
    assert (again.pk, again.status, again.runs.count()) == (spectrum.pk, "received", 2)


def test_a_pair_is_one_spectrum_when_both_files_are_here(world: World, session: StudySession) -> None:
    spar = announced("a.SPAR", b"spar")
    arrival = announce(world, session, filename="a.SDAT", companions=[spar])
    main, companion = arrival.upload, arrival.upload.companions.get()
    uploads.append(upload=main, offset=0, content=b"abcdef", by=world.imaging_analyst)
    main.refresh_from_db()
    assert uploads.finish(upload=main, by=world.imaging_analyst).spectrum is None
    companion = uploads.append(upload=companion, offset=0, content=b"spar", by=world.imaging_analyst)
    spectrum = uploads.finish(upload=companion, by=world.imaging_analyst).spectrum
    assert (spectrum.upload, spectrum.original_sha256) == (main, hashlib.sha256(b"abcdef").hexdigest())


def test_a_whole_pair_arrives_by_the_same_way(world: World, session: StudySession) -> None:
    spectrum = uploads.store_upload(
        session=session, kind="water", filename="w.sdat", content=b"w", by=world.coordinator,
        companions=[("w.spar", b"text")],
    )  # fmt: skip
    assert [one.suffix for one in spectrum.upload.companions.all()] == [".spar"]


@pytest.mark.parametrize(
    ("filename", "companions", "sentence"),
    [
        ("a.sdat", [], "Choose the .SPAR file together with the .SDAT"),
        ("a.spar", [], "only describes a spectrum"),
        ("a.nii", ["b.spar"], "one spectrum at a time"),
        ("a.exe", [], "not supported"),
        ("a.docx", [], "not supported"),
    ],
)
def test_wrong_kinds_and_halves_are_refused(
    world: World, session: StudySession, filename: str, companions: list[str], sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        announce(world, session, filename=filename, companions=[announced(one, b"x") for one in companions])
    assert Upload.objects.count() == 0


@pytest.mark.parametrize(
    ("size", "sha256", "sentence"),
    [
        (0, "0" * 64, "empty"),
        (settings.PORTAL_UPLOAD_LIMIT_BYTES + 1, "0" * 64, "larger than 2,048 MB"),
        (1, "Z" * 64, "not a SHA-256"),
    ],
)
def test_impossible_sizes_and_checksums_are_refused(
    world: World, session: StudySession, size: int, sha256: str, sentence: str
) -> None:
    file = Announced(filename="a.nii", size_bytes=size, sha256=sha256)
    with pytest.raises(InvalidInput, match=sentence):
        uploads.announce(session=session, kind="metabolite", file=file, by=world.imaging_analyst)
    assert Upload.objects.count() == 0


def test_kind_time_and_state_are_checked(world: World, session: StudySession) -> None:
    with pytest.raises(InvalidInput, match="its water reference"):
        announce(world, session, kind="other")
    with pytest.raises(InvalidInput, match="in the future"):
        announce(world, session, acquired_at=clock.now() + datetime.timedelta(hours=1))
    planned = session.participant.sessions.get(period__number=2)
    with pytest.raises(InvalidState, match="not held yet"):
        announce(world, planned)
    assert Upload.objects.count() == 0


@pytest.mark.parametrize("name", ["rater", "monitor", "statistician", "south_coordinator", "outsider"])
def test_only_uploaders_of_the_site_upload(world: World, session: StudySession, name: str) -> None:
    with pytest.raises(NotPermitted):
        announce(world, session, by=world.people[name])
    assert Upload.objects.count() == 0


def test_water_that_comes_later_is_used_in_a_new_run(world: World, session: StudySession) -> None:
    spectrum = scans.uploaded(world, session)
    water = scans.uploaded(world, session, b"water", "water")
    spectrum.refresh_from_db()
    assert spectrum.water_reference == water
    assert [run.settings["water"] for run in spectrum.runs.order_by("ordinal")] == ["", water.original_sha256]
    later = scans.uploaded(world, session, b"second")
    assert later.water_reference == water


def test_tidying_ends_stale_uploads_and_removes_raw_bytes_left_behind(world: World, session: StudySession) -> None:
    with clock.at(clock.now() - datetime.timedelta(hours=25)):
        stale = announce(world, session).upload
    uploads.append(upload=stale, offset=0, content=b"abc", by=world.imaging_analyst)
    fresh = announce(world, session, b"fresh").upload
    waiting = scans.uploaded(world, session, b"waiting")
    done = scans.uploaded(world, session, b"done")
    Spectrum.objects.filter(pk=done.pk).update(status="stored")
    originals.tidy()
    ended = {one.pk for one in Upload.objects.exclude(removed_at=None)}
    assert ended == {stale.pk, done.upload_id}
    assert b"".join(store.parts(waiting.upload_id)) == b"waiting"
    assert fresh.pk not in ended


def test_the_store_knows_when_bytes_are_missing_or_damaged(world: World) -> None:
    digest = store.put(b"precious")
    assert (store.get(digest), store.put(b"precious")) == (b"precious", digest)
    store._write(f"content/{digest[:2]}/{digest}", b"changed!")
    with pytest.raises(NotFound, match="no longer agrees"):
        store.get(digest)
    store._write(f"content/{digest[:2]}/{digest}", b"half")
    store.put(b"precious")
    assert store.get(digest) == b"precious"
    for missing in ("", "f" * 64):
        with pytest.raises(NotFound, match="not in the store"):
            store.get(missing)


def test_a_file_under_a_number_or_no_suffix_is_taken_for_dicom() -> None:
    for name in ("IM_0001", "1.2.840.113619.2", "noname"):
        assert suffix_of(announced(name, b"x")) == ".dcm"
