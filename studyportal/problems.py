"""RFC 9457 problem+json for every error of the API."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.exceptions import NotFound as ApiNotFound
from rest_framework.exceptions import PermissionDenied as Denied
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback

from studyportal.errors import InvalidInput, StudyError
from studyportal.middleware import status_of

PROBLEM_JSON = "application/problem+json"


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the problem document of an error, or None for a fault of ours (which becomes a 500)."""
    known = {Http404: ApiNotFound, PermissionDenied: Denied}.get(type(error))
    if isinstance(error, StudyError):
        body, headers = _refusal(error), {}
    elif isinstance(api := known() if known else error, APIException):
        body, headers = _api_error(api), _headers(api)
    else:
        return None
    set_rollback()
    request = context.get("request")
    if request is not None:
        # Whatever format was asked for, an error is a problem document.
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), PROBLEM_JSON
    trace = getattr(getattr(request, "_request", request), "request_id", "")
    return Response(_document(body, trace), status=body["status"], headers=headers, content_type=PROBLEM_JSON)


def problem_page(request: HttpRequest, *, code: str, detail: str, status: int) -> JsonResponse:
    """Return a problem document where no API view was reached: an unknown address, a fault of ours."""
    body = {"type": code, "detail": detail, "status": status}
    return JsonResponse(
        _document(body, getattr(request, "request_id", "")), status=status, content_type=PROBLEM_JSON
    )  # fmt: skip


def _document(body: dict[str, Any], trace: str) -> dict[str, Any]:
    return {**body, "title": body["type"].replace("_", " ").capitalize(), "trace_id": trace}


def _refusal(error: StudyError) -> dict[str, Any]:
    body: dict[str, Any] = {"type": error.reason_code, "detail": error.message, "status": status_of(error)}
    if isinstance(error, InvalidInput):
        body["errors"] = [{"pointer": f"/{name}", "detail": text} for name, text in error.fields.items()]
    return body


def _api_error(api: APIException) -> dict[str, Any]:
    body: dict[str, Any] = {"type": api.default_code, "detail": str(api.detail), "status": api.status_code}
    if isinstance(api, ValidationError) and isinstance(api.detail, dict):
        body["detail"] = "Some values break a rule."
        body["errors"] = [{"pointer": f"/{key}", "detail": str(next(iter(said)))} for key, said in api.detail.items()]
    return body


def _headers(api: APIException) -> dict[str, str]:
    headers = {}
    if asked := getattr(api, "auth_header", None):
        headers["WWW-Authenticate"] = asked
    if wait := getattr(api, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    return headers
