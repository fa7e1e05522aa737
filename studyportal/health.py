"""The health check of a process: it answers, and its database does."""

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse

from sessions.allocation.vault_worker import is_running
from studyportal.accounts.access import public


@public
def healthz(request: HttpRequest) -> JsonResponse:
    """Return `{"status": "ok"}` when the database answers; at the vault also whether its worker runs.

    The door answers without its worker, so its status stays 200: what does not run is said, for whoever watches.
    """
    del request
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    answer = {"status": "ok"}
    if settings.PORTAL_DOOR == "vault":
        answer["vault_worker"] = "running" if is_running() else "stopped"
    return JsonResponse(answer)
