"""What becomes of a spectrum, on the analyst's worklist and on the record."""

import datetime
from collections.abc import Iterator

import pytest

from participants.models import Participant
from ratings.models import Rating
from ratings.services import drafts
from sessions.models import AssessmentSchedule, QuantificationReview, QuantificationRun, Spectrum, StudySession, Upload
from studyportal import clock, navigation
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.reports.worklists import worklist_for
from tests.factories import journey
from tests.factories.world import World

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def session(world: World) -> StudySession:
    journey.activate_list(world)
    return journey.held(world, journey.randomized(world))


def stored(session: StudySession, by: User) -> Spectrum:
    upload = Upload.objects.create(
        session=session, suffix=".nii.gz", size_bytes=1, received_bytes=1, sha256="a" * 64, created_by=by
    )
    return Spectrum.objects.create(
        session=session, upload=upload, kind="metabolite", ordinal=1, original_sha256="a" * 64, uploaded_by=by
    )


def queued(spectrum: Spectrum, state: str, by: User, ordinal: int = 1) -> QuantificationRun:
    ended = NOW - HOUR if state in {"done", "failed", "cancelled"} else None
    return QuantificationRun.objects.create(
        spectrum=spectrum, ordinal=ordinal, settings_sha256=f"{ordinal:064d}", engine_version="1", state=state,
        queued_at=NOW - 2 * HOUR, finished_at=ended, requested_by=by,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "row", "words"),
    [
        ("queued", ("Waiting for others", "Worker: queued", "queued 2 hours ago", "Watch"), "Queued"),
        ("fitting", ("Waiting for others", "Worker: fitting", "queued 2 hours ago", "Watch"), "Fitting"),
        ("failed", ("Today", "Quantification failed", "finished 1 hour ago", "Open"), "Fit failed"),
        ("done", ("Today", "Fit waits for your review", "finished 1 hour ago", "Review"), "Fitted"),
        ("cancelled", None, "Fit cancelled"),
    ],
)
def test_the_analyst_sees_what_a_fit_waits_for(
    world: World, client_for, session: StudySession, state: str, row: tuple[str, ...] | None, words: str
) -> None:
    run = queued(stored(session, world.imaging_analyst), state, world.imaging_analyst)
    tasks = worklist_for(world.imaging_analyst, world.study).tasks
    assert [(t.group.value, t.what, t.when, t.action) for t in tasks] == ([row] if row else [])
    assert [t.url for t in tasks] == ([f"/quantifications/{run.pk}/"] if row else [])
    for other in (world.coordinator, world.monitor):
        assert not any(t.target[0] == "quantification" for t in worklist_for(other, world.study).tasks)
    shown = client_for(world.imaging_analyst).get("/participants/XO-001/").content.decode()
    assert words in shown


def test_a_reviewed_fit_waits_for_nobody_and_an_unqueued_spectrum_is_uploaded(
    world: World, client_for, session: StudySession
) -> None:
    spectrum = stored(session, world.imaging_analyst)
    assert "Uploaded" in client_for(world.monitor).get("/participants/XO-001/").content.decode()
    assert worklist_for(world.imaging_analyst, world.study).tasks == ()
    run = queued(spectrum, "done", world.imaging_analyst)
    QuantificationReview.objects.create(run=run, decision="accept", reviewed_by=world.imaging_analyst)
    assert worklist_for(world.imaging_analyst, world.study).tasks == ()


def test_ratings_that_are_started_or_assigned_say_so(world: World, client_for, session: StudySession) -> None:
    client = client_for(world.coordinator)
    rating = drafts.start(assignment=journey.assigned(world, session, "day_1"), source="during", by=world.rater)
    shown = client.get("/participants/XO-001/").content.decode()
    assert "Started" in shown
    Rating.objects.filter(pk=rating.pk).update(status="correcting")
    assert "Being signed again" in client.get("/participants/XO-001/").content.decode()
    AssessmentSchedule.objects.filter(timepoint="pre_dose").update(window_after_hours=80)
    journey.assigned(world, session)
    assert "Assigned" in client.get("/participants/XO-001/").content.decode()


def test_the_list_names_the_next_step_of_each_stage(world: World, client_for, session: StudySession) -> None:
    client = client_for(world.coordinator)
    participant = session.participant
    assert "Plan session 2" in client.get("/participants/").content.decode()
    second = participant.sessions.get(period__number=2)
    from sessions.services import conduct

    conduct.mark_missed(session=second, reason="Ill", by=world.coordinator)
    assert "A session was missed: record the withdrawal" in client.get("/participants/").content.decode()
    Participant.objects.update(status="completed")
    assert "A session was missed" not in client.get("/participants/").content.decode()


def test_a_name_that_a_door_does_not_have_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ghost = (
        ("Ghost", "no-such-page", Permission.REPORT_VIEW),
        ("Participants", "participants", Permission.REPORT_VIEW),
    )
    monkeypatch.setitem(navigation.MAPS, "web", ghost)
    assert [item.label for item in navigation.items("web", {Permission.REPORT_VIEW}, "/")] == ["Participants"]
