"""The job row: one claim at a time, fenced writes, and an end for every run."""

import uuid

import pytest
from django.db import connection

from sessions.models import QuantificationResult, QuantificationRun, Spectrum, StudySession
from sessions.services import fitting, jobs, quantification, sandbox
from studyportal.errors import InvalidState, NotPermitted
from tests.conftest import database_role
from tests.factories import scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(world: World, session: StudySession) -> QuantificationRun:
    return scans.uploaded(world, session).runs.get()


def expire(run: QuantificationRun) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs.quantification_run SET lease_expires_at = clock_timestamp() - interval '1 s',"
            " sent_at = clock_timestamp() - interval '1 hour' WHERE id = %s",
            [run.pk],
        )


def age(run: QuantificationRun) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs.quantification_run SET queued_at = queued_at - interval '1 hour' WHERE id = %s", [run.pk]
        )


def test_a_run_is_claimed_once_until_its_lease_expires(run: QuantificationRun) -> None:
    first = jobs.claim(run.pk)
    assert (first.token, jobs.claim(run.pk)) == (1, None)
    expire(run)
    second = jobs.claim(run.pk)
    assert second.token == 2
    for stale in (
        lambda: jobs.renew(first, "fitting", 0.5),
        lambda: jobs.release(first),
        lambda: jobs.fail(first, "x", "x"),
        lambda: jobs.held(first),
    ):
        with pytest.raises(jobs.LeaseLost):
            stale()
    jobs.renew(second, "fitting", 0.5)
    run.refresh_from_db()
    assert (run.state, run.progress, run.attempts, run.fencing_token) == ("fitting", 0.5, 2, 2)


def test_a_worker_that_lost_its_lease_writes_no_result(world: World, run: QuantificationRun) -> None:
    first = jobs.claim(run.pk)
    expire(run)
    second = jobs.claim(run.pk)
    scans.stored(run.spectrum)
    with pytest.raises(jobs.LeaseLost):
        fitting._commit(first, scans.document(), b"{}")
    assert QuantificationResult.objects.count() == 0
    fitting._commit(second, scans.document(), b"{}")
    with pytest.raises(jobs.LeaseLost):
        fitting._commit(second, scans.document(), b"{}")
    assert QuantificationResult.objects.count() == 1


def test_the_sweeper_sends_what_waited_and_gives_up_after_five(run: QuantificationRun) -> None:
    assert jobs.sweep() == []
    age(run)
    assert jobs.sweep() == [jobs.Due(run.pk, 0)]
    assert jobs.sweep() == []
    for token in range(1, 6):
        assert jobs.claim(run.pk).token == token
        expire(run)
        if token < 5:
            assert jobs.sweep() == [jobs.Due(run.pk, 0)]
    assert jobs.claim(run.pk) is None
    assert jobs.sweep() == []
    run.refresh_from_db()
    assert (run.state, run.failure_code, run.failure_message) == ("failed", "gave_up", jobs.GAVE_UP)


def test_an_unknown_run_is_nothing_to_do() -> None:
    fitting.process(run_id=uuid.uuid4())


def test_cancelling_takes_the_lease_away(world: World, run: QuantificationRun) -> None:
    lease = jobs.claim(run.pk)
    with pytest.raises(NotPermitted):
        quantification.cancel(run=run, by=world.monitor)
    jobs.renew(lease, "fitting", 0.1)
    quantification.cancel(run=run, by=world.coordinator)
    assert fitting._tick(lease, "fitting", "fitting", 0.2) is False
    fitting._end(lease, sandbox.Refused("x", "x"))
    fitting._put_back(lease)
    run.refresh_from_db()
    assert (run.state, run.failure_code) == ("cancelled", "")
    with pytest.raises(InvalidState, match="ended already: cancelled"):
        quantification.cancel(run=run, by=world.coordinator)


def test_running_again_adds_a_run_where_it_makes_sense(world: World, run: QuantificationRun) -> None:
    with pytest.raises(InvalidState, match="has not ended"):
        quantification.retry(run=run, by=world.imaging_analyst)
    run = scans.finished(world, run.spectrum)
    with pytest.raises(InvalidState, match="Run 1 used the same data and settings: done"):
        quantification.retry(run=run, by=world.imaging_analyst)
    other = scans.make_basis(world, tesla=7, is_default=False)
    with pytest.raises(NotPermitted):
        quantification.retry(run=run, basis=other, by=world.statistician)
    again = quantification.retry(run=run, basis=other, by=world.coordinator)
    assert (again.ordinal, again.basis, again.state) == (2, other, "queued")
    quantification.cancel(run=again, by=world.coordinator)
    assert quantification.retry(run=again, basis=other, by=world.coordinator).ordinal == 3
    Spectrum.objects.update(status="rejected")
    with pytest.raises(InvalidState, match="could not be used"):
        quantification.retry(run=again, by=world.coordinator)


def test_the_worker_login_may_do_its_work_and_no_more(world: World, run: QuantificationRun) -> None:
    with database_role("portal_worker"):
        lease = jobs.claim(run.pk)
        assert fitting._tick(lease, "checking", "preprocessing", 0.25) is True
        jobs.release(lease)
    run.refresh_from_db()
    assert (run.state, run.attempts) == ("queued", 1)
