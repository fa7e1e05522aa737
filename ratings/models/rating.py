"""A rating, its item scores, the append-only draft log and the corrections after signing."""

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from ratings.answers import REASONS, Answer
from studyportal import clock


class Rating(models.Model):
    """One interview's scores. `version` counts accepted changes; the browser sends the one it knows (If-Match)."""

    class Status(models.TextChoices):
        """A signed rating changes only by a correction with reason and a new signature."""

        DRAFT = "draft", "Draft"
        SIGNED = "signed", "Signed"
        CORRECTING = "correcting", "Correction to be signed"

    class Source(models.TextChoices):
        """How the scores came into the form."""

        DURING = "during", "Entered during the interview"
        PAPER = "paper", "Copied from paper"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assignment = models.OneToOneField("ratings.RatingAssignment", on_delete=models.PROTECT, related_name="rating")
    pack = models.ForeignKey("ratings.InstrumentPack", on_delete=models.PROTECT, related_name="+")
    rater = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="ratings")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    version = models.PositiveIntegerField(default=1)
    recall_period = models.CharField(max_length=40)
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.DURING)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    signed_at = models.DateTimeField(null=True, blank=True)
    signature = models.OneToOneField("accounts.Signature", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("started_at",)

    class Data:
        """What each field holds."""

        clinical = ("started_at", "ended_at", "source", "recall_period")
        operational = ("id", "assignment", "pack", "rater", "status", "version", "signed_at", "signature")

    def __str__(self) -> str:
        return f"rating {self.assignment_id}"


class ItemScore(models.Model):
    """The current answer to one item: a score 0-6, or the reason why there is none, and a note."""

    class MissingReason(models.TextChoices):
        """Why an item was not assessed."""

        DECLINED = "declined", REASONS["declined"]
        STOPPED = "stopped", REASONS["stopped"]
        NOT_OBSERVED = "not_observed", REASONS["not_observed"]
        OTHER = "other", REASONS["other"]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rating = models.ForeignKey(Rating, on_delete=models.PROTECT, related_name="scores")
    item = models.PositiveSmallIntegerField()
    value = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(6)]
    )
    missing_reason = models.CharField(max_length=12, choices=MissingReason.choices, blank=True)
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("rating", "item")
        constraints = (
            models.UniqueConstraint(fields=("rating", "item"), name="item_scored_once_per_rating"),
            models.CheckConstraint(
                condition=models.Q(value__isnull=True) | models.Q(value__range=(0, 6)), name="item_score_0_to_6"
            ),
            models.CheckConstraint(
                condition=models.Q(value__isnull=True) | models.Q(missing_reason=""),
                name="item_scored_or_missing_not_both",
            ),
        )

    class Data:
        """What each field holds."""

        clinical = ("item", "value", "missing_reason", "note")
        operational = ("id", "rating")

    def __str__(self) -> str:
        return f"item {self.item} of {self.rating_id}"

    @property
    def answer(self) -> Answer:
        """The answer as a value."""
        return Answer(self.value, self.missing_reason, self.note)

    @answer.setter
    def answer(self, answer: Answer) -> None:
        self.value, self.missing_reason, self.note = answer.value, answer.missing_reason, answer.note


class DraftEvent(models.Model):
    """One change as the browser sent it; (client, seq) makes a repeated save harmless. Never changed or removed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rating = models.ForeignKey(Rating, on_delete=models.PROTECT, related_name="draft_events")
    client = models.CharField(max_length=36)
    seq = models.PositiveIntegerField()
    item = models.PositiveSmallIntegerField()
    field = models.CharField(max_length=16)
    value = models.CharField(max_length=500, blank=True)
    client_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(default=clock.now)
    version = models.PositiveIntegerField()

    class Meta:
        ordering = ("received_at", "seq")
        constraints = (models.UniqueConstraint(fields=("rating", "client", "seq"), name="draft_event_once"),)

    class Data:
        """What each field holds."""

        clinical = ("item", "field", "value")
        operational = ("id", "rating", "client", "seq", "client_at", "received_at", "version")

    def __str__(self) -> str:
        return f"change {self.seq} of {self.rating_id}"


class ItemCorrection(models.Model):
    """A change of a signed score: old value, new value, reason, and the signature that was voided by it."""

    class Reason(models.TextChoices):
        """Reasons offered beside the free text."""

        MISHEARD = "misheard", "Misheard or misread"
        SLIP = "slip", "Slip of the hand"
        SOURCE = "source", "Source document says otherwise"
        OTHER = "other", "Other"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rating = models.ForeignKey(Rating, on_delete=models.PROTECT, related_name="corrections")
    item = models.PositiveSmallIntegerField()
    old_value = models.PositiveSmallIntegerField(null=True)
    new_value = models.PositiveSmallIntegerField(null=True)
    reason = models.CharField(max_length=10, choices=Reason.choices)
    reason_text = models.CharField(max_length=240)
    voided_signature = models.ForeignKey("accounts.Signature", on_delete=models.PROTECT, related_name="+")
    corrected_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    corrected_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("corrected_at",)

    class Data:
        """What each field holds."""

        clinical = ("item", "old_value", "new_value", "reason", "reason_text")
        operational = ("id", "rating", "voided_signature", "corrected_by", "corrected_at")

    def __str__(self) -> str:
        return f"correction of item {self.item} of {self.rating_id}"
