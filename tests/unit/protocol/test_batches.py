"""Runs under a protocol, batches behind uploads, and what a batch changed."""

import dataclasses
import uuid

import pytest
from django.conf import settings
from django.db import connection

from sessions import comparisons
from sessions.analysis_protocols import named, standing_of
from sessions.models import (
    BasisSet,
    QuantificationResult,
    QuantificationRun,
    Requantification,
    Spectrum,
    StudySession,
)
from sessions.requantifications import batch_for, batches_of, failures_of, repeatable
from sessions.services import bases, fitting, jobs, quantification, requantification, store
from sessions.services.analysis_protocols import signed_of
from sessions.services.sandbox import Refused
from sessions.tasks import quantify
from studyportal.celery import app
from studyportal.errors import InvalidState, NotFound, NotPermitted
from studyportal.studies.models import Study
from tests.conftest import database_role
from tests.factories import journey, protocols, scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(world: World) -> StudySession:
    journey.activate_list(world)
    scans.make_basis(world)
    return scans.held_session(world)


def finished(world: World, session: StudySession, content: bytes = b"spectrum") -> QuantificationRun:
    return scans.finished(world, scans.uploaded(world, session, content), scans.document())


def done(world: World, run: QuantificationRun, value: float = 1.0, **document: float) -> QuantificationRun:
    """Let a worker finish a run with a primary ratio."""
    found = scans.document(**document)
    found["ratios"]["Glx/tNAA"] = {"value": value, "crlb_percent": 4.0}
    run.basis = world.study.basis_sets.first()
    run.save()
    lease = jobs.claim(run.pk)
    with database_role("portal_worker"):
        fitting._commit(lease, found, b"{}")
    run.refresh_from_db()
    return run


def test_an_upload_is_fitted_and_judged_by_the_protocol_in_use(world: World, session: StudySession) -> None:
    assert scans.uploaded(world, session, b"before any").runs.get().protocol is None
    protocol = protocols.signed(world, snr_min=50.0, blocks="4", baseline_ed_per_ppm=3.0, exclude=("Asc",))
    run = finished(world, session)
    assert (run.protocol, run.settings["protocol"], run.settings["blocks"]) == (protocol, str(protocol.pk), "4")
    assert (run.settings["engine"]["baseline_ed_per_ppm"], run.settings["engine"]["exclude"]) == (3.0, ["Asc"])
    assert run.settings["bases"] == [str(world.study.basis_sets.get().pk)]
    result = run.result
    assert (result.is_usable, result.verdict["sentence"]) == (False, "Repeat now: SNR 47, needs 50 or more.")
    assert fitting.verdict_of(run).advice[0].startswith("Check that the head coil")
    assert 0 <= result.seconds_to_verdict < 60
    assert standing_of(run, protocol).words == "Signed version 1"


def test_a_later_run_is_nobodys_waiting_and_another_basis_stands_outside(world: World, session: StudySession) -> None:
    protocol = protocols.signed(world)
    run = finished(world, session)
    other = scans.make_basis(world, tesla=3.1, is_default=False)
    again = quantification.retry(run=run, basis=other, by=world.imaging_analyst)
    assert (again.protocol, again.settings["basis"], "bases" in again.settings) == (None, str(other.pk), False)
    again = done(world, again)
    assert (again.result.seconds_to_verdict, standing_of(again, protocol).counts) == (None, False)
    assert standing_of(again, protocol).words == "Outside the analysis protocol"
    with pytest.raises(InvalidState, match="Run 1 used the same data and settings"):
        quantification.retry(run=again, by=world.imaging_analyst)


def test_a_result_of_an_earlier_portal_is_judged_when_it_is_read(world: World, session: StudySession) -> None:
    run = finished(world, session)
    QuantificationResult.objects.update(verdict={})
    run = QuantificationRun.objects.select_related("result").get(pk=run.pk)
    assert fitting.verdict_of(run).sentence == "Usable: every threshold is met."
    Study.objects.update(mrs_settings={"quality": {"snr_min": 60}, "ppm_low": 0.4})
    run = QuantificationRun.objects.get(pk=run.pk)
    assert fitting.verdict_of(run).sentence == "Repeat now: SNR 47, needs 60 or more."
    assert scans.uploaded(world, session, b"more").runs.get().settings["engine"] == {"ppm_low": 0.4}


def test_how_a_run_stands(world: World, session: StudySession) -> None:
    first = protocols.drafted(world)
    run = finished(world, session)
    assert (standing_of(run, None).words, standing_of(run, None).counts) == ("Version 1, not signed yet", False)
    signed = protocols.signed(world, snr_min=30.0)
    assert (standing_of(run, signed).words, run.protocol) == ("Another version: 1", first)
    own = finished(world, session, b"second")
    assert standing_of(own, signed).counts
    own.engine_version = "0.9"
    assert standing_of(own, signed).words == "Version 2, but engine 0.9"
    own.protocol = protocols.drafted(world, is_exploratory=True, snr_min=10.0)
    assert standing_of(own, signed).words == "Exploratory version 3"


def test_the_protocols_sets_are_chosen_from_whatever_the_default_is(world: World, session: StudySession) -> None:
    own = world.study.basis_sets.get()
    later = BasisSet.objects.create(
        study=world.study, name="Later", simulation="sim:press:11,24@3T", field_tesla=3.0, echo_time_ms=35.0,
        uploaded_by=world.imaging_analyst,
    )  # fmt: skip
    bases.make_default(basis=later, by=world.imaging_analyst)
    header = scans.HEADER
    assert bases.choose(study=world.study, header=header) == later
    assert bases.choose(study=world.study, header=header, among=[str(own.pk)]) == own
    with pytest.raises(Refused, match="the analysis protocol has no basis set for that field strength"):
        bases.choose(study=world.study, header=header | {"SpectrometerFrequency": [298.0]}, among=[str(own.pk)])


def test_measured_macromolecules_of_the_protocol_reach_the_engine(
    world: World, session: StudySession, tmp_path
) -> None:
    measured = BasisSet.objects.create(
        study=world.study, name="MM", kind="macromolecules", stored_sha256=store.put(b"MM"), suffix=".nii.gz",
        uploaded_by=world.imaging_analyst,
    )  # fmt: skip
    protocols.drafted(world, macromolecules="measured", measured=named(measured))
    run = scans.uploaded(world, session).runs.get()
    assert (run.settings["macromolecules"], run.settings["engine"]["default_macromolecules"]) == (
        str(measured.pk), False,
    )  # fmt: skip
    assert fitting._measured(run.settings["macromolecules"], tmp_path).read_bytes() == b"MM"


def test_a_batch_takes_every_stored_spectrum_once(world: World, session: StudySession) -> None:
    protocols.signed(world)
    first, second = finished(world, session), finished(world, session, b"second")
    waiting = scans.uploaded(world, session, b"not stored yet")
    other = protocols.drafted(world, is_exploratory=True, snr_min=10.0)
    assert repeatable(world.imaging_analyst, other) == 2
    with pytest.raises(NotPermitted):
        requantification.start(protocol=other, by=world.monitor)
    assert Requantification.objects.count() == 0
    batch = requantification.start(protocol=other, by=world.statistician)
    runs = list(batch.runs.order_by("spectrum"))
    assert sorted(run.spectrum_id for run in runs) == sorted([first.spectrum_id, second.spectrum_id])
    assert {(run.ordinal, run.priority, run.protocol_id, run.state) for run in runs} == {(2, 9, other.pk, "queued")}
    assert (waiting.runs.count(), repeatable(world.imaging_analyst, other)) == (1, 0)
    with pytest.raises(InvalidState, match="is running"):
        requantification.start(protocol=other, by=world.statistician)
    for run in runs:
        done(world, run)
    with pytest.raises(InvalidState, match="Every spectrum has a run under version 2 already"):
        requantification.start(protocol=other, by=world.statistician)
    assert Requantification.objects.count() == 1
    assert batch_for(world.monitor, world.study, batch.pk).words == "2 of 2 spectra are quantified."


def test_a_locked_study_or_one_without_spectra_is_not_quantified_again(world: World, session: StudySession) -> None:
    protocol = protocols.signed(world)
    with pytest.raises(InvalidState, match="no stored spectrum yet"):
        requantification.start(protocol=protocol, by=world.imaging_analyst)
    Study.objects.filter(pk=world.study.pk).update(status=Study.Status.LOCKED)
    with pytest.raises(InvalidState, match="locked") as refusal:
        requantification.start(protocol=protocol, by=world.imaging_analyst)
    assert refusal.value.reason_code == "database_locked"
    assert Requantification.objects.count() == 0


def started(world: World, session: StudySession, count: int = 3) -> Requantification:
    protocols.signed(world)
    for number in range(count):
        finished(world, session, f"spectrum {number}".encode())
    other = protocols.drafted(world, is_exploratory=True, snr_min=48.0)
    return requantification.start(protocol=other, by=world.imaging_analyst)


def test_a_batch_waits_behind_uploads_and_comes_a_few_at_a_time(
    world: World, session: StudySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST_OF_BATCHES_SENT", 2)
    batch = started(world, session)
    sent = jobs.feed()
    assert ([one.priority for one in sent], jobs.feed()) == ([9, 9], [])
    ids = {one.run_id for one in sent}
    assert ids < set(batch.runs.values_list("pk", flat=True))
    # The sweeper leaves waiting runs of a batch alone, and sends again what got lost on the way.
    assert jobs.sweep() == []
    lease = jobs.claim(sent[0].run_id)
    assert jobs.feed() == []
    done_run = QuantificationRun.objects.get(pk=sent[0].run_id)
    done_run.basis = world.study.basis_sets.get()
    done_run.save()
    fitting._commit(lease, scans.document(), b"{}")
    (third,) = jobs.feed()
    assert third.run_id not in ids
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs.quantification_run SET sent_at = sent_at - interval '1 hour' WHERE priority > 0")
    assert {one.run_id for one in jobs.sweep()} == {sent[1].run_id, third.run_id}


def test_a_task_that_ends_sends_the_next_of_a_batch(world: World, session: StudySession) -> None:
    batch = started(world, session)
    assert batch.runs.filter(sent_at=None).count() == 3
    with database_role("portal_worker"):
        quantify(str(uuid.uuid4()))
    assert batch.runs.filter(sent_at=None).count() == 0


def test_the_broker_hands_out_an_upload_before_a_batch() -> None:
    """The real broker, without a worker: sent later, taken first."""
    broker = settings.CELERY_BROKER_URL.replace("virtual_host=0", "virtual_host=7")
    with app.connection_for_write(broker) as link:
        channel = link.default_channel
        channel.client.flushdb()
        for number, priority in ((1, 9), (2, 9), (3, None)):
            quantify.apply_async((str(uuid.UUID(int=number)),), priority=priority, connection=link)
        taken = [channel.basic_get("quantification", no_ack=True).payload[0][0] for _ in range(3)]
        channel.client.flushdb()
    assert [uuid.UUID(one).int for one in taken] == [3, 1, 2]


def test_cancelling_a_batch_stops_what_has_not_ended(world: World, session: StudySession) -> None:
    batch = started(world, session)
    ended, running, waiting = batch.runs.order_by("pk")
    done(world, ended)
    lease = jobs.claim(running.pk)
    with pytest.raises(NotPermitted):
        requantification.cancel(batch=batch, by=world.coordinator)
    requantification.cancel(batch=batch, by=world.statistician)
    assert fitting._tick(lease, "fitting", "fitting", 0.5) is False
    progress = batch_for(world.imaging_analyst, world.study, batch.pk)
    assert (progress.words, progress.tone) == ("1 of 3 spectra are quantified, 2 were cancelled.", "orange")
    assert (progress.batch.cancelled_by, jobs.claim(waiting.pk)) == (world.statistician, None)
    with pytest.raises(InvalidState, match="has ended already"):
        requantification.cancel(batch=batch, by=world.statistician)


def test_progress_counts_and_names_what_failed(world: World, session: StudySession) -> None:
    batch = started(world, session)
    first, second, _ = batch.runs.order_by("pk")
    jobs.fail(jobs.claim(first.pk), "no_matching_basis", "No basis.")
    done(world, second)
    progress = batch_for(world.monitor, world.study, batch.pk)
    assert (progress.total, progress.queued, progress.running, progress.done, progress.failed) == (3, 1, 0, 1, 1)
    assert (progress.words, progress.tone, progress.has_ended) == ("2 of 3 spectra are done.", "", False)
    assert [run.pk for run in failures_of(world.monitor, world.study, batch)] == [first.pk]
    assert [one.total for one in batches_of(world.study)] == [3]
    with pytest.raises(NotFound):
        batch_for(world.monitor, world.study, uuid.uuid4())
    with pytest.raises(NotPermitted):
        batch_for(world.coordinator, world.study, batch.pk)
    jobs.fail(jobs.claim(batch.runs.get(state="queued").pk), "x", "x")
    assert batch_for(world.monitor, world.study, batch.pk).words == "1 of 3 spectra are quantified, 2 failed."


def test_old_and_new_are_compared_pair_by_pair(world: World, session: StudySession) -> None:
    batch = started(world, session, 4)
    for run, value, snr in zip(batch.runs.order_by("pk"), (1.059, 0.859, 0.969, 0.959), (47.0, 60.0, 47.0, 47.0),
                               strict=True):  # fmt: skip
        done(world, run, value, snr=snr)
    found = comparisons.agreement_for(world.imaging_analyst, world.study, batch)
    assert [round(pair.difference, 3) for pair in found.largest] in ([0.1, -0.1, 0.01, 0.0], [-0.1, 0.1, 0.01, 0.0])
    assert (round(found.bias, 4), round(found.high - found.bias, 4)) == (0.0025, 0.1603)
    assert found.finding == (
        "4 spectra: Glx/tNAA changes by +0.003 on average; 95 % of changes lie between −0.158 and +0.163."
    )
    assert (found.turned, found.unpaired) == (3, 0)
    assert {pair.verdict_words for pair in found.pairs} == {"From usable to repeat", "Still usable"}
    assert {(pair.old_version, pair.old) for pair in found.pairs} == {(1, 0.959)}
    figure = comparisons.figure(found)
    assert sorted(round(y, 3) for y in figure["data"][0]["y"]) == [-0.1, 0.0, 0.01, 0.1]
    assert [note["text"] for note in figure["layout"]["annotations"]] == [
        "mean: +0.003", "−1.96 SD: −0.158", "+1.96 SD: +0.163",
    ]  # fmt: skip
    lines = comparisons.table(found).splitlines()
    assert (len(lines), lines[0].split(",")[:4]) == (5, ["participant", "spectrum_id", "ratio", "old"])
    assert comparisons.agreement_for(world.monitor, world.study, batch).pairs == ()


def test_the_signed_result_is_what_later_versions_are_compared_with(world: World, session: StudySession) -> None:
    batch = started(world, session, 1)
    done(world, batch.runs.get(), 2.0)
    other = protocols.drafted(world, is_exploratory=True, snr_min=11.0)
    later = requantification.start(protocol=other, by=world.imaging_analyst)
    done(world, later.runs.get(), 3.0)
    found = comparisons.agreement_for(world.imaging_analyst, world.study, later)
    assert [(pair.old_version, pair.old, pair.new, round(pair.percent, 1)) for pair in found.pairs] == [
        (1, 0.959, 3.0, 212.8)
    ]
    assert [pair.percent_words for pair in found.pairs] == ["+212.8"]
    falls, same = (dataclasses.replace(found.pairs[0], new=new) for new in (0.5, 0.959))
    assert (falls.percent_words, same.percent_words) == ("−47.9", "0.0")
    assert (found.bias, found.finding) == (None, "1 spectrum: too few for limits of agreement.")
    assert comparisons.figure(found)["layout"]["shapes"] == []


def test_a_batch_without_earlier_results_has_nothing_to_compare(world: World, session: StudySession) -> None:
    protocol = protocols.drafted(world)
    spectrum = scans.stored(scans.uploaded(world, session))
    quantification.cancel(run=spectrum.runs.get(), by=world.imaging_analyst)
    batch = requantification.start(protocol=protocol, by=world.imaging_analyst)
    done(world, batch.runs.get())
    found = comparisons.agreement_for(world.imaging_analyst, world.study, batch)
    assert (found.pairs, found.unpaired) == ((), 1)
    assert found.finding == "No spectrum has a result both before and under this version yet."
    assert signed_of(world.study) is None
    assert Spectrum.objects.get().runs.count() == 2
