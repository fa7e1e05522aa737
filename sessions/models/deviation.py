"""Protocol deviations, mostly written by the services themselves."""

import uuid

from django.db import models

from studyportal import clock

UNBLINDING = "unblinding"
"""The code of the deviation that says that an unblinding happened; some roles may not know it."""


class ProtocolDeviation(models.Model):
    """What departed from the protocol; the data are still analysed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.ForeignKey("participants.Participant", on_delete=models.PROTECT, related_name="deviations")
    session = models.ForeignKey(
        "study_sessions.StudySession", on_delete=models.PROTECT, null=True, blank=True, related_name="deviations"
    )
    code = models.CharField(max_length=40)
    description = models.CharField(max_length=500)
    occurred_at = models.DateTimeField()
    recorded_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("occurred_at",)

    class Data:
        """What each field holds."""

        clinical = ("code", "description", "occurred_at")
        operational = ("id", "participant", "session", "recorded_by", "recorded_at")

    def __str__(self) -> str:
        return f"{self.code}: {self.description}"
