"""Participants: the list, and one participant's record with the timeline of both periods."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from participants.forms import FilterForm
from participants.selectors import visible_sites
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.reports.journeys import listed_journeys, next_step
from studyportal.reports.records import record_for

PER_PAGE = 50


@requires(Permission.PARTICIPANT_VIEW)
@require_GET
def participants(request: StudyRequest) -> HttpResponse:
    """List participants of the viewer's sites, by number, with what comes next for each."""
    form = FilterForm(request.GET, sites=visible_sites(request.user, request.study))
    form.is_valid()
    chosen = {name: form.cleaned_data.get(name, "") for name in ("search", "status", "site")}
    found = listed_journeys(request.user, request.study, **chosen)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    kept = request.GET.copy()
    kept.pop("page", None)
    rows = [(participant, next_step(participant)) for participant in page.object_list]
    context = {"form": form, "page": page, "rows": rows, "kept": kept.urlencode(), "is_filtered": any(chosen.values())}
    return render(request, "reports/participants.html", context)


@requires(Permission.PARTICIPANT_VIEW)
@require_GET
def participant(request: StudyRequest, number: str) -> HttpResponse:
    """Show a participant's record."""
    record = record_for(request.user, request.study, number)
    return render(request, "reports/record.html", {"record": record, "participant": record.participant})
