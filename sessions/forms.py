"""Forms of the session pages; they check shape only, the services decide."""

import datetime
from typing import Any

from django import forms

from sessions.models import AdverseEvent
from studyportal import clock
from studyportal.fields import MomentField, day_of

SHORT = forms.Textarea(attrs={"rows": 2})


class NamedForm(forms.Form):
    """One of several forms of a page: its name begins the ids of its controls."""

    name = "form"

    def __init__(self, *args: Any, name: str = "", **kwargs: Any) -> None:
        self.name = name or self.name
        kwargs["auto_id"] = f"{self.name}_%s"
        super().__init__(*args, **kwargs)


class LocalForm(NamedForm):
    """A form whose moments are read in the site's zone, each day filled in with today or the session's day."""

    def __init__(self, *args: Any, zone: str, day: datetime.datetime | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, MomentField):
                field.zone = zone
                field.initial = field.initial or day_of(day or clock.now(), zone)


class ScheduleForm(LocalForm):
    """When a session is planned to begin."""

    name = "schedule"
    planned_at = MomentField(label="Planned start")
    reason = forms.CharField(
        label="Reason for a date after the window (only if it is)", required=False, max_length=240, widget=SHORT
    )

    def clean_planned_at(self) -> Any:
        """Refuse a day that is over: what happened is recorded by starting the session."""
        planned_at = self.cleaned_data["planned_at"]
        zone = self.fields["planned_at"].zone  # type: ignore[attr-defined]  # a MomentField
        if clock.local(planned_at, zone).date() < clock.today(zone):
            raise forms.ValidationError("This day is over. Enter today or a later day.", code="past")
        return planned_at


class StartForm(LocalForm):
    """When a session really began."""

    name = "start"
    started_at = MomentField(label="Actual start")


class DoseForm(LocalForm):
    """When a dose was given; the end is asked only of doses that last."""

    started_at = MomentField(label="Given at")
    ended_at = MomentField(label="Ended at (may follow later)", required=False)

    def __init__(self, *args: Any, has_duration: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_duration:
            self.fields["started_at"].label = "Started at"
        else:
            del self.fields["ended_at"]


class DoseEndForm(LocalForm):
    """When a dose that is running ended."""

    ended_at = MomentField(label="Ended at")


class CompleteForm(LocalForm):
    """When a session really ended."""

    name = "complete"
    completed_at = MomentField(label="Actual end")


class MissedForm(NamedForm):
    """Why a session will not be held."""

    name = "missed"
    reason = forms.CharField(
        label="Why it was missed", max_length=240, widget=SHORT,
        error_messages={"required": "Enter the reason in a few words."},
    )  # fmt: skip


class AdverseEventForm(LocalForm):
    """What was observed or told."""

    name = "adverse_event"
    term = forms.CharField(
        label="What happened", max_length=120, help_text="In a few words, for example: nausea",
        error_messages={"required": "Say what happened in a few words."},
    )  # fmt: skip
    severity = forms.ChoiceField(
        label="Severity", choices=AdverseEvent.Severity.choices, widget=forms.RadioSelect,
        error_messages={"required": "Choose mild, moderate or severe."},
    )  # fmt: skip
    is_serious = forms.BooleanField(label="Serious (tell the sponsor within 24 hours)", required=False)
    started_at = MomentField(label="Started at")
    ended_at = MomentField(label="Ended at (optional)", required=False)
