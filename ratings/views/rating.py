"""One rating: started, filled in, saved and signed; read-only once it is signed."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ratings.forms import SignForm, StartForm
from ratings.models import Rating, RatingAssignment
from ratings.policies import due_window, firewall_reason
from ratings.selectors import assignment_of, possible_raters, rating_of
from ratings.selectors_story import corrections_of, lines_of, signatures_of
from ratings.selectors_worklist import hidden_by
from ratings.services import drafts, signing
from ratings.views.sheet import faults_of_others, faults_of_signing, save_posted, show_sheet
from studyportal import clock
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import InvalidInput, InvalidState
from studyportal.middleware import status_of


@requires(Permission.RATING_ENTER)
@require_GET
def rating(request: StudyRequest, code: str) -> HttpResponse:
    """Show the form of a draft, or the signed rating; before the start, ask how the scores come."""
    assignment = assignment_of(request.user, request.study, code)
    if assignment.status == RatingAssignment.Status.ASSIGNED:
        return redirect("rating-start", code=code)
    found = rating_of(assignment)
    if found.status == Rating.Status.DRAFT:
        return show_sheet(request, assignment, found)
    context = {
        "assignment": assignment, "rating": found, "lines": lines_of(found), "signatures": signatures_of(found),
        "corrections": corrections_of(found), "hidden_by": hidden_by(request.user, assignment),
    }  # fmt: skip
    return render(request, "ratings/signed.html", context)


@requires(Permission.RATING_ENTER)
@require_http_methods(["GET", "POST"])
def start(request: StudyRequest, code: str) -> HttpResponse:
    """Ask once how the scores reach the form, then begin at the server's time; refuse the firewalled."""
    assignment = assignment_of(request.user, request.study, code)
    if assignment.status != RatingAssignment.Status.ASSIGNED:
        return redirect("rating", code=code)
    zone = assignment.session.participant.site.time_zone
    form = StartForm(request.POST if request.method == "POST" else None, zone=zone)
    if form.is_valid():
        said = form.cleaned_data
        try:
            drafts.start(assignment=assignment, source=said["source"], started_at=said["started_at"], by=request.user)
        except InvalidInput as refusal:
            form.refuse(refusal)
        else:
            return redirect("rating", code=code)
    return _start_page(request, assignment, form)


def _start_page(request: StudyRequest, assignment: RatingAssignment, form: StartForm) -> HttpResponse:
    window = due_window(assignment.session, assignment.assessment)
    refusal = firewall_reason(request.user, assignment.session)
    context = {
        "assignment": assignment, "form": form, "firewall": refusal,
        "others": possible_raters(assignment.session) if refusal else [],
        "window": window.words(clock.now(), form.zone) if window else "",
        "is_outside": window is not None and not window.holds(clock.now()),
    }  # fmt: skip
    return render(request, "ratings/start.html", context, status=422 if form.errors else 200)


@requires(Permission.RATING_ENTER)
@require_POST
def save(request: StudyRequest, code: str) -> HttpResponse:
    """Save the plain form and leave; what cannot be saved stays on the page."""
    assignment = assignment_of(request.user, request.study, code)
    saved = save_posted(request, assignment, rating_of(assignment))
    if isinstance(saved, HttpResponse):
        return saved
    messages.success(request, f"Saved. The interview with {assignment.session.participant} stays open on your list.")
    return redirect("rating-worklist")


@requires(Permission.RATING_ENTER)
@require_POST
def sign(request: StudyRequest, code: str) -> HttpResponse:
    """Save what the form holds, then sign it; a second submit lands on the signed rating."""
    assignment = assignment_of(request.user, request.study, code)
    found = rating_of(assignment)
    if found.status == Rating.Status.SIGNED:
        messages.info(request, "This rating is signed already; nothing was changed.")
        return redirect("rating", code=code)
    saved = save_posted(request, assignment, found)
    if isinstance(saved, HttpResponse):
        return saved
    found = rating_of(assignment)
    if saved.others:
        return show_sheet(request, assignment, found, faults=faults_of_others(saved), status=409)
    return _sign_saved(request, assignment, found)


def _sign_saved(request: StudyRequest, assignment: RatingAssignment, found: Rating) -> HttpResponse:
    zone = assignment.session.participant.site.time_zone
    form = SignForm(request.POST, started_at=found.started_at, zone=zone)
    status = 422
    if form.is_valid():
        try:
            signing.sign(rating=found, known_version=found.version, by=request.user, **form.cleaned_data)
        except (InvalidInput, InvalidState) as refusal:
            status = status_of(refusal)
            form.refuse_signing(refusal)
        else:
            messages.success(request, "Signed. The rating is now read-only.")
            return redirect("rating", code=assignment.code)
    faults = faults_of_signing(form, found)
    return show_sheet(request, assignment, found, signing=form, faults=faults, status=status)
