"""The messages of the portal: which were sent, which wait for the mail server."""

from uuid import UUID

from django.contrib import messages as notes
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from sessions import tasks
from sessions.services import outbox
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.errors import InvalidState

PER_PAGE = 50


@requires(Permission.MAIL_WATCH)
@require_GET
def messages(request: StudyRequest) -> HttpResponse:
    """List messages, the newest first; whoever may not see participants sees no number."""
    found = outbox.messages_for(request.user, request.study)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    sees_numbers = Permission.PARTICIPANT_VIEW in request.permissions
    return render(request, "sessions/messages.html", {"page": page, "sees_numbers": sees_numbers})


@requires(Permission.MAIL_WATCH)
@require_POST
def send_again(request: StudyRequest, message_id: UUID) -> HttpResponse:
    """Try a waiting message at once."""
    try:
        outbox.send_again(study=request.study, message_id=message_id, by=request.user)
    except InvalidState as refusal:
        notes.warning(request, refusal.message)
    else:
        notes.success(request, "The message is tried again now.")
        tasks.enqueue_mail()
    return redirect("messages")
