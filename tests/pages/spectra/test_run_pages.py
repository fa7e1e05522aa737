"""Pages beside a fit: transients, reporting table, basis sets, stored files, downloads; each role as far as it goes."""

import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from sessions.models import BasisSet, FileAlert, QuantificationRun, Spectrum, StudySession
from sessions.mrs import simulate_functional
from sessions.services import basis_library, store
from studyportal.studies.models import Study
from tests.factories import journey, scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db

PICTURE = {
    "ppm": [4.0, 3.0, 2.0], "numbers": [1, 2], "is_kept": [True, False], "before": [[0.1, 0.2, 1.0], [0.1, 1.0, 0.2]],
    "after": [[0.1, 0.2, 1.0], [0.1, 0.2, 1.0]],
}  # fmt: skip
TRANSIENTS = {
    "count": 3, "shift_hz": [-1.0, 0.5, 0.5], "phase_deg": [3.0, -1.0, -2.0], "width_change_hz": [0.0, 0.1, 4.0],
    "rejected": [2], "reasons": {"2": "broad lines"},
}  # fmt: skip


@pytest.fixture
def session(world: World) -> StudySession:
    journey.activate_list(world)
    scans.make_basis(world)
    return scans.held_session(world)


def finished(world: World, session: StudySession, monkeypatch=None, content: bytes = b"1", **more) -> QuantificationRun:
    found = scans.document(blocks=2) | {
        "transients": TRANSIENTS,
        "preprocessing": [{"step": "averaging", "by": "scanner"}],
    }
    if monkeypatch is not None:
        monkeypatch.setattr(scans, "CURVES", scans.CURVES | {"transients": PICTURE})
    return scans.finished(world, scans.uploaded(world, session, content, **more), found)


def test_transients_are_drawn_with_their_drift(world: World, session: StudySession, client_for, monkeypatch) -> None:
    run = finished(world, session, monkeypatch)
    other = finished(world, session, monkeypatch, b"2")
    client = client_for(world.imaging_analyst)
    text = client.get(reverse("quantification-transients", args=[run.pk])).content.decode()
    assert "1 of 3 transients were left out; the frequency moved over 1.5 Hz before alignment." in text
    assert "<b>Left out</b>: broad lines" in text
    assert "Averaged by the scanner." in text
    assert reverse("quantification-transients", args=[other.pk]) in text
    drift = client.get(reverse("quantification-drift", args=[run.pk])).json()
    assert [(trace["yaxis"], trace["x"], trace["y"]) for trace in drift["data"]] == [
        ("y", [1, 2, 3], [-1.0, 0.5, 0.5]), ("y", [3], [0.5]), ("y2", [1, 2, 3], [3.0, -1.0, -2.0]),
        ("y2", [3], [-2.0]), ("y3", [1, 2, 3], [0.0, 0.1, 4.0]), ("y3", [3], [4.0]),
    ]  # fmt: skip
    stack = client.get(reverse("quantification-stack", args=[run.pk])).json()
    assert [(trace["xaxis"], trace["meta"]["role"], trace["name"]) for trace in stack["data"]] == [
        ("x", "a", "1"), ("x", "danger", "2, left out"), ("x2", "a", "1"), ("x2", "danger", "2, left out"),
    ]  # fmt: skip
    second = stack["data"][1]
    assert (second["x0"], second["dx"], second["y"]) == (4.0, -1.0, [-0.25, 0.65, -0.15])
    curves = client.get(reverse("quantification-fit", args=[run.pk])).json()
    assert ("transients" in curves, len(curves["data"])) == (False, 73)
    assert (curves["components"]["NAA"][0], curves["component_unit"]) == (1000, 0.0001)


def test_a_single_average_has_no_transients_to_draw(world: World, session: StudySession, client_for) -> None:
    run = scans.finished(world, scans.uploaded(world, session), scans.document())
    client = client_for(world.imaging_analyst)
    text = client.get(reverse("quantification-transients", args=[run.pk])).content.decode()
    assert ("their drift is not on record" in text, "plotly" in text) == (True, False)
    assert client.get(reverse("quantification-stack", args=[run.pk])).status_code == 404


def test_quality_viewers_see_drift_and_no_spectrum(
    world: World, session: StudySession, client_for, monkeypatch
) -> None:
    run = finished(world, session, monkeypatch)
    client = client_for(world.monitor)
    text = client.get(reverse("quantification-transients", args=[run.pk])).content.decode()
    assert (reverse("quantification-drift", args=[run.pk]) in text, "stack.json" in text) == (True, False)
    assert client.get(reverse("quantification-stack", args=[run.pk])).status_code == 403


def test_the_course_has_a_quality_strip(world: World, session: StudySession, client_for) -> None:
    document = scans.document(blocks=2)
    for part in document["blocks"]:
        part["quality"] = {"snr": 40.0 + part["block"], "fwhm_hz": 5.0}
    began = session.doses.get(planned__kind="infusion").started_at
    run = scans.finished(world, scans.uploaded(world, session, acquired_at=began), document)
    figure = client_for(world.imaging_analyst).get(reverse("quantification-course", args=[run.pk])).json()
    assert [(one.get("yaxis", "y"), one["y"]) for one in figure["data"][1:]] == [
        ("y2", [40.0, 41.0]),
        ("y3", [5.0, 5.0]),
    ]
    assert figure["layout"]["xaxis"]["anchor"] == "y3"


def test_the_reporting_table_marks_its_gaps(world: World, session: StudySession, client_for) -> None:
    run = finished(world, session)
    Spectrum.objects.filter(pk=run.spectrum_id).update(stored_sha256=store.put(simulate_functional([1.0], seed=1)))
    client = client_for(world.statistician)
    text = client.get(reverse("quantification-reporting", args=[run.pk])).content.decode()
    assert ("Not on record" in text, "2000 Hz, 1024 points" in text) == (True, True)
    lines = client.get(reverse("quantification-reporting-csv", args=[run.pk])).content.decode().splitlines()
    assert (lines[0], lines[1]) == ("section,number,item,value", "Hardware,1a,Field strength,2.9 T (123.20 MHz)")


def test_downloads_carry_codes_only(world: World, session: StudySession, client_for) -> None:
    run = finished(world, session)
    content = simulate_functional([1.0], seed=1)
    Spectrum.objects.filter(pk=run.spectrum_id).update(stored_sha256=store.put(content))
    client = client_for(world.imaging_analyst)
    number, label = session.participant.number, session.pk.hex[:8]
    answer = client.get(reverse("spectrum-bids", args=[run.spectrum_id]))
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{number}_ses-{label}_bids.zip"'
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        names = archive.namelist()
        stored = archive.read(next(name for name in names if name.endswith("_svs.nii.gz")))
    assert stored == content
    assert not [name for name in names if "period" in name or str(session.started_at.year) in name]
    answer = client.get(reverse("quantification-nifti", args=[run.pk]))
    assert answer.headers["Content-Disposition"].endswith(f'{number}_{str(run.spectrum_id)[:8]}_run-1.nifti-mrs.zip"')
    for name in ("coordinator", "monitor"):
        stranger = client_for(world.people[name])
        for url in ("quantification-nifti", "quantification-reporting", "quantification-reporting-csv"):
            assert stranger.get(reverse(url, args=[run.pk])).status_code == 403
        assert stranger.get(reverse("spectrum-bids", args=[run.spectrum_id])).status_code == 403


def test_a_basis_set_shows_what_it_holds_and_what_it_suits(world: World, session: StudySession, client_for) -> None:
    run = finished(world, session)
    basis = BasisSet.objects.get()
    url = reverse("basis", args=[basis.pk])
    client = client_for(world.imaging_analyst)
    text = client.get(url).content.decode()
    assert ("Draw its spectra" in text, "Field strength and echo time agree." in text, "1 run" in text) == (True,) * 3
    assert client_for(world.statistician).post(reverse("basis-look", args=[basis.pk])).status_code == 403
    assert client.post(reverse("basis-look", args=[basis.pk])).headers["Location"] == url
    page = client.get(url)
    parts = BasisSet.objects.get().metabolites
    assert {"NAA", "Cr", "Glu"} <= set(parts)
    assert (page.content.decode().count("<polyline"), page.context["uses"].runs) == (len(parts), 1)
    Spectrum.objects.filter(pk=run.spectrum_id).update(header=scans.HEADER | {"EchoTime": 0.144})
    assert "is made for an echo time of 35 ms; the spectrum has 144 ms." in client.get(url).content.decode()
    seven = scans.make_basis(world, tesla=7, is_default=False)
    page = client.post(reverse("quantification-retry", args=[run.pk]), {"basis": str(seven.pk)}, follow=True)
    assert "Simulated 7 T is made for 7.0 T; the spectrum was measured at 2.9 T." in page.content.decode()
    assert run.spectrum.runs.count() == 1
    assert client_for(world.coordinator).get(url).status_code == 403


def test_an_uploaded_basis_opens_its_page(world: World, session: StudySession, client_for, monkeypatch) -> None:
    said = {"field_tesla": 3.0, "dwell_time_s": 5e-4, "points": 8, "metabolites": ["NAA"], "preview": {}}
    monkeypatch.setattr(basis_library.sandbox, "engine", lambda *_, **__: said)
    files = {"name": "Ours", "file": SimpleUploadedFile("a.basis", b"ECHOT = 30"), "kind": "metabolites"}
    page = client_for(world.imaging_analyst).post(reverse("bases"), files, follow=True)
    assert (page.status_code, "Ours is added." in page.content.decode()) == (200, True)
    assert BasisSet.objects.get(name="Ours").echo_time_ms == 30.0


def test_stored_files_are_watched_by_those_who_should(world: World, session: StudySession, client_for) -> None:
    url, decide = reverse("stored-files"), reverse("stored-files-originals")
    run = finished(world, session)
    for name, status in (("administrator", 200), ("imaging_analyst", 200), ("data_manager", 200), ("monitor", 403)):
        assert client_for(world.people[name]).get(url).status_code == status
    analyst = client_for(world.imaging_analyst)
    assert "No check has run yet." in analyst.get(url).content.decode()
    FileAlert.objects.create(study=world.study, sha256=run.spectrum.stored_sha256, holds="spectrum", problem="changed")
    text = client_for(world.administrator).get(url).content.decode()
    assert (run.spectrum.stored_sha256 in text, session.participant.number in text) == (True, False)
    assert "The stored file is damaged" in analyst.get(reverse("spectrum", args=[run.spectrum_id])).content.decode()
    assert "A stored file of this run" in analyst.get(reverse("quantification", args=[run.pk])).content.decode()
    assert "1 stored file needs a look" in analyst.get(reverse("spectra")).content.decode()
    assert analyst.post(decide, {"keeps": "yes"}).status_code == 403
    assert Study.objects.get(pk=world.study.pk).keeps_originals is False


def test_an_administrator_decides_about_originals(world: World, client_for, settings, tmp_path) -> None:
    client = client_for(world.administrator)
    settings.PORTAL_QUARANTINE_PUBLIC_KEY_FILE = tmp_path / "public"
    decide = reverse("stored-files-originals")
    assert client.post(decide, {"keeps": "yes"}).status_code == 409
    (tmp_path / "public").write_bytes(bytes(32))
    page = client.post(decide, {"keeps": "yes"}, follow=True)
    assert "Original files are kept sealed from now on." in page.content.decode()
    assert Study.objects.get(pk=world.study.pk).keeps_originals is True
    page = client.post(decide, {"keeps": "no"}, follow=True)
    assert "deleted once their spectrum is stored from now on" in page.content.decode()


def test_pictures_of_a_fit_are_json_that_anybody_reads(world: World, session: StudySession) -> None:
    run = finished(world, session)
    assert set(json.loads(store.get(run.result.curves_sha256))) == set(scans.CURVES)
