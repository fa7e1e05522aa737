"""What a site writes down around a randomization: given on paper, wrong stratum, in error. Rows are never changed."""

import uuid

from django.db import models

from studyportal import clock


class PaperRandomization(models.Model):
    """A number that was given from a site's emergency sheet while the portal was down, entered afterwards."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.OneToOneField(
        "participants.Participant", on_delete=models.PROTECT, related_name="paper_randomization"
    )
    number = models.CharField(max_length=12)
    given_at = models.DateTimeField()
    given_by = models.CharField(max_length=120)
    outage = models.CharField(max_length=240)
    faults = models.JSONField(default=list)
    request_id = models.UUIDField(unique=True)
    signature = models.ForeignKey("accounts.Signature", on_delete=models.PROTECT, related_name="+")
    recorded_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(default=clock.now)

    class Data:
        """What each field holds."""

        operational = (
            "id", "participant", "number", "given_at", "given_by", "outage", "faults", "request_id", "signature",
            "recorded_by", "recorded_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.number} given on paper"


class RandomizedInError(models.Model):
    """That a participant should not have been randomized. The number stays used and the participant stays analysed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.OneToOneField(
        "participants.Participant", on_delete=models.PROTECT, related_name="randomized_in_error"
    )
    reason = models.CharField(max_length=240)
    signature = models.ForeignKey("accounts.Signature", on_delete=models.PROTECT, related_name="+")
    marked_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    marked_at = models.DateTimeField(default=clock.now)

    class Data:
        """What each field holds."""

        clinical = ("reason",)
        operational = ("id", "participant", "signature", "marked_by", "marked_at")

    def __str__(self) -> str:
        return f"randomized in error: {self.participant_id}"


class StratumCorrection(models.Model):
    """A stratification factor corrected after the allocation: both values stand, the allocation stays."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.ForeignKey(
        "participants.Participant", on_delete=models.PROTECT, related_name="stratum_corrections"
    )
    factor = models.CharField(max_length=20)
    value_before = models.CharField(max_length=40)
    value_after = models.CharField(max_length=40)
    reason = models.CharField(max_length=240)
    recorded_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("recorded_at",)

    class Data:
        """What each field holds."""

        clinical = ("value_before", "value_after", "reason")
        operational = ("id", "participant", "factor", "recorded_by", "recorded_at")

    def __str__(self) -> str:
        return f"{self.factor}: {self.value_before} to {self.value_after}"
