"""The protocol and the cancelling of a run, with the engine's own child process."""

import datetime
import os
import subprocess

import pytest

from sessions import functional_tables
from sessions.models import FunctionalResult, MetaboliteEstimate, QuantificationResult, QuantificationRun, StudySession
from sessions.mrs import SYNTHETIC_BASIS, simulate_functional
from sessions.mrs.io import nifti_mrs_bytes
from sessions.services import fitting, quantification, sandbox
from studyportal.errors import InvalidState
from tests.conftest import database_role
from tests.factories import journey, protocols, scans
from tests.factories.spectra import brain
from tests.factories.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(world: World) -> StudySession:
    journey.activate_list(world)
    scans.make_basis(world)
    world.study.basis_sets.update(simulation=SYNTHETIC_BASIS)
    return scans.held_session(world)


@pytest.fixture(scope="module")
def series() -> bytes:
    return simulate_functional((1.0, 1.2), seed=3)


def before_infusion(session: StudySession, minutes: float) -> datetime.datetime:
    return session.doses.get(planned__kind="infusion").started_at - datetime.timedelta(minutes=minutes)


def work(run: QuantificationRun) -> QuantificationRun:
    with database_role("portal_worker"):
        fitting.process(run_id=run.pk)
    return QuantificationRun.objects.select_related("protocol").get(pk=run.pk)


def test_the_worker_fits_as_the_protocol_says_and_judges_within_the_run(
    world: World, session: StudySession, series: bytes
) -> None:
    protocol = protocols.signed(world, blocks="4", exclude=("Asc",), snr_min=999.0)
    run = work(scans.uploaded(world, session, series).runs.get())
    assert (run.state, run.protocol, run.failure_message) == ("done", protocol, "")
    document = run.result.document
    assert (len(document["blocks"]), document["settings"]["exclude"], "Asc" in document["metabolites"]) == (
        4, ["Asc"], False,
    )  # fmt: skip
    assert MetaboliteEstimate.objects.filter(result=run.result, name="Glx/tNAA").count() == 5
    assert run.result.verdict["sentence"].endswith("needs 999 or more.")
    assert (run.result.is_usable, 0 < run.result.seconds_to_verdict < 120) == (False, True)


def test_what_a_file_cannot_give_is_left_out_and_said(world: World, session: StudySession) -> None:
    protocols.signed(world, blocks="8", window=4)
    averaged = nifti_mrs_bytes(brain())
    run = work(scans.uploaded(world, session, averaged, acquired_at=before_infusion(session, 8)).runs.get())
    assert run.settings["dose"] == [8.0, 48.0]  # of one average nobody expects a course: nothing is said of it
    assert (run.state, run.failure_message, hasattr(run.result, "functional")) == ("done", "", False)
    said = [flag for flag in run.result.document["flags"] if "analysis protocol's" in flag]
    assert sorted(said) == sorted(fitting.LEFT_OUT[code][0][1] for code in ("blocks-invalid", "series-invalid"))


def test_a_window_of_the_protocol_gives_a_series_and_the_infusion_its_change(
    world: World, session: StudySession, series: bytes
) -> None:
    protocols.signed(world, window=8)
    run = work(scans.uploaded(world, session, series, acquired_at=before_infusion(session, 8)).runs.get())
    assert (run.state, run.failure_message, len(run.result.document["blocks"])) == ("done", "", 2)
    assert {"series", "functional"}.isdisjoint(run.result.document)
    told = run.result.functional
    assert (len(told.series), told.rows) == (9, len(list(functional_tables.series_rows(told.series, None))))
    assert told.outcomes["clock"]["dose_minutes"] == [8.0, 48.0]
    change = next(row for row in functional_tables.change_rows(told.outcomes) if row["name"] == "Glx/tNAA")
    assert (change["predose_transients"], change["minutes_after_dose"]) == (8, 8.0)
    assert change["change_low"] < 20 < change["change_high"]  # the simulated truth


def test_an_infusion_without_time_before_it_is_left_out_and_said(
    world: World, session: StudySession, series: bytes
) -> None:
    run = work(scans.uploaded(world, session, series, acquired_at=before_infusion(session, 1)).runs.get())
    assert (run.state, fitting.DOSE_LEFT_OUT in run.result.document["flags"]) == ("done", True)
    assert not FunctionalResult.objects.exists()


def test_cancelling_a_running_run_ends_the_engines_process(
    world: World, session: StudySession, series: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = scans.uploaded(world, session, series).runs.get()
    started: list[int] = []
    real_popen, real_tick = subprocess.Popen, fitting._tick

    class Noted(real_popen):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)
            started.append(self.pid)

    def cancelled_meanwhile(lease: object, fallback: str, stage: str, fraction: float) -> bool:
        with database_role("portal_web"):
            quantification.cancel(run=run, by=world.coordinator)
        return real_tick(lease, fallback, stage, fraction)

    monkeypatch.setattr(sandbox.subprocess, "Popen", Noted)
    monkeypatch.setattr(fitting, "_tick", cancelled_meanwhile)
    run = work(run)
    assert (run.state, run.failure_code, QuantificationResult.objects.count()) == ("cancelled", "", 0)
    assert started
    for process in started:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    with pytest.raises(InvalidState, match="ended already: cancelled"):
        quantification.cancel(run=run, by=world.coordinator)
    monkeypatch.undo()
    again = work(quantification.retry(run=run, by=world.coordinator))
    assert (again.ordinal, again.state) == (2, "done")
