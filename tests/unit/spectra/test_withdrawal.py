"""A file in the wrong place: withdrawn it stays on record, counts for nothing, and may go where it belongs."""

import pytest

from sessions.models import QuantificationReview, QuantificationRun, Spectrum, StudySession
from sessions.services import jobs, originals, quantification
from sessions.services.withdrawal import withdraw
from sessions.spectra import Line, worklist
from studyportal.errors import InvalidInput, InvalidState, NotPermitted
from studyportal.reports import conduct_rows, datasets
from studyportal.reports.progress import progress_for
from tests.factories import journey, scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db
WHY = "Belongs to the other participant"


@pytest.fixture
def session(world: World) -> StudySession:
    journey.activate_list(world)
    scans.make_basis(world)
    return scans.held_session(world)


def states(spectrum: Spectrum) -> list[str]:
    return list(spectrum.runs.order_by("ordinal").values_list("state", flat=True))


@pytest.mark.parametrize("name", ["coordinator", "imaging_analyst"])
def test_who_uploads_withdraws_and_the_worker_loses_the_job(world: World, session: StudySession, name: str) -> None:
    spectrum = scans.uploaded(world, session)
    lease = jobs.claim(spectrum.runs.get().pk)
    assert lease is not None
    assert withdraw(spectrum=spectrum, reason=f" {WHY} ", by=world.people[name]) == []
    spectrum.refresh_from_db()
    assert (spectrum.status, spectrum.withdrawn_reason, spectrum.withdrawn_by) == ("withdrawn", WHY, world.people[name])
    assert states(spectrum) == ["cancelled"]
    with pytest.raises(jobs.LeaseLost):
        jobs.renew(lease, "fitting", 0.5)
    assert jobs.claim(spectrum.runs.get().pk) is None
    assert Line.of(spectrum).words == "Withdrawn"


@pytest.mark.parametrize("name", ["investigator", "monitor", "statistician", "rater", "south_coordinator", "outsider"])
def test_others_withdraw_nothing(world: World, session: StudySession, name: str) -> None:
    spectrum = scans.uploaded(world, session)
    with pytest.raises(NotPermitted):
        withdraw(spectrum=spectrum, reason=WHY, by=world.people[name])
    spectrum.refresh_from_db()
    assert (spectrum.status, spectrum.withdrawn_at, states(spectrum)) == ("received", None, ["queued"])


@pytest.mark.parametrize(
    ("reason", "words"), [("  ", "Say in a few words"), ("x" * 241, "Use 240 characters at most; these are 241.")]
)
def test_a_reason_is_needed(world: World, session: StudySession, reason: str, words: str) -> None:
    spectrum = scans.uploaded(world, session)
    with pytest.raises(InvalidInput) as refused:
        withdraw(spectrum=spectrum, reason=reason, by=world.coordinator)
    assert words in refused.value.fields["reason"]
    spectrum.refresh_from_db()
    assert (spectrum.status, states(spectrum)) == ("received", ["queued"])


def test_what_is_withdrawn_stays_so(world: World, session: StudySession) -> None:
    run = scans.finished(world, scans.uploaded(world, session))
    withdraw(spectrum=run.spectrum, reason=WHY, by=world.coordinator)
    with pytest.raises(InvalidState, match="withdrawn already"):
        withdraw(spectrum=run.spectrum, reason=WHY, by=world.coordinator)
    with pytest.raises(InvalidState, match="was withdrawn"):
        quantification.retry(run=run, by=world.coordinator)
    with pytest.raises(InvalidState, match="was withdrawn"):
        quantification.review(run=run, decision="accept", comment="", by=world.imaging_analyst)
    assert (states(run.spectrum), QuantificationReview.objects.count()) == (["done"], 0)


def test_no_table_figure_or_list_counts_it(world: World, session: StudySession) -> None:
    run = scans.finished(world, scans.uploaded(world, session), scans.document(blocks=2))
    kept = scans.finished(world, scans.uploaded(world, session, b"the right one"), scans.document(blocks=2))
    viewer = world.statistician
    assert len({row.spectrum_id for row in datasets.quantification_rows(viewer, world.study)}) == 2
    withdraw(spectrum=run.spectrum, reason=WHY, by=world.coordinator)
    for build in (datasets.quantification_rows, datasets.quality_rows, conduct_rows.run_rows):
        assert {row.spectrum_id for row in build(viewer, world.study)} == {kept.spectrum_id}, build
    flagged = {row.spectrum_id: row.status for row in datasets.spectrum_rows(viewer, world.study)}
    assert flagged == {run.spectrum_id: "withdrawn", kept.spectrum_id: "stored"}
    work = worklist(world.imaging_analyst, world.study)
    assert ([line.spectrum.pk for line in work.to_review], work.to_upload) == ([kept.spectrum_id], [])
    withdraw(spectrum=kept.spectrum, reason=WHY, by=world.coordinator)
    assert datasets.quantification_rows(viewer, world.study) == []
    assert worklist(world.imaging_analyst, world.study).to_upload == [session]
    fitted = dict(progress_for(viewer, world.study).completeness)["MRS during infusion"]
    assert [(cell.done, cell.of) for cell in fitted] == [(0, 1), (0, 0)]


def test_the_same_file_goes_where_it_belongs(world: World, session: StudySession) -> None:
    right = scans.held_session(world, sex="M")
    wrong = scans.uploaded(world, session)
    with pytest.raises(InvalidState, match="or withdraw it there first"):
        scans.uploaded(world, right)
    withdraw(spectrum=wrong, reason=WHY, by=world.coordinator)
    moved = scans.uploaded(world, right)
    again = scans.uploaded(world, session, b"another file")
    assert (moved.original_sha256, states(moved)) == (wrong.original_sha256, ["queued"])
    assert list(session.spectra.order_by("ordinal")) == [wrong, again]


def test_withdrawn_by_mistake_it_comes_in_anew(world: World, session: StudySession) -> None:
    first = scans.uploaded(world, session)
    withdraw(spectrum=first, reason=WHY, by=world.coordinator)
    second = scans.uploaded(world, session)
    assert (second.pk != first.pk, second.ordinal, states(second)) == (True, 2, ["queued"])


def test_fits_with_a_withdrawn_water_reference_are_made_anew(world: World, session: StudySession) -> None:
    older = scans.stored(scans.uploaded(world, session, b"older water", kind="water"))
    water = scans.stored(scans.uploaded(world, session, b"water", kind="water"))
    run = scans.finished(world, scans.uploaded(world, session))
    assert run.spectrum.water_reference == water
    (new,) = withdraw(spectrum=water, reason=WHY, by=world.coordinator)
    assert (new.spectrum, new.settings["water"]) == (run.spectrum, older.original_sha256)
    assert states(run.spectrum) == ["cancelled", "queued"]
    assert datasets.quantification_rows(world.statistician, world.study) == []
    (last,) = withdraw(spectrum=older, reason=WHY, by=world.coordinator)
    assert (last.settings["water"], states(run.spectrum)) == ("", ["cancelled", "cancelled", "queued"])
    assert QuantificationRun.objects.get(pk=run.pk).result.document == run.result.document


def test_the_raw_file_goes_too(world: World, session: StudySession, django_capture_on_commit_callbacks) -> None:
    spectrum = scans.uploaded(world, session)
    with django_capture_on_commit_callbacks(execute=True):
        withdraw(spectrum=spectrum, reason=WHY, by=world.coordinator)
    spectrum.upload.refresh_from_db()
    assert spectrum.upload.removed_at is not None
    originals.tidy()
