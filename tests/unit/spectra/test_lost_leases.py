"""A worker that lost its lease changes nothing any more, whatever it was about to say of the run."""

import pytest
from django.core.files.storage import storages

from sessions.models import FunctionalResult, QuantificationResult, QuantificationRun
from sessions.services import fitting, jobs, quantification, sandbox, store
from tests.conftest import database_role
from tests.factories import functional, journey, scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def taken(world: World) -> tuple[QuantificationRun, jobs.Lease]:
    """Return a run in a worker's hands that somebody cancelled meanwhile."""
    journey.activate_list(world)
    scans.make_basis(world)
    run = scans.uploaded(world, scans.held_session(world)).runs.get()
    with database_role("portal_worker"):
        lease = jobs.claim(run.pk)
    assert lease is not None
    quantification.cancel(run=run, by=world.imaging_analyst)
    return run, lease


def state_of(run: QuantificationRun) -> tuple[object, ...]:
    return QuantificationRun.objects.values_list("state", "failure_code", "attempts", "fencing_token").get(pk=run.pk)


def test_a_refusal_or_a_crash_that_comes_too_late_is_forgotten(taken: tuple[QuantificationRun, jobs.Lease]) -> None:
    run, lease = taken
    before = state_of(run)
    with database_role("portal_worker"):
        fitting._end(lease, sandbox.Refused("nan", "The file holds numbers that are none."))
        fitting._put_back(lease)
        assert fitting._tick(lease, "fitting", "fitting", 0.5) is False
    assert before[0] == "cancelled"
    assert state_of(run) == before


def test_a_result_that_comes_too_late_is_not_written(taken: tuple[QuantificationRun, jobs.Lease]) -> None:
    run, lease = taken
    before = state_of(run)
    document = scans.document() | {"series": functional.SERIES, "functional": functional.OUTCOMES}
    with database_role("portal_worker"), pytest.raises(jobs.LeaseLost):
        fitting._commit(lease, document, b"{}")
    assert (QuantificationResult.objects.count(), FunctionalResult.objects.count()) == (0, 0)
    assert state_of(run) == before


def test_a_stored_file_that_is_missing_fails_the_run_with_its_code(world: World) -> None:
    journey.activate_list(world)
    scans.make_basis(world)
    spectrum = scans.stored(scans.uploaded(world, scans.held_session(world)))
    storages["study_files"].delete(store.content_name(spectrum.stored_sha256))
    run = spectrum.runs.get()
    with database_role("portal_worker"):
        fitting.process(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.failure_code) == ("failed", "file_missing")
