"""The bridge to the engine, run for real: the engine's own child process, as the worker's login."""

import datetime
import gzip
import json
import struct

import pytest

from sessions.fits import WATER_LEFT_OUT, is_water_left_out, stages
from sessions.models import MetaboliteEstimate, QuantificationResult, QuantificationRun, Spectrum, StudySession
from sessions.mrs import SYNTHETIC_BASIS, simulate_functional
from sessions.policies import infusion_start
from sessions.services import fitting, sandbox, store
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


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"not a spectrum at all", "file"), (b"\x1f\x8b\x08" + b"\x00" * 30, "file"), (b"\x00" * 4000, "file")],
)
def test_an_unusable_file_is_rejected_with_a_sentence(
    world: World, session: StudySession, content: bytes, code: str, django_capture_on_commit_callbacks
) -> None:
    spectrum = scans.uploaded(world, session, content)
    with django_capture_on_commit_callbacks(execute=True):
        run = worked(spectrum.runs.get())
    assert (run.state, run.failure_code.startswith(code), len(run.failure_message) > 20) == ("failed", True, True)
    spectrum = Spectrum.objects.select_related("upload").get(pk=spectrum.pk)
    assert (spectrum.status, spectrum.upload.removed_at is not None) == ("rejected", True)
    assert (QuantificationResult.objects.count(), list(store.parts(spectrum.upload_id))) == (0, [])
    assert [stage.status for stage in stages(run)] == ["done", "failed", "never", "never", "never"]


def test_water_is_stored_without_a_fit_and_an_unusable_one_is_left_out(
    world: World, session: StudySession, series: bytes
) -> None:
    world.study.basis_sets.update(simulation=SYNTHETIC_BASIS)
    water = scans.uploaded(world, session, b"no water", "water")
    run = worked(scans.uploaded(world, session, series).runs.get())
    assert (run.state, Spectrum.objects.get(pk=water.pk).status) == ("done", "rejected")
    good = scans.uploaded(world, session, simulate_functional([1.0], seed=5), "water")
    run = worked(good.runs.get())
    assert (run.state, Spectrum.objects.get(pk=good.pk).status) == ("done", "stored")
    assert not hasattr(run, "result")


def of_another_scan(series: bytes) -> bytes:
    """Return a series whose header tells half the spectral width."""
    raw = bytearray(gzip.decompress(series))
    place, kind = {348: (76 + 4 * 4, "<f"), 540: (104 + 4 * 8, "<d")}[struct.unpack_from("<i", raw)[0]]
    (dwell,) = struct.unpack_from(kind, raw, place)
    struct.pack_into(kind, raw, place, 2 * dwell)
    return gzip.compress(bytes(raw), mtime=0)


def test_the_water_of_another_scan_is_left_out_and_the_result_says_so(
    world: World, session: StudySession, series: bytes
) -> None:
    world.study.basis_sets.update(simulation=SYNTHETIC_BASIS)
    scans.uploaded(world, session, of_another_scan(simulate_functional([1.0], seed=5)), "water")
    run = worked(scans.uploaded(world, session, series).runs.get())
    assert (run.state, run.failure_code) == ("done", "")
    assert run.result.document["flags"][-1] == WATER_LEFT_OUT
    assert [stage.detail for stage in stages(run) if stage.name == "Preprocessed"] == ["Without water reference"]
    assert is_water_left_out(run)


def test_without_a_basis_for_the_field_the_run_says_so(world: World, session: StudySession, series: bytes) -> None:
    world.study.basis_sets.update(field_tesla=7.0)
    run = worked(scans.uploaded(world, session, series).runs.get())
    assert (run.state, run.failure_code) == ("failed", "no_matching_basis")
    assert "measured at 3.0 T" in run.failure_message
    assert [stage.status for stage in stages(run)] == ["done", "done", "never", "never", "never"]


def test_an_engine_without_an_answer_is_tried_again(world: World, session: StudySession, series: bytes) -> None:
    spectrum = scans.uploaded(world, session, series)
    store.drop_upload(spectrum.upload_id)
    run = worked(spectrum.runs.get())
    assert (run.state, run.attempts) == ("queued", 1)


def test_the_sandbox_stops_what_is_unwanted_too_slow_or_mute(tmp_path, settings, series: bytes) -> None:
    file = tmp_path / "a.nii.gz"
    file.write_bytes(series)
    arguments = ["quantify", file, "--basis", SYNTHETIC_BASIS, "--json", "--progress"]
    with pytest.raises(sandbox.Stopped):
        sandbox.engine(arguments, folder=tmp_path, tick=lambda stage, fraction: False)
    with pytest.raises(sandbox.Crashed):
        sandbox.engine(["--help"], folder=tmp_path, tick=lambda stage, fraction: True)
    file.write_bytes(
        simulate_functional([1.0] * 24, seed=1, transients_per_block=48)
    )  # far more than a second's work on any machine
    settings.PORTAL_FIT_CPU_SECONDS = 1
    with pytest.raises(sandbox.Refused) as refusal:
        sandbox.engine([*arguments, "--blocks", "24"], folder=tmp_path, tick=lambda stage, fraction: True)
    assert refusal.value.code == "too_slow"
    settings.PORTAL_FIT_CPU_SECONDS = 0
    with pytest.raises((sandbox.Refused, sandbox.Crashed)):
        sandbox.engine(arguments, folder=tmp_path, tick=lambda stage, fraction: True)


def test_answers_that_are_no_numbers_are_no_answers(tmp_path) -> None:
    answer = tmp_path / "answer.json"
    for text, code in (('{"a": NaN}', 0), ("", 0), ("[]", 0), ("{}", 1)):
        answer.write_text(text)
        with pytest.raises(sandbox.Crashed):
            sandbox._read(answer, code)
    answer.write_text('{"a": 1}')
    assert sandbox._read(answer, 0) == {"a": 1}
    assert sandbox._progress([b"noise", b'{"stage": "fitting", "fraction": 7}'], "checking", 0.0) == ("fitting", 1.0)
