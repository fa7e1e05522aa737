"""What Django itself refuses: pages for people, problem documents for programs."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views import defaults

from studyportal.accounts.access import public
from studyportal.problems import problem_page

API = "/api/v"


@public
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form is stale; the browser's back button brings back what was typed."""
    del reason
    message = "This form was open for too long. Go back, reload the page and send it again; nothing was changed."
    return render(request, "refused.html", {"message": message, "status": 403}, status=403)


@public
def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer an unknown address."""
    if request.path.startswith(API):
        return problem_page(request, code="not_found", detail="There is nothing at this address.", status=404)
    return defaults.page_not_found(request, exception)


@public
def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer a fault of ours; what happened is in the log, under the same trace id."""
    if request.path.startswith(API):
        detail = "The portal failed. Try again, and tell the trial office the trace id if it stays so."
        return problem_page(request, code="error", detail=detail, status=500)
    return defaults.server_error(request)
