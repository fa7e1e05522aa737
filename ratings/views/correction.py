"""A signed score corrected, and the story of every value."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from ratings.forms import CorrectionForm
from ratings.selectors import answers_of, assignment_of, rating_of
from ratings.selectors_story import signatures_of, story_of
from ratings.selectors_worklist import open_sheet
from ratings.services import signing
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import InvalidInput


@requires(Permission.RATING_ENTER)
@require_http_methods(["GET", "POST"])
def correct(request: StudyRequest, code: str) -> HttpResponse:
    """Ask for item, new score, reason and signature; the old value stays in the story."""
    assignment = assignment_of(request.user, request.study, code)
    found = rating_of(assignment)
    signing.refuse_unsigned(found)
    open_sheet(request.user, assignment)
    form = CorrectionForm(request.POST if request.method == "POST" else None, answers=answers_of(found))
    if form.is_valid():
        try:
            done = signing.correct(rating=found, by=request.user, **form.cleaned_data)
        except InvalidInput as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"Item {done.item} corrected to {done.new_value} and signed again.")
            return redirect("rating", code=code)
    context = {"assignment": assignment, "rating": found, "form": form}
    return render(request, "ratings/correct.html", context, status=422 if form.errors else 200)


@requires(Permission.RATING_ENTER)
@require_GET
def history(request: StudyRequest, code: str) -> HttpResponse:
    """Show every change of every item with who, when and why, and every signature."""
    assignment = assignment_of(request.user, request.study, code)
    found = rating_of(assignment)
    open_sheet(request.user, assignment)
    context = {
        "assignment": assignment, "rating": found, "story": story_of(found), "signatures": signatures_of(found),
    }  # fmt: skip
    return render(request, "ratings/history.html", context)
