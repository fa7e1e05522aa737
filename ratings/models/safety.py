"""Safety alerts raised by item 10."""

import uuid

from django.db import models

from studyportal import clock


class SafetyAlert(models.Model):
    """Raised as soon as item 10 is saved at or over the protocol's threshold, drafts included."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rating = models.OneToOneField("ratings.Rating", on_delete=models.PROTECT, related_name="safety_alert")
    raised_at = models.DateTimeField(default=clock.now)
    rater_acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    action = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("raised_at",)

    class Data:
        """What each field holds."""

        clinical = ("action",)
        operational = (
            "id", "rating", "raised_at", "rater_acknowledged_at", "acknowledged_by", "acknowledged_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"safety alert of {self.rating_id}"
