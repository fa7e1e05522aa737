"""Uploading through the browser's door: in pieces with checksums, or whole without a script."""

import hashlib
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from sessions.models import Spectrum, StudySession, Upload
from sessions.services.upload_rules import EMPTY, too_large
from tests.factories import journey, scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db

CONTENT = b"0123456789"
JSON = {"HTTP_ACCEPT": "application/json"}


@pytest.fixture
def session(world: World) -> StudySession:
    journey.activate_list(world)
    scans.make_basis(world)
    return scans.held_session(world)


@pytest.fixture
def url(session: StudySession) -> str:
    return reverse("upload-create", args=[session.participant.number, 1])


def said(content: bytes = CONTENT, **more) -> str:
    file = {"filename": "x.nii.gz", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return json.dumps({**file, "kind": "metabolite", "companions": [], **more})


def announce(client, url: str, **more):
    return client.post(url, said(**more), content_type="application/json", **JSON)


BINARY = "application/offset+octet-stream"
TUS = {"HTTP_TUS_RESUMABLE": "1.0.0", **JSON}


def patch(client, place: str, offset: object, content: bytes, **headers):
    return client.patch(
        place, content, content_type=BINARY, CONTENT_TYPE=BINARY, HTTP_UPLOAD_OFFSET=str(offset),
        **TUS, **headers,
    )  # fmt: skip


def test_pieces_resume_and_end_with_the_spectrum(
    world: World, session: StudySession, url: str, client_for, django_capture_on_commit_callbacks
) -> None:
    client = client_for(world.coordinator)
    answer = announce(client, url, scan_started=scans.started(session))
    place = answer.json()
    assert (answer.status_code, place["offset"], place["companions"]) == (201, 0, [])
    answer = patch(client, place["location"], 0, CONTENT[:4])
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "4")
    head = client.head(place["location"], **TUS)
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == ("4", "10")
    answer = patch(client, place["location"], 0, CONTENT[:4])
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "4")
    assert announce(client, url).json()["offset"] == 4
    with django_capture_on_commit_callbacks() as queued:
        answer = patch(client, place["location"], 4, CONTENT[4:])
    spectrum = Spectrum.objects.get()
    made = reverse("spectrum", args=[spectrum.pk])
    assert (answer.status_code, answer.headers["Portal-Spectrum"], answer.headers["Upload-Offset"]) == (204, made, "10")
    assert "Portal-Duplicate" not in answer.headers
    assert client.head(place["location"], **TUS).headers["Portal-Spectrum"] == made
    assert scans.sent(queued) == [str(spectrum.runs.get().pk)]
    assert spectrum.upload.acquired_at == session.started_at.replace(second=0, microsecond=0)
    assert announce(client, url).json() == {"spectrum_url": made, "duplicate": True}


def test_a_pair_in_pieces(world: World, url: str, client_for) -> None:
    client = client_for(world.imaging_analyst)
    spar = {"filename": "a.spar", "size": 4, "sha256": hashlib.sha256(b"spar").hexdigest()}
    place = announce(client, url, filename="a.sdat", companions=[spar]).json()
    answer = patch(client, place["companions"][0]["location"], 0, b"spar")
    assert (answer.status_code, "Portal-Spectrum" in answer.headers) == (204, False)
    assert patch(client, place["location"], 0, CONTENT).headers["Portal-Spectrum"].startswith("/spectra/")


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"filename": "a.exe"}, 422, "not supported"),
        ({"size": 0}, 422, EMPTY),
        ({"size": 3 * 1024**3}, 422, "larger than 2,048 MB"),
        ({"size": "many"}, 422, "needs filename, size and sha256"),
        ({"sha256": "abc"}, 422, "not a SHA-256"),
        ({"kind": "secret"}, 422, "water reference"),
        ({"scan_started": "25:99"}, 422, "as 14:05"),
        ({"filename": "a.sdat"}, 422, "Choose the .SPAR file"),
    ],
)
def test_a_wrong_announcement_is_refused_with_its_reason(
    world: World, url: str, client_for, change: dict, status: int, sentence: str
) -> None:
    answer = announce(client_for(world.imaging_analyst), url, **change)
    assert (answer.status_code, sentence in answer.json()["detail"]) == (status, True)
    assert Upload.objects.count() == 0


def test_the_form_tells_its_script_what_is_too_large(world: World, url: str, client_for) -> None:
    text = client_for(world.imaging_analyst).get(url).content.decode()
    assert text.count(f'data-limit-bytes="{2 * 1024**3}" data-too-large="{too_large()}" data-empty="{EMPTY}"') == 2


@pytest.mark.parametrize("body", ["[]", "{", '"x"', '{"companions": 3}'])
def test_a_broken_announcement_is_refused(world: World, url: str, client_for, body: str) -> None:
    answer = client_for(world.imaging_analyst).post(url, body, content_type="application/json", **JSON)
    assert (answer.status_code, answer.json()["type"]) == (422, "bad_announcement")


def test_broken_pieces_change_nothing(world: World, url: str, client_for) -> None:
    client = client_for(world.imaging_analyst)
    place = announce(client, url).json()["location"]
    for offset, content, sentence in (
        ("", CONTENT, "Upload-Offset"), (0, CONTENT + b"more", "longer than announced"),
        (0, b"x" * (8 * 1024**2 + 1), "longer than announced"),
    ):  # fmt: skip
        answer = patch(client, place, offset, content)
        assert (answer.status_code, sentence in answer.json()["detail"]) == (422, True)
    assert Upload.objects.get().received_bytes == 0
    answer = patch(client, place, 0, b"abcdefghij")
    assert (answer.status_code, answer.json()["type"]) == (422, "checksum_mismatch")
    assert (Spectrum.objects.count(), patch(client, place, 10, b"").status_code) == (0, 409)


def test_only_uploaders_of_the_site_come_in(world: World, url: str, client_for) -> None:
    for name, status in (("monitor", 403), ("rater", 404), ("south_coordinator", 404)):
        client = client_for(world.people[name])
        assert (client.get(url).status_code, announce(client, url).status_code) == (status, status)
    mine = announce(client_for(world.imaging_analyst), url).json()["location"]
    assert patch(client_for(world.coordinator), mine, 0, CONTENT).status_code == 404
    assert client_for(world.south_coordinator).head(mine, **TUS).status_code == 404
    assert Upload.objects.get().received_bytes == 0


def test_the_plain_form_takes_spectrum_and_water_at_once(world: World, url: str, client_for) -> None:
    client = client_for(world.imaging_analyst)
    assert client.get(url).status_code == 200
    files = {
        "file": [SimpleUploadedFile("b.spar", b"s"), SimpleUploadedFile("b # ü.SDAT", b"data")],
        "water": [SimpleUploadedFile("w.nii", b"water")],
    }
    page = client.post(url, files, follow=True)
    assert (page.status_code, "Uploaded; the checksum agrees." in page.content.decode()) == (200, True)
    spectrum = Spectrum.objects.get(kind="metabolite")
    assert (spectrum.water_reference.original_sha256, spectrum.upload.suffix) == (
        hashlib.sha256(b"water").hexdigest(), ".sdat",
    )  # fmt: skip
    files["file"] = [SimpleUploadedFile("b.spar", b"s"), SimpleUploadedFile("b.SDAT", b"data")]
    del files["water"]
    assert "was here already" in client.post(url, files, follow=True).content.decode()


def test_the_plain_form_says_what_is_wrong_and_keeps_nothing(world: World, url: str, client_for, settings) -> None:
    client = client_for(world.imaging_analyst)
    for data, sentence in (
        ({}, "Choose the spectrum&#x27;s file."),
        ({"file": SimpleUploadedFile("a.nii", b"")}, EMPTY),
        ({"file": SimpleUploadedFile("a.doc", b"x")}, "not supported"),
        ({"file": SimpleUploadedFile("a.nii", b"x"), "scan_started": "noon"}, "Enter the time as 14:05."),
        ({"file": SimpleUploadedFile("a.sdat", b"x"), "water": SimpleUploadedFile("w.nii", b"w")}, "Choose the .SPAR"),
    ):
        page = client.post(url, data)
        assert (page.status_code, sentence in page.content.decode()) == (422, True), sentence
    settings.PORTAL_UPLOAD_LIMIT_BYTES = 4
    page = client.post(url, {"file": SimpleUploadedFile("a.nii", b"12345")})
    assert (page.status_code, "largest that this form takes" in page.content.decode()) == (422, True)
    assert (Upload.objects.count(), Spectrum.objects.count()) == (0, 0)
