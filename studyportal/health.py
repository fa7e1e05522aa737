"""The health check of a process: it answers, and its database does."""

from django.db import connection
from django.http import HttpRequest, JsonResponse

from studyportal.accounts.access import public


@public
def healthz(request: HttpRequest) -> JsonResponse:
    """Return `{"status": "ok"}` when the database answers."""
    del request
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})
