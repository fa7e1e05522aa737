"""The upload page: announced by its script and then sent with tus, or posted whole by the plain form."""

import json
import uuid
from functools import partial

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from sessions.models import StudySession
from sessions.services import uploads as service
from sessions.spectra import session_to_upload, unfinished_for, upload_for
from sessions.spectrum_forms import UploadForm
from sessions.tasks import enqueue
from sessions.views.announcements import announcement, by_script, problems
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import InvalidInput
from studyportal.forms import carried_out, form_page

DUPLICATE = "This file was here already; nothing was added."


@partial(problems, asked=by_script)
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
        context = {"session": session, "unfinished": unfinished_for(request.user, session)}
        return form_page(request, "sessions/upload.html", form, context)
    enqueue(run for arrival in arrivals for run in arrival.runs)
    last = arrivals[-1]
    assert last.spectrum is not None
    messages.success(request, DUPLICATE if last.is_duplicate else "Uploaded; the checksum agrees.")
    return redirect("spectrum", last.spectrum.pk)


@requires(Permission.SPECTRUM_UPLOAD)
@require_POST
def upload_stop(request: StudyRequest, upload_id: uuid.UUID) -> HttpResponse:
    """Forget an upload that stopped on the way."""
    found = upload_for(request.user, request.study, upload_id)
    service.stop(upload=found, by=request.user)
    messages.success(request, "The unfinished upload is removed.")
    return redirect("upload-create", found.session.participant.number, found.session.period.number)


def _announce(request: StudyRequest, session: StudySession) -> HttpResponse:
    try:
        said = json.loads(request.body)
        asked = announcement(said, session)
    except (ValueError, AttributeError):
        raise InvalidInput("The announcement needs filename, size and sha256.", code="bad_announcement") from None
    arrival = service.announce(**asked, by=request.user)
    if arrival.spectrum is not None:
        enqueue(arrival.runs)
        url = reverse("spectrum", args=[arrival.spectrum.pk])
        return JsonResponse({"spectrum_url": url, "duplicate": arrival.is_duplicate})
    family = [arrival.upload, *arrival.upload.companions.all()]
    places = [{"location": reverse("upload", args=[one.pk]), "offset": one.received_bytes} for one in family]
    return JsonResponse({**places[0], "companions": places[1:]}, status=201)
