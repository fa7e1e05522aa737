"""Uploads: announced and sent in pieces by the page's script, or posted whole by the plain form."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from sessions.models import StudySession
from sessions.services import uploads as service
from sessions.services.upload_rules import Announced
from sessions.spectra import session_to_upload, upload_for
from sessions.spectrum_forms import AnnouncedTimeForm, UploadForm, on_day_of
from sessions.tasks import enqueue
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import InvalidInput, StudyError
from studyportal.forms import carried_out, form_page
from studyportal.middleware import status_of


def problems(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer the script's requests with a problem document where a page would be no use to it."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # Any: whatever the route gives
        try:
            return view(request, *args, **kwargs)
        except StudyError as refusal:
            if "text/html" in request.headers.get("Accept", "*/*"):
                raise
            body = {"type": refusal.reason_code, "detail": refusal.message, "status": status_of(refusal)}
            return JsonResponse(body, status=body["status"], content_type="application/problem+json")

    return answered


@problems
@requires(Permission.SPECTRUM_UPLOAD)
@require_http_methods(["GET", "HEAD", "POST"])
def upload_create(request: StudyRequest, number: str, period: int) -> HttpResponse:
    """Announce an upload (JSON), or take whole files in (the form without script)."""
    session = session_to_upload(request.user, request.study, number, period)
    if request.content_type == "application/json":
        return _announce(request, session)
    given = (request.POST, request.FILES) if request.method == "POST" else ()
    form = UploadForm(*given, session=session)
    arrivals = carried_out(
        form,
        lambda: service.receive(
            session=session, files=form.whole_files(), acquired_at=form.acquired_at(), by=request.user
        ),
    )
    if not arrivals:
        return form_page(request, "sessions/upload.html", form, {"session": session})
    enqueue(run for arrival in arrivals for run in arrival.runs)
    last = arrivals[-1]
    assert last.spectrum is not None
    messages.success(request, DUPLICATE if last.is_duplicate else "Uploaded; the checksum agrees.")
    return redirect("spectrum", last.spectrum.pk)


DUPLICATE = "This file was here already; nothing was added."


@problems
@requires(Permission.SPECTRUM_UPLOAD)
@require_http_methods(["HEAD", "PATCH"])
def upload(request: StudyRequest, upload_id: Any) -> HttpResponse:
    """Say where an upload stands (HEAD), or take its next piece (PATCH); the last piece answers with the spectrum."""
    found = upload_for(request.user, request.study, upload_id)
    if request.method == "HEAD":
        return HttpResponse(headers=_standing(found.received_bytes, found.size_bytes))
    try:
        offset = int(request.headers.get("Upload-Offset", ""))
    except ValueError:
        raise InvalidInput("The request does not say where its piece begins (Upload-Offset).") from None
    if int(request.headers.get("Content-Length") or 0) > service.PIECE_LIMIT_BYTES:
        raise InvalidInput("The piece is too large; send 8 MB at most.", code="too_long")
    try:
        found = service.append(upload=found, offset=offset, content=request.body, by=request.user)
    except StudyError as refusal:
        return _refused_piece(refusal, found.received_bytes, found.size_bytes)
    if found.received_bytes < found.size_bytes:
        return HttpResponse(status=204, headers=_standing(found.received_bytes, found.size_bytes))
    return _answer(service.finish(upload=found, by=request.user))


def _announce(request: StudyRequest, session: StudySession) -> HttpResponse:
    try:
        said = json.loads(request.body)
        file, companions = _described(said), [_described(one) for one in said.get("companions", [])]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInput("The announcement needs filename, size and sha256.", code="bad_announcement") from None
    time = AnnouncedTimeForm({"scan_started": str(said.get("scan_started") or "")})
    if not time.is_valid():
        raise InvalidInput("Enter the scan's start as 14:05.", fields={"scan_started": "Enter the time as 14:05."})
    started = time.cleaned_data["scan_started"]
    arrival = service.announce(
        session=session, kind=str(said.get("kind", "")), file=file, companions=companions, by=request.user,
        acquired_at=on_day_of(session, started) if started else None,
    )  # fmt: skip
    if arrival.spectrum is not None:
        return _answer(arrival)
    family = [arrival.upload, *arrival.upload.companions.all()]
    places = [{"location": reverse("upload", args=[one.pk]), "offset": one.received_bytes} for one in family]
    return JsonResponse({**places[0], "companions": places[1:]}, status=201)


def _described(said: dict[str, Any]) -> Announced:
    return Announced(filename=str(said["filename"]), size_bytes=int(said["size"]), sha256=str(said["sha256"]))


def _answer(arrival: service.Arrival) -> JsonResponse:
    """Send the new runs on their way; tell the script where the spectrum's page is, once there is a spectrum."""
    enqueue(arrival.runs)
    if arrival.spectrum is None:
        return JsonResponse({"spectrum_url": "", "duplicate": False})
    url = reverse("spectrum", args=[arrival.spectrum.pk])
    return JsonResponse({"spectrum_url": url, "duplicate": arrival.is_duplicate})


def _refused_piece(refusal: StudyError, received: int, size: int) -> JsonResponse:
    body = {"type": refusal.reason_code, "detail": refusal.message, "status": status_of(refusal)}
    headers = _standing(received, size) if refusal.reason_code == "offset_conflict" else {}
    return JsonResponse(body, status=body["status"], headers=headers, content_type="application/problem+json")


def _standing(received: int, size: int) -> dict[str, str]:
    return {"Upload-Offset": str(received), "Upload-Length": str(size)}
