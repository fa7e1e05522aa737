"""What the site asked of minimization, and who replaces whom; both in schema `alloc`."""

import uuid

from django.db import models

from studyportal import clock


class MinimizationRequest(models.Model):
    """That a participant's sequence is to be drawn: written by `alloc.ask_minimization()`, answered by the vault.

    The levels are those at the time of asking and never change (R4).
    """

    class State(models.TextChoices):
        """Answered or cancelled, for good."""

        WAITING = "waiting", "Waiting"
        ANSWERED = "answered", "Answered"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    participant = models.ForeignKey("participants.Participant", on_delete=models.PROTECT, related_name="+")
    levels = models.JSONField()
    request_id = models.UUIDField(unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    asked_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        db_table = 'alloc"."minimization_request'
        ordering = ("asked_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("participant",), condition=~models.Q(state="cancelled"), name="one_open_request_a_participant"
            ),
        )

    class Data:
        """What each field holds."""

        clinical = ("levels",)
        operational = ("id", "study", "participant", "request_id", "state", "asked_by", "asked_at", "settled_at")

    def __str__(self) -> str:
        return f"request of {self.participant_id}"


class Replacement(models.Model):
    """That a participant in screening takes the place of one who withdrew: by the next row, or with the same sequence.

    A slot outside every list is made for either way, so that counters of the tables do not tell them apart; only a
    mirrored replacement takes it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    replaced = models.ForeignKey("participants.Participant", on_delete=models.PROTECT, related_name="+")
    participant = models.OneToOneField("participants.Participant", on_delete=models.PROTECT, related_name="+")
    is_mirrored = models.BooleanField()
    slot = models.OneToOneField("allocation.ListSlot", on_delete=models.PROTECT, related_name="replacement")
    reason = models.CharField(max_length=240)
    arranged_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    arranged_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = 'alloc"."replacement'
        ordering = ("-arranged_at",)

    class Data:
        """What each field holds."""

        blinding = ("is_mirrored", "slot", "reason")
        operational = ("id", "study", "replaced", "participant", "arranged_by", "arranged_at")

    def __str__(self) -> str:
        return f"replacement of {self.replaced_id}"
