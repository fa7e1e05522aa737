"""What a script says of a file before it sends it, and how it is answered when something is refused."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import resolve_url

from sessions.models import StudySession
from sessions.services.upload_rules import Announced
from sessions.spectrum_forms import AnnouncedTimeForm, on_day_of
from studyportal.errors import InvalidInput, StudyError
from studyportal.middleware import status_of

View = Callable[..., HttpResponseBase]
SESSION_ENDED = "Your session ended. Sign in again: what has arrived is kept, and the upload goes on where it stopped."


def by_script(request: HttpRequest) -> bool:
    """Whether a script asks, which no page would help."""
    return "application/json" in {request.content_type, request.headers.get("Accept")}


def problems(view: View, *, asked: Callable[[HttpRequest], bool] = lambda _: True) -> View:
    """Answer a script with problem documents, 401 where a session ended; whoever else asks gets pages."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # Any: whatever the route gives
        if not request.user.is_authenticated:
            if not asked(request):
                return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))
            return JsonResponse({"type": "session_ended", "detail": SESSION_ENDED, "status": 401}, status=401)
        try:
            return view(request, *args, **kwargs)
        except StudyError as refusal:
            if not asked(request):
                raise
            return problem_answer(refusal)

    return login_not_required(answered)


def problem_answer(
    refusal: StudyError, headers: Mapping[str, str] | None = None, status: int | None = None
) -> JsonResponse:
    """Return a refusal as a problem document."""
    body = {"type": refusal.reason_code, "detail": refusal.message, "status": status or status_of(refusal)}
    return JsonResponse(body, status=body["status"], headers=headers, content_type="application/problem+json")


def announcement(said: Mapping[str, Any], session: StudySession) -> dict[str, Any]:
    """Return what `uploads.announce` takes, from a script's JSON or a tus client's metadata.

    Raises:
        InvalidInput: something is missing or unreadable.
    """
    try:
        beside = said.get("companions") or []
        companions = [_described(one) for one in (json.loads(beside) if isinstance(beside, str) else beside)]
        file = _described(said)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInput("The announcement needs filename, size and sha256.", code="bad_announcement") from None
    time = AnnouncedTimeForm({"scan_started": str(said.get("scan_started") or "")})
    if not time.is_valid():
        raise InvalidInput("Enter the scan's start as 14:05.", fields={"scan_started": "Enter the time as 14:05."})
    started = time.cleaned_data["scan_started"]
    return {
        "session": session, "kind": str(said.get("kind", "")), "file": file, "companions": companions,
        "acquired_at": on_day_of(session, started) if started else None,
    }  # fmt: skip


def _described(said: Mapping[str, Any]) -> Announced:
    return Announced(filename=str(said["filename"]), size_bytes=int(said["size"]), sha256=str(said["sha256"]))
