"""Headers for every answer, and the one place where a refusal of the domain becomes a page."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from studyportal.errors import BlindingViolation, InvalidInput, InvalidState, NotFound, NotPermitted, StudyError

STATUS: tuple[tuple[type[StudyError], int], ...] = (
    (NotPermitted, 403),
    (NotFound, 404),
    (BlindingViolation, 404),
    (InvalidState, 409),
    (InvalidInput, 422),
)


def status_of(error: StudyError) -> int:
    """Return the HTTP status of a refusal."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 409)


class SecurityHeadersMiddleware:
    """Nothing is cached anywhere but static files; no browser feature is open."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, then add the headers."""
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), usb=()"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


class StudyErrorMiddleware:
    """Turns refusals into pages that say what to do."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass on; refusals arrive in `process_exception`."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a `StudyError` that no view caught."""
        if not isinstance(exception, StudyError):
            return None
        status = status_of(exception)
        return render(request, "refused.html", {"message": exception.message, "status": status}, status=status)
