"""The published commitment at the blinded door: page, sheet to print, and the bundle once the study is revealed."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sessions.allocation.publication import published_for, revealed_document
from sessions.allocation.sheets import commitment_sheet, printed_by
from sessions.views.downloads import attachment
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission


@require_GET
@requires(Permission.COMMITMENT_VIEW)
def commitment(request: StudyRequest) -> HttpResponse:
    """Show the roots of the study's lists, and what follows after the lock."""
    context = {"published": published_for(request.user, request.study)}
    return render(request, "sessions/commitment.html", context)


@require_GET
@requires(Permission.COMMITMENT_VIEW)
def sheet(request: StudyRequest) -> HttpResponse:
    """Return the roots as a PDF."""
    made = commitment_sheet(
        request.study, published_for(request.user, request.study), door="Treatment hidden",
        printed=printed_by(request.user.full_name),
    )  # fmt: skip
    return attachment(made, f"{request.study.code}-commitment.pdf", "application/pdf")


@require_GET
@requires(Permission.COMMITMENT_VIEW)
def study_bundle(request: StudyRequest) -> HttpResponse:
    """Return the bundle that was published with the reveal."""
    document = revealed_document(request.user, request.study)
    return attachment(document, f"{request.study.code}-study-bundle.json", "application/json")
