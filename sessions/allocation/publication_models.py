"""What is published of the lists, in schema `public` for the blinded side to read; and the steps of a full reveal."""

import uuid

from django.db import models

from studyportal import clock


class Publication(models.Model):
    """One published value, written once at the unblinded door and never changed; every login may read it.

    Nothing here depends on a list but `value`, which hides it: a root covers 256-bit nonces. The document of a reveal
    is the exception that ends the secret, after the lock.
    """

    class Kind(models.TextChoices):
        """What the value is."""

        COMMITMENT = "commitment", "Root of a list"
        ALLOCATIONS = "allocations", "Chain of the allocations"
        REVEAL = "reveal", "Bundle of the study"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    list_id = models.UUIDField(null=True)
    label = models.CharField(max_length=40, blank=True)
    method = models.CharField(max_length=20, blank=True)
    generator = models.CharField(max_length=20, blank=True)
    value = models.CharField(max_length=64)
    document = models.TextField(blank=True)
    published_at = models.DateTimeField(default=clock.now)
    published_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("published_at", "label")
        constraints = (
            models.UniqueConstraint(
                fields=("list_id",), condition=models.Q(kind="commitment"), name="commitment_published_once"
            ),
            models.CheckConstraint(
                condition=models.Q(value__regex="^[0-9a-f]{64}$"), name="published_value_is_sha256"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="commitment", list_id__isnull=False) | ~models.Q(kind="commitment"),
                name="commitment_names_its_list",
            ),
        )  # fmt: skip

    class Data:
        """What each field holds."""

        operational = (
            "id", "study", "kind", "list_id", "label", "method", "generator", "value", "document", "published_at",
            "published_by",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.value[:8]}"

    @property
    def method_words(self) -> str:
        """The method as pages say it; its settings are not published."""
        return self.method.replace("_", " ").capitalize()


class RevealStep(models.Model):
    """A step of the full reveal after the lock: announced by one person, confirmed by another. Written once."""

    class Step(models.TextChoices):
        """In this order."""

        ANNOUNCED = "announced", "Announced"
        CONFIRMED = "confirmed", "Confirmed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    step = models.CharField(max_length=10, choices=Step.choices)
    announcement = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="confirmation")
    chain = models.CharField(max_length=64)
    reason = models.CharField(max_length=240, blank=True)
    taken_at = models.DateTimeField(default=clock.now)
    taken_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = 'alloc"."reveal_step'
        ordering = ("taken_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(step="announced", announcement__isnull=True)
                | models.Q(step="confirmed", announcement__isnull=False),
                name="reveal_confirms_an_announcement",
            ),
        )

    class Data:
        """What each field holds."""

        operational = ("id", "study", "step", "announcement", "chain", "reason", "taken_at", "taken_by")

    def __str__(self) -> str:
        return f"{self.get_step_display()} {self.taken_at:%Y-%m-%d}"
