"""The unblinded door's start page."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from sessions.allocation.ceremony import key_status
from sessions.allocation.kit_selectors import kits_at_home
from sessions.allocation.selectors import lists_for, reveals_for, short_strata
from sessions.allocation.watching import watch
from studyportal.accounts.access import StudyRequest, members_only
from studyportal.accounts.roles import Permission
from studyportal.errors import NotFound


@require_GET
@members_only
def home(request: StudyRequest) -> HttpResponse:
    """Show what waits at this door; for people with blinded roles it does not exist."""
    if Permission.LIST_VIEW not in request.permissions and Permission.ALLOCATION_UNBLIND in request.permissions:
        return redirect("emergency")  # the physician on call, who has nothing else here
    if Permission.LIST_VIEW not in request.permissions:
        raise NotFound("There is nothing for your role at this door. Use the study's other address.")
    watch(request.study)
    lists = list(lists_for(request.user, request.study))
    active = next((one for one in reversed(lists) if one.state == "active"), None)
    makes_lists = Permission.LIST_GENERATE in request.permissions
    context = {
        "waiting": [one for one in lists if one.state not in {"active", "closed"}],
        "active": active,
        "short": short_strata(lists) if makes_lists else [],
        "reveals": reveals_for(request.user, request.study, limit=50)[:5],
        "key": key_status(request.user, request.study),
        "can_generate": makes_lists,
        "can_unblind": Permission.ALLOCATION_UNBLIND in request.permissions,
        "kits": kits_at_home(request.user, request.study),
        "can_report": Permission.UNBLINDED_REPORT_VIEW in request.permissions,
    }
    return render(request, "reports/vault_home.html", context)
