"""The watch over stored files: the last sweep, what is missing or changed, and what happens to originals."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from sessions.services import originals
from sessions.stored_files import watch_for
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission


@requires(Permission.STORED_FILES_WATCH)
@require_safe
def stored_files(request: StudyRequest) -> HttpResponse:
    """Show how the study's files are."""
    may_decide = Permission.TEAM_MANAGE in request.permissions
    context = {"watch": watch_for(request.user, request.study), "may_decide": may_decide}
    return render(request, "sessions/stored_files.html", context)


@requires(Permission.TEAM_MANAGE)
@require_POST
def decide_originals(request: StudyRequest) -> HttpResponse:
    """Keep originals sealed from now on, or delete them."""
    keeps = request.POST.get("keeps") == "yes"
    originals.decide(study=request.study, keeps=keeps, by=request.user)
    words = "kept sealed" if keeps else "deleted once their spectrum is stored"
    messages.success(request, f"Original files are {words} from now on.")
    return redirect("stored-files")
