"""RFC 9457 problem+json for every error of the API."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework.exceptions import (
    APIException,
    NotAuthenticated,
    ValidationError,
)
from rest_framework.exceptions import (
    NotFound as ApiNotFound,
)
from rest_framework.exceptions import (
    PermissionDenied as Denied,
)
from rest_framework.response import Response

from studyportal.errors import InvalidInput, StudyError
from studyportal.middleware import status_of


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the problem document of an error, or None for a fault of ours (which becomes a 500)."""
    request = context.get("request")
    if isinstance(error, StudyError):
        body: dict[str, Any] = {"type": error.reason_code, "detail": error.message, "status": status_of(error)}
        if isinstance(error, InvalidInput):
            body["errors"] = [{"pointer": f"/{name}", "detail": text} for name, text in error.fields.items()]
    else:
        known = {Http404: ApiNotFound, PermissionDenied: Denied}.get(type(error))
        api = known() if known else error
        if not isinstance(api, APIException):
            return None
        body = {"type": api.default_code, "detail": str(api.detail), "status": api.status_code}
        if isinstance(api, ValidationError) and isinstance(api.detail, dict):
            body["detail"] = "Some values break a rule."
            body["errors"] = [
                {"pointer": f"/{key}", "detail": str(next(iter(said)))} for key, said in api.detail.items()
            ]
        if isinstance(api, NotAuthenticated):
            body["status"] = 401
    body["title"] = body["type"].replace("_", " ").capitalize()
    body["trace_id"] = getattr(getattr(request, "_request", request), "request_id", "")
    return Response(body, status=body["status"], content_type="application/problem+json")
