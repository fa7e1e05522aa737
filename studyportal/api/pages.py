"""The API's description: the document for programs, the Swagger page for people."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from studyportal.accounts.access import members_only
from studyportal.api.schema import document
from studyportal.csp import swagger_page


@members_only
@require_GET
def schema(request: HttpRequest) -> JsonResponse:
    """Return this door's OpenAPI document."""
    del request
    return JsonResponse(document(settings.PORTAL_DOOR))


@members_only
@require_GET
@swagger_page
def docs(request: HttpRequest) -> HttpResponse:
    """Show this door's API with Swagger UI, from our own files."""
    return render(request, "api/docs.html")
