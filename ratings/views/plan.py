"""The coordinator's rating plan: who rates what; assigned, cancelled, watched without scores."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from ratings.forms import AssignForm
from ratings.selectors_plan import SHOWN, Gap, assignment_planned, gap_for, gaps_for, plan_rows
from ratings.services import assignment as services
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import InvalidInput, InvalidState

PER_PAGE = 50


@requires(Permission.RATING_ASSIGN)
@require_GET
def plan(request: StudyRequest) -> HttpResponse:
    """Show what waits for a rater and how far each rating is."""
    return _plan_page(request)


@requires(Permission.RATING_ASSIGN)
@require_POST
def assign(request: StudyRequest) -> HttpResponse:
    """Put an assessment on a rater's list; the firewalled are refused with the reason and who can."""
    gap = gap_for(request.user, request.study, request.POST.get("gap", ""))
    form = AssignForm(request.POST, possible=[*gap.possible, *(rater for rater, _ in gap.refused)])
    status = 422
    if form.is_valid():
        rater = form.cleaned_data["rater"]
        try:
            services.assign(session=gap.session, assessment=gap.assessment, rater=rater, by=request.user)
        except (InvalidInput, InvalidState) as refusal:
            form.refuse(refusal)
            status = 409
        else:
            messages.success(request, f"{gap.assessment} of {gap.session.participant} is on {rater.full_name}'s list.")
            return redirect("rating-plan")
    return _plan_page(request, refused=gap, form=form, status=status)


@requires(Permission.RATING_ASSIGN)
@require_POST
def cancel(request: StudyRequest, code: str) -> HttpResponse:
    """Take an assessment off a rater's list before the interview has begun."""
    found = assignment_planned(request.user, request.study, code)
    services.cancel(assignment=found, by=request.user)
    messages.success(request, f"{found.assessment} of {found.session.participant} waits for a rater again.")
    return redirect("rating-plan")


def _plan_page(
    request: StudyRequest, *, refused: Gap | None = None, form: AssignForm | None = None, status: int = 200
) -> HttpResponse:
    shown = request.GET.get("show", "open")
    shown = shown if shown in SHOWN else "open"
    rows = Paginator(plan_rows(request.user, request.study, shown), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "gaps": gaps_for(request.user, request.study), "rows": rows, "shown": shown, "filters": SHOWN.items(),
        "refused": refused, "form": form, "is_refused": form is not None and bool(form.errors),
    }  # fmt: skip
    return render(request, "ratings/plan.html", context, status=status)
