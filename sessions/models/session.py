"""The session: one measurement visit within a period, and the doses given in it."""

import uuid

from django.db import models

from studyportal import clock


class StudySession(models.Model):
    """One session of a participant in one period, planned and then held at actual times."""

    class Status(models.TextChoices):
        """Moved only by `sessions.services`."""

        PLANNED = "planned", "Planned"
        IN_PROGRESS = "in_progress", "In progress"
        COMPLETED = "completed", "Completed"
        MISSED = "missed", "Missed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.ForeignKey("participants.Participant", on_delete=models.PROTECT, related_name="sessions")
    period = models.ForeignKey("study_sessions.Period", on_delete=models.PROTECT, related_name="sessions")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PLANNED)
    planned_at = models.DateTimeField(null=True, blank=True)
    planned_reason = models.CharField(max_length=240, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    conducted_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    missed_reason = models.CharField(max_length=240, blank=True)

    class Meta:
        ordering = ("participant", "period__number")
        constraints = (
            models.UniqueConstraint(fields=("participant", "period"), name="one_session_per_participant_and_period"),
        )

    class Data:
        """What each field holds."""

        clinical = ("started_at", "completed_at", "missed_reason")
        operational = ("id", "participant", "period", "status", "planned_at", "planned_reason", "conducted_by")

    def __str__(self) -> str:
        return f"session of {self.participant_id} in {self.period_id}"


class Dose(models.Model):
    """A dose as given: actual start and end, and who gave it. What the capsule held is not recorded here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(StudySession, on_delete=models.PROTECT, related_name="doses")
    planned = models.ForeignKey("study_sessions.PlannedDose", on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    given_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("started_at",)
        constraints = (
            models.UniqueConstraint(fields=("session", "planned"), name="each_planned_dose_given_once"),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True) | models.Q(ended_at__gte=models.F("started_at")),
                name="dose_ends_after_its_start",
            ),
        )

    class Data:
        """What each field holds."""

        clinical = ("started_at", "ended_at")
        operational = ("id", "session", "planned", "given_by", "recorded_at")

    def __str__(self) -> str:
        return f"dose in {self.session_id}"
