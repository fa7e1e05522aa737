"""Adverse events, hidden from raters and imaging analysts."""

import uuid

from django.db import models

from studyportal import clock


class AdverseEvent(models.Model):
    """An untoward occurrence reported in or after a session (ICH E2A terms)."""

    class Severity(models.TextChoices):
        """Intensity, not seriousness."""

        MILD = "mild", "Mild"
        MODERATE = "moderate", "Moderate"
        SEVERE = "severe", "Severe"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey("study_sessions.StudySession", on_delete=models.PROTECT, related_name="adverse_events")
    term = models.CharField(max_length=120)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    is_serious = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    reported_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    reported_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("started_at",)

    class Data:
        """What each field holds."""

        clinical = ("term", "severity", "is_serious", "started_at", "ended_at")
        operational = ("id", "session", "reported_by", "reported_at")

    def __str__(self) -> str:
        return self.term
