"""The bridge to the engine, run for real: the engine's own child process, as the worker's login."""

import datetime
import json

import pytest

from sessions.models import MetaboliteEstimate, QuantificationResult, QuantificationRun, Spectrum, StudySession
from sessions.mrs import SYNTHETIC_BASIS, simulate_functional
from sessions.policies import infusion_start
from sessions.services import fitting, store
from tests.conftest import database_role
from tests.factories import scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db

TRUTH = (0.9, 1.2)


@pytest.fixture(scope="module")
def series() -> bytes:
    """Return a SYNTHETIC functional series of two blocks."""
    return simulate_functional(TRUTH, seed=11)


def worked(run: QuantificationRun) -> QuantificationRun:
    """Let the worker do a run."""
    with database_role("portal_worker"):
        fitting.process(run_id=run.pk)
    return QuantificationRun.objects.select_related("spectrum__upload", "basis").get(pk=run.pk)


def test_a_functional_series_comes_back_block_by_block(
    world: World, session: StudySession, series: bytes, django_capture_on_commit_callbacks
) -> None:
    world.study.basis_sets.update(simulation=SYNTHETIC_BASIS)
    began = infusion_start(session) - datetime.timedelta(minutes=8)
    spectrum = scans.uploaded(world, session, series, acquired_at=began)
    with django_capture_on_commit_callbacks(execute=True):
        run = worked(spectrum.runs.get())
    assert (run.state, run.progress, run.failure_message) == ("done", 1.0, "")
    assert run.basis == world.study.basis_sets.get()
    spectrum = Spectrum.objects.select_related("upload").get(pk=spectrum.pk)
    assert (spectrum.status, spectrum.header["SpectrometerFrequency"]) == ("stored", [127.74])
    assert store.get(spectrum.stored_sha256)[:2] == b"\x1f\x8b"
    assert (spectrum.upload.removed_at is not None, list(store.parts(spectrum.upload_id))) == (True, [])
    document = run.result.document
    blocks = list(
        MetaboliteEstimate.objects.filter(result=run.result, name="Glx/tNAA", block__isnull=False).order_by("block")
    )
    assert [one.minutes_from_infusion for one in blocks] == [-8.0, 0.0]
    assert [one.value for one in blocks] == pytest.approx(TRUTH, rel=0.15)
    whole = MetaboliteEstimate.objects.get(result=run.result, name="Glx/tNAA", block=None)
    assert whole.value == document["ratios"]["Glx/tNAA"]["value"]
    curves = json.loads(store.get(run.result.curves_sha256))
    assert len(curves["ppm"]) == len(curves["fit"]) <= 700
    fitting.process(run_id=run.pk)
    assert QuantificationResult.objects.count() == 1
