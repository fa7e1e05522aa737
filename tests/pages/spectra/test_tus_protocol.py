"""tus 1.0 as the specification says it: versions, creation, offsets, checksums, termination, and what may break."""

import base64
import hashlib

import pytest
from django.http import HttpRequest, UnreadablePostError
from django.urls import reverse

from sessions.models import Spectrum, StudySession, Upload
from sessions.services import store
from sessions.views import tus
from tests.factories import journey, scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db

CONTENT = b"0123456789"
TUS = {"HTTP_TUS_RESUMABLE": "1.0.0"}
BINARY = "application/offset+octet-stream"


@pytest.fixture
def session(world: World) -> StudySession:
    journey.activate_list(world)
    scans.make_basis(world)
    return scans.held_session(world)


def metadata(session: StudySession, **more: str) -> str:
    said = {
        "filename": "brain \u00fc #1.nii.gz", "sha256": hashlib.sha256(CONTENT).hexdigest(), "kind": "metabolite",
        "participant": session.participant.number, "period": "1",
    } | more  # fmt: skip
    return ", ".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items())


def create(client, session: StudySession, *, length: object = len(CONTENT), **more: str):
    return client.post(
        reverse("uploads"), HTTP_UPLOAD_LENGTH=str(length), HTTP_UPLOAD_METADATA=metadata(session, **more), **TUS
    )


def patch(client, place: str, offset: int, content: bytes, kind: str = BINARY, **headers: str):
    return client.patch(
        place, content, content_type=kind, CONTENT_TYPE=kind, HTTP_UPLOAD_OFFSET=str(offset), **TUS, **headers
    )


def checksum(content: bytes, algorithm: str = "sha256") -> dict[str, str]:
    digest = base64.b64encode(hashlib.new(algorithm, content).digest()).decode()
    return {"HTTP_UPLOAD_CHECKSUM": f"{algorithm} {digest}"}


def test_the_server_says_what_it_can(world: World, client_for) -> None:
    answer = client_for(world.coordinator).options(reverse("uploads"))
    assert answer.status_code == 204
    said = {name: answer.headers[name] for name in ("Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size")}
    assert said == {
        "Tus-Resumable": "1.0.0", "Tus-Version": "1.0.0", "Tus-Extension": "creation,termination,checksum",
        "Tus-Max-Size": str(2 * 1024**3),
    }  # fmt: skip
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha256,sha1"


def test_another_version_of_the_protocol_is_refused(world: World, session: StudySession, client_for) -> None:
    client = client_for(world.coordinator)
    for headers in ({}, {"HTTP_TUS_RESUMABLE": "0.2.2"}):
        answer = client.post(reverse("uploads"), HTTP_UPLOAD_LENGTH="10", **headers)
        assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")
    assert Upload.objects.count() == 0


def test_a_file_is_created_sent_in_checked_pieces_and_stored(world: World, session: StudySession, client_for) -> None:
    client = client_for(world.coordinator)
    answer = create(client, session, scan_started=scans.started(session))
    place = answer.headers["Location"]
    assert (answer.status_code, answer.headers["Tus-Resumable"]) == (201, "1.0.0")
    assert patch(client, place, 0, CONTENT[:4], **checksum(CONTENT[:4])).headers["Upload-Offset"] == "4"
    assert patch(client, place, 4, CONTENT[4:7], **checksum(CONTENT[4:7], "sha1")).headers["Upload-Offset"] == "7"
    answer = patch(client, place, 7, b"x89", **checksum(CONTENT[7:]))
    assert (answer.status_code, client.head(place, **TUS).headers["Upload-Offset"]) == (460, "7")
    assert patch(client, place, 7, b"789", HTTP_UPLOAD_CHECKSUM="md5 xx").status_code == 422
    assert patch(client, place, 7, b"789", "text/plain").status_code == 415
    answer = patch(client, place, 7, CONTENT[7:])
    spectrum = Spectrum.objects.select_related("upload").get()
    assert (answer.status_code, answer.headers["Portal-Spectrum"]) == (204, reverse("spectrum", args=[spectrum.pk]))
    assert (spectrum.upload.suffix, spectrum.upload.last_byte_at <= spectrum.upload.completed_at) == (".nii.gz", True)
    again = create(client, session)
    assert (again.status_code, again.headers["Portal-Duplicate"]) == (201, "1")
    assert client.delete(place, **TUS).status_code == 409
    assert Spectrum.objects.count() == 1


def test_what_arrived_before_a_connection_broke_is_kept(
    world: World, session: StudySession, client_for, monkeypatch
) -> None:
    client = client_for(world.coordinator)
    place = create(client, session).headers["Location"]
    monkeypatch.setattr(tus, "KEPT_EVERY_BYTES", 4)
    read, taken = HttpRequest.read, []

    def breaking(self: HttpRequest, *size: int) -> bytes:
        if len(taken) == 2:
            raise UnreadablePostError("the client went away")
        taken.append(1)
        return read(self, *size)

    with monkeypatch.context() as broken:
        broken.setattr(HttpRequest, "read", breaking)
        assert patch(client, place, 0, CONTENT).status_code == 400
    assert client.head(place, **TUS).headers["Upload-Offset"] == "8"
    # Another browser announces the same file and is sent to the same place.
    assert create(client, session).headers["Location"] == place
    assert patch(client, place, 8, CONTENT[8:]).status_code == 204
    assert Spectrum.objects.get().original_sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_a_server_that_died_after_the_last_byte_is_asked_once_more(
    world: World, session: StudySession, client_for, monkeypatch
) -> None:
    client = client_for(world.coordinator)
    place = create(client, session).headers["Location"]
    with monkeypatch.context() as dying:
        dying.setattr(tus.service, "finish", lambda **_: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            patch(client, place, 0, CONTENT)
    head = client.head(place, **TUS)
    assert (head.headers["Upload-Offset"], "Portal-Spectrum" in head.headers) == ("10", False)
    assert "Portal-Spectrum" in patch(client, place, 10, b"").headers
    assert Spectrum.objects.count() == 1


def test_an_unfinished_upload_is_forgotten_when_asked(world: World, session: StudySession, client_for) -> None:
    client = client_for(world.coordinator)
    place = create(client, session).headers["Location"]
    patch(client, place, 0, CONTENT[:4])
    upload = Upload.objects.get()
    page = reverse("upload-create", args=[session.participant.number, 1])
    assert "Stopped on the way" in client.get(page).content.decode()
    other = client_for(world.imaging_analyst)
    for answer in (other.delete(place, **TUS), other.post(reverse("upload-stop", args=[upload.pk]))):
        assert answer.status_code == 404
    assert sum(map(len, store.parts(upload.pk))) == 4
    assert client.delete(place, **TUS).status_code == 204
    assert (client.head(place, **TUS).status_code, list(store.parts(upload.pk))) == (410, [])
    assert patch(client, place, 4, CONTENT[4:]).json()["type"] == "upload_ended"
    assert create(client, session).headers["Location"] != place
    upload = Upload.objects.get(removed_at=None)
    assert client.post(reverse("upload-stop", args=[upload.pk])).headers["Location"] == page
    assert "Stopped on the way" not in client.get(page).content.decode()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"length": "many"}, "needs filename, size and sha256"),
        ({"length": 3 * 1024**3}, "larger than 2,048 MB"),
        ({"period": "first"}, "participant and period"),
        ({"filename": "a.exe"}, "not supported"),
        ({"kind": "secret"}, "water reference"),
        ({"sha256": "abc"}, "not a SHA-256"),
        ({"companions": "[{]"}, "needs filename, size and sha256"),
        ({"scan_started": "25:99"}, "as 14:05"),
    ],
)
def test_a_wrong_creation_is_refused_with_its_reason(
    world: World, session: StudySession, client_for, change: dict, sentence: str
) -> None:
    answer = create(client_for(world.imaging_analyst), session, **change)
    assert (answer.status_code, sentence in answer.json()["detail"]) == (422, True)
    unreadable = client_for(world.imaging_analyst).post(
        reverse("uploads"), HTTP_UPLOAD_LENGTH="1", HTTP_UPLOAD_METADATA="filename =no=base64", **TUS
    )
    assert unreadable.json()["detail"] == "The metadata cannot be read."
    assert Upload.objects.count() == 0


def test_a_piece_with_a_checksum_is_short(world: World, session: StudySession, client_for, monkeypatch) -> None:
    monkeypatch.setattr(tus, "CHECKED_BYTES", 4)
    client = client_for(world.coordinator)
    place = create(client, session).headers["Location"]
    assert patch(client, place, 0, CONTENT, **checksum(CONTENT)).json()["type"] == "too_long"
    assert Upload.objects.get().received_bytes == 0


def test_only_uploaders_of_the_site_create_and_a_stranger_is_told_to_sign_in(
    world: World, session: StudySession, client_for
) -> None:
    for name, status in (("monitor", 403), ("rater", 404), ("south_coordinator", 404)):
        answer = create(client_for(world.people[name]), session)
        assert answer.status_code == status
        assert answer.headers["Content-Type"].startswith("text/html" if name == "rater" else "application/problem+json")
    answer = create(client_for(), session)
    assert (answer.status_code, answer.json()["type"]) == (401, "session_ended")
    assert Upload.objects.count() == 0
