"""Leaving the study: before randomization as a screen failure, afterwards as a withdrawal."""

import uuid

from django.db import models

from studyportal import clock


class Withdrawal(models.Model):
    """That a participant left, when, and why; data collected until then stay."""

    class Reason(models.TextChoices):
        """Reasons as a disposition table lists them."""

        PARTICIPANT = "participant", "Participant's decision"
        INVESTIGATOR = "investigator", "Investigator's decision"
        ADVERSE_EVENT = "adverse_event", "Adverse event"
        LOST = "lost", "Lost to follow-up"
        OTHER = "other", "Other"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.OneToOneField("participants.Participant", on_delete=models.PROTECT, related_name="withdrawal")
    reason = models.CharField(max_length=16, choices=Reason.choices)
    note = models.CharField(max_length=500, blank=True)
    withdrawn_on = models.DateField()
    recorded_at = models.DateTimeField(default=clock.now)
    recorded_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")

    class Data:
        """What each field holds."""

        clinical = ("reason", "note", "withdrawn_on")
        operational = ("id", "participant", "recorded_at", "recorded_by")

    def __str__(self) -> str:
        return f"withdrawal of {self.participant_id}"


class ScreenFailure(models.Model):
    """That a screened person was not randomized, when, and why."""

    class Reason(models.TextChoices):
        """Reasons as a participant-flow diagram lists them."""

        NOT_ELIGIBLE = "not_eligible", "Does not meet the criteria"
        DECLINED = "declined", "Declined to take part"
        LOST = "lost", "Could not be reached"
        OTHER = "other", "Other"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.OneToOneField(
        "participants.Participant", on_delete=models.PROTECT, related_name="screen_failure"
    )
    reason = models.CharField(max_length=16, choices=Reason.choices)
    note = models.CharField(max_length=500, blank=True)
    failed_on = models.DateField()
    recorded_at = models.DateTimeField(default=clock.now)
    recorded_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")

    class Data:
        """What each field holds."""

        clinical = ("reason", "note", "failed_on")
        operational = ("id", "participant", "recorded_at", "recorded_by")

    def __str__(self) -> str:
        return f"screen failure of {self.participant_id}"
