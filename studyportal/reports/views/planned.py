"""The planned unblinding by two people, and the opened allocations as table and file."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from sessions.allocation import planned
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.forms import carried_out, form_page
from studyportal.reports.opened_table import opened_table
from studyportal.reports.vault_forms import TwoPeopleForm


@require_GET
@requires(Permission.STUDY_UNBLIND)
def ceremony(request: StudyRequest) -> HttpResponse:
    """Show where the planned unblinding stands, and the form of whose turn it is."""
    return _page(request, TwoPeopleForm())


@require_POST
@requires(Permission.STUDY_UNBLIND)
def begin(request: StudyRequest) -> HttpResponse:
    """Begin, as the first of two."""
    form = TwoPeopleForm(request.POST)
    begun = carried_out(form, lambda: planned.begin(study=request.study, by=request.user, **form.cleaned_data))
    if begun is None:
        return _page(request, form)
    messages.success(request, "Begun. A second person confirms within the hour; nothing is opened yet.")
    return redirect("planned-unblinding")


@require_POST
@requires(Permission.STUDY_UNBLIND)
def confirm(request: StudyRequest, begun_id: UUID) -> HttpResponse:
    """Confirm, as the second of two."""
    form = TwoPeopleForm(request.POST)
    done = carried_out(
        form,
        lambda: planned.confirm(study=request.study, begun_id=begun_id, by=request.user, **form.cleaned_data),
    )
    if done is None:
        return _page(request, form)
    messages.success(request, "Done. The allocations of this study can be opened.")
    return redirect("planned-unblinding")


@require_GET
@requires(Permission.STUDY_UNBLIND)
def opened(request: StudyRequest) -> HttpResponse:
    """Show every allocation; each look is logged first."""
    made = opened_table(planned.opened_rows(request.user, request.study))
    return render(request, "reports/opened.html", {"table": made})


@require_GET
@requires(Permission.STUDY_UNBLIND)
def opened_csv(request: StudyRequest) -> HttpResponse:
    """Return the same as a file; logged first like a look."""
    made = opened_table(planned.opened_rows(request.user, request.study))
    answer = HttpResponse(made.as_csv(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{request.study.code}-allocations.csv"'
    return answer


def _page(request: StudyRequest, form: TwoPeopleForm) -> HttpResponse:
    waiting = planned.waiting_for(request.user, request.study)
    context = {
        "waiting": waiting, "done": planned.done_for(request.user, request.study),
        "is_locked": request.study.status == request.study.Status.LOCKED,
        "is_own": waiting is not None and waiting.started_by_id == request.user.pk,
    }  # fmt: skip
    return form_page(request, "reports/planned.html", form, context)
