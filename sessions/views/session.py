"""One session's page, and every act on it; each act is a form on the same page."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from sessions.forms import (
    AdverseEventForm,
    CompleteForm,
    DoseEndForm,
    DoseForm,
    MissedForm,
    ScheduleForm,
    StartForm,
)
from sessions.models import StudySession
from sessions.selectors import planned_dose, running_dose, session_for
from sessions.services import conduct
from sessions.services.safety import report_adverse_event
from sessions.views.session_page import session_page
from studyportal.accounts.access import StudyRequest, requires
from studyportal.accounts.roles import Permission
from studyportal.forms import carried_out


@requires(Permission.SESSION_VIEW)
@require_GET
def session(request: StudyRequest, number: str, period: int) -> HttpResponse:
    """Show a session: plan, doses, end, adverse events, deviations, spectra."""
    return session_page(request, session_for(request.user, request.study, number, period))


@requires(Permission.SESSION_SCHEDULE)
@require_POST
def schedule(request: StudyRequest, number: str, period: int) -> HttpResponse:
    """Plan the session's start."""
    found = session_for(request.user, request.study, number, period)
    form = ScheduleForm(request.POST, zone=_zone(found))
    return _act(request, found, "schedule", form, conduct.schedule, said="The session is planned.")


@requires(Permission.SESSION_CONDUCT)
@require_POST
def start(request: StudyRequest, number: str, period: int) -> HttpResponse:
    """Begin the session at its actual time."""
    found = session_for(request.user, request.study, number, period)
    form = StartForm(request.POST, zone=_zone(found))
    return _act(request, found, "start", form, conduct.start, said="The session has begun.")


@requires(Permission.SESSION_CONDUCT)
@require_POST
def dose(request: StudyRequest, number: str, period: int, kind: str) -> HttpResponse:
    """Record a dose, or the end of one that is running."""
    found = session_for(request.user, request.study, number, period)
    planned = planned_dose(request.study, kind)
    if planned is None:
        raise Http404
    name, zone = f"dose_{kind}", _zone(found)
    if running_dose(found, kind) is not None:
        ending = DoseEndForm(request.POST, zone=zone, name=name)
        return _act(request, found, name, ending, conduct.end_dose, said=f"{planned.label}: ended.", kind=kind)
    form = DoseForm(request.POST, zone=zone, name=name, has_duration=bool(planned.duration_minutes))
    extra = {"kind": kind} if planned.duration_minutes else {"kind": kind, "ended_at": None}
    return _act(request, found, name, form, conduct.record_dose, said=f"{planned.label} is recorded.", **extra)


@requires(Permission.SESSION_CONDUCT)
@require_POST
def complete(request: StudyRequest, number: str, period: int) -> HttpResponse:
    """End the session at its actual time."""
    found = session_for(request.user, request.study, number, period)
    form = CompleteForm(request.POST, zone=_zone(found))
    return _act(request, found, "complete", form, conduct.complete, said="The session is completed.")


@requires(Permission.SESSION_CONDUCT)
@require_POST
def missed(request: StudyRequest, number: str, period: int) -> HttpResponse:
    """Record that the session will not be held."""
    found = session_for(request.user, request.study, number, period)
    return _act(
        request, found, "missed", MissedForm(request.POST), conduct.mark_missed, said="The session is marked missed."
    )


@requires(Permission.SAFETY_RECORD)
@require_POST
def adverse_event(request: StudyRequest, number: str, period: int) -> HttpResponse:
    """Record an adverse event of the session."""
    found = session_for(request.user, request.study, number, period)
    form = AdverseEventForm(request.POST, zone=_zone(found))
    return _act(request, found, "adverse_event", form, report_adverse_event, said="The adverse event is recorded.")


def _act(
    request: StudyRequest,
    found: StudySession,
    name: str,
    form: forms.Form,
    service: Callable[..., Any],
    *,
    said: str,
    **extra: Any,
) -> HttpResponse:
    """Call the service with the form's values; a refusal shows the same page with what was typed."""
    if carried_out(form, lambda: service(session=found, by=request.user, **form.cleaned_data, **extra)):
        messages.success(request, said)
        return redirect("session", found.participant.number, found.period.number)
    return session_page(request, found, {name: form})


def _zone(found: StudySession) -> str:
    return found.participant.site.time_zone
