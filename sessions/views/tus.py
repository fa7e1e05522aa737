"""The tus 1.0 protocol: creation, pieces, standing, termination and checksums, for our page and any other client.

A piece is kept every 4 MB while it streams in, so that a connection that breaks costs at most as much. The file's own
SHA-256 is announced beforehand and compared when the last byte is here; only then is anything said to be stored.
"""

import base64
import binascii
import hashlib
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from sessions.models import Upload
from sessions.services import uploads as service
from sessions.spectra import session_to_upload, upload_for
from sessions.tasks import enqueue
from sessions.views.announcements import announcement, problem_answer, problems
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import InvalidInput, InvalidState, StudyError

VERSION = "1.0.0"
KEPT_EVERY_BYTES = 4 * 1024 * 1024
CHECKED_BYTES = 64 * 1024 * 1024
ALGORITHMS = ("sha256", "sha1")
CHECKSUM_MISMATCH, GONE, UNSUPPORTED = 460, 410, 412
CAPABILITIES = {
    "Tus-Version": VERSION,
    "Tus-Extension": "creation,termination,checksum",
    "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
}


def names_version(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Name our version of the protocol in every answer, refusals too."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # Any: whatever the route gives
        answer = view(request, *args, **kwargs)
        answer.headers["Tus-Resumable"] = VERSION
        return answer

    return answered


def speaks_tus(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Refuse clients of another protocol version, once it is known that they may ask at all."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # Any: whatever the route gives
        if request.method not in {"OPTIONS", "GET"} and request.headers.get("Tus-Resumable") != VERSION:
            return HttpResponse(status=UNSUPPORTED, headers={"Tus-Version": VERSION})
        return view(request, *args, **kwargs)

    return answered


@names_version
@problems
@requires(Permission.SPECTRUM_UPLOAD)
@speaks_tus
@require_http_methods(["OPTIONS", "POST"])
def uploads(request: StudyRequest) -> HttpResponse:
    """Say what this server can (OPTIONS), or announce a file by its metadata and return where to send it (POST)."""
    if request.method == "OPTIONS":
        limit = {"Tus-Max-Size": str(settings.PORTAL_UPLOAD_LIMIT_BYTES)}
        return HttpResponse(status=204, headers=CAPABILITIES | limit)
    said: dict[str, Any] = dict(_metadata(request.headers.get("Upload-Metadata", "")))
    said["size"] = request.headers.get("Upload-Length", "")
    period = str(said.get("period", ""))
    if not period.isascii() or not period.isdigit():
        raise InvalidInput("The metadata need participant and period.", code="bad_announcement")
    session = session_to_upload(request.user, request.study, str(said.get("participant", "")), int(period))
    arrival = service.announce(**announcement(said, session), by=request.user)
    location = {"Location": reverse("upload", args=[arrival.upload.pk])}
    return HttpResponse(status=201, headers=location | _arrived(arrival))


@transaction.non_atomic_requests
@names_version
@problems
@requires(Permission.SPECTRUM_UPLOAD)
@speaks_tus
@require_http_methods(["HEAD", "PATCH", "DELETE"])
def upload(request: StudyRequest, upload_id: uuid.UUID) -> HttpResponse:
    """Say where an upload stands (HEAD), take its next bytes (PATCH), or forget it (DELETE)."""
    found = upload_for(request.user, request.study, upload_id)
    if request.method == "DELETE":
        service.stop(upload=found, by=request.user)
        return HttpResponse(status=204)
    if request.method == "HEAD":
        if found.removed_at is not None and found.completed_at is None:
            return HttpResponse(status=GONE)
        return HttpResponse(headers=_standing(found) | _made_of(found))
    return _take(request, found)


def _take(request: StudyRequest, found: Upload) -> HttpResponse:
    """Keep what the request brings; with the last byte comes the spectrum."""
    if request.content_type != "application/offset+octet-stream":
        return HttpResponse(status=415)
    offset = request.headers.get("Upload-Offset", "")
    if not offset.isascii() or not offset.isdigit():
        raise InvalidInput("The request does not say where its piece begins (Upload-Offset).")
    try:
        found = _kept(request, found, int(offset))
    except UnreadablePostError:
        return HttpResponse(status=400)  # the connection broke: what came before is kept, and nobody reads this
    except StudyError as refusal:
        is_elsewhere = refusal.reason_code == "offset_conflict"
        status = CHECKSUM_MISMATCH if refusal.reason_code == "piece_checksum" else None
        return problem_answer(refusal, _standing(found) if is_elsewhere else {}, status)
    if found.received_bytes < found.size_bytes:
        return HttpResponse(status=204, headers=_standing(found))
    arrival = service.finish(upload=found, by=request.user)
    enqueue(arrival.runs)
    return HttpResponse(status=204, headers=_standing(found) | _arrived(arrival))


def _kept(request: StudyRequest, found: Upload, offset: int) -> Upload:
    """Keep the body from `offset` on, a part at a time; a body with a checksum is compared before any of it is kept."""
    read = request.read
    if (promised := request.headers.get("Upload-Checksum")) is not None:
        whole = _checked(request, promised)
        parts = iter([whole[at : at + KEPT_EVERY_BYTES] for at in range(0, len(whole), KEPT_EVERY_BYTES)])
    else:
        parts = iter(lambda: read(KEPT_EVERY_BYTES), b"")
    first = next(parts, b"")
    found = service.append(upload=found, offset=offset, content=first, by=request.user)
    for part in parts:
        found = service.append(upload=found, offset=found.received_bytes, content=part, by=request.user)
    return found


def _checked(request: StudyRequest, promised: str) -> bytes:
    algorithm, _, encoded = promised.partition(" ")
    if algorithm not in ALGORITHMS:
        msg = f"Checksums are taken as {' or '.join(ALGORITHMS)}."
        raise InvalidInput(msg, code="checksum_algorithm")
    whole = request.read(CHECKED_BYTES + 1)
    if len(whole) > CHECKED_BYTES:
        raise InvalidInput("A piece with a checksum may have 64 MB at most.", code="too_long")
    digest = hashlib.new(algorithm, whole, usedforsecurity=False).digest()
    if base64.b64encode(digest).decode() != encoded.strip():
        raise InvalidState("The piece changed on its way; send it again.", code="piece_checksum")
    return whole


def _metadata(header: str) -> list[tuple[str, str]]:
    """Return the pairs of an Upload-Metadata header.

    Raises:
        InvalidInput: a value is not base64 of UTF-8 text.
    """
    pairs = []
    for part in filter(None, map(str.strip, header.split(","))):
        key, _, value = part.partition(" ")
        try:
            pairs.append((key, base64.b64decode(value, validate=True).decode()))
        except (binascii.Error, UnicodeDecodeError):
            raise InvalidInput("The metadata cannot be read.", code="bad_announcement") from None
    return pairs


def _standing(found: Upload) -> dict[str, str]:
    return {"Upload-Offset": str(found.received_bytes), "Upload-Length": str(found.size_bytes)}


def _made_of(found: Upload) -> dict[str, str]:
    """Return the address of the spectrum that was made of an upload, for a client that missed the last answer."""
    spectrum = getattr(found, "spectrum", None)
    return {"Portal-Spectrum": reverse("spectrum", args=[spectrum.pk])} if spectrum is not None else {}


def _arrived(arrival: service.Arrival) -> dict[str, str]:
    if arrival.spectrum is None:
        return {}
    told = {"Portal-Spectrum": reverse("spectrum", args=[arrival.spectrum.pk])}
    return told | ({"Portal-Duplicate": "1"} if arrival.is_duplicate else {})
