"""Pages for what Django itself refuses."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from studyportal.accounts.access import public


@public
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that the form is stale; the browser's back button brings back what was typed."""
    del reason
    message = "This form was open for too long. Go back, reload the page and send it again; nothing was changed."
    return render(request, "refused.html", {"message": message, "status": 403}, status=403)
