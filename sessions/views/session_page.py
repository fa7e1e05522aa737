"""What the session page shows: the same whether it is asked for or answers a refused form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render

from sessions.allocation.dispensed import capsule_of
from sessions.forms import AdverseEventForm, CompleteForm, DoseEndForm, DoseForm, MissedForm, ScheduleForm, StartForm
from sessions.models import StudySession
from sessions.policies import washout_words
from sessions.selectors import DoseRow, deviations_of, dose_rows, window_for
from sessions.spectra import spectra_panel
from studyportal import clock
from studyportal.accounts.access import StudyRequest
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import permissions_by_site

P = Permission


@dataclass(frozen=True, slots=True)
class DoseCard:
    """A dose of the protocol with the form that records it, where this person may."""

    row: DoseRow
    form: forms.Form | None

    @property
    def summary(self) -> str:
        """What the form does."""
        label = self.row.planned.label
        return f"{label}: record the end" if self.row.is_running else f"{label}: record"


Status = StudySession.Status


def session_page(
    request: StudyRequest, session: StudySession, refused: Mapping[str, forms.Form] | None = None
) -> HttpResponse:
    """Render the page; `refused` holds a form to show again as it was typed (422)."""
    participant = session.participant
    may = permissions_by_site(request.user, request.study)[participant.site_id]
    window = window_for(session)
    planned = session.planned_at or session.started_at
    sees_safety = bool({P.SAFETY_VIEW, P.SAFETY_RECORD} & may)
    offered = _forms(session, may) | dict(refused or {})
    context = {
        "session": session, "participant": participant, "zone": participant.site.time_zone, "window": window,
        "washout": washout_words(window, planned, session.period.washout_days) if planned and window.anchor else "",
        "doses": [DoseCard(row, offered.get(f"dose_{row.planned.kind}")) for row in dose_rows(session)],
        "capsule": capsule_of(session), "awaits_capsule": session.status == Status.PLANNED and session.planned_at,
        "deviations": deviations_of(session),
        "adverse_events": session.adverse_events.all() if sees_safety else [],
        "sees_safety": sees_safety,
        "forms": offered,
        "refused": next(iter(refused.values()), None) if refused else None,
        **spectra_panel(request.user, session),
    }  # fmt: skip
    return render(request, "sessions/session.html", context, status=422 if refused else 200)


def _forms(session: StudySession, may: frozenset[Permission]) -> dict[str, Any]:
    """Return the forms of what this person may do now."""
    zone = session.participant.site.time_zone
    has_left = session.participant.status in {"withdrawn", "screen_failed"}
    offered: dict[str, Any] = {}
    if session.status == Status.PLANNED and not has_left:
        if P.SESSION_SCHEDULE in may:
            initial = {"planned_at": session.planned_at or clock.now(), "reason": session.planned_reason}
            offered["schedule"] = ScheduleForm(zone=zone, initial=initial if session.planned_at else None)
        if P.SESSION_CONDUCT in may:
            offered |= {"start": StartForm(zone=zone), "missed": MissedForm()}
    if session.status == Status.IN_PROGRESS and P.SESSION_CONDUCT in may:
        offered["complete"] = CompleteForm(zone=zone, day=session.started_at)
        for row in dose_rows(session):
            name, day = f"dose_{row.planned.kind}", session.started_at
            if row.given is None:
                offered[name] = DoseForm(zone=zone, day=day, name=name, has_duration=bool(row.planned.duration_minutes))
            elif row.is_running:
                offered[name] = DoseEndForm(zone=zone, day=day, name=name)
    if session.status in {Status.IN_PROGRESS, Status.COMPLETED} and P.SAFETY_RECORD in may:
        offered["adverse_event"] = AdverseEventForm(zone=zone, day=session.started_at)
    return offered
