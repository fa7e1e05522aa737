"""Messages that wait to be sent: written with the act that they tell of, so that neither is without the other."""

import uuid

from django.db import models

from studyportal import clock


class OutboxMessage(models.Model):
    """One e-mail of the blinded door. People are named by key: their address is looked up when it is sent."""

    class Kind(models.TextChoices):
        """What a message tells."""

        RANDOMIZED = "randomized", "Randomization confirmed"
        ALLOCATION_WAITS = "allocation_waits", "An allocation waits"
        UNAVAILABLE = "unavailable", "Randomization is not available"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey("studies.Site", on_delete=models.PROTECT, related_name="+")
    participant = models.ForeignKey("participants.Participant", on_delete=models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    recipients = models.JSONField()
    queued_at = models.DateTimeField(default=clock.now)
    next_try_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveIntegerField(default=0)
    failure = models.CharField(max_length=80, blank=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-queued_at", "kind")
        indexes = (
            models.Index(fields=("next_try_at",), condition=models.Q(sent_at__isnull=True), name="outbox_waiting"),
        )

    class Data:
        """What each field holds."""

        operational = (
            "id", "study", "site", "participant", "kind", "recipients", "queued_at", "next_try_at", "attempts",
            "failure", "sent_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} of {self.queued_at:%Y-%m-%d %H:%M}"
