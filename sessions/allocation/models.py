"""Lists, strata, sealed slots and allocations, all in schema `alloc`; importable in `sessions.allocation` only."""

import uuid

from django.db import models

from studyportal import clock


class RandomizationList(models.Model):
    """A committed list; the sequences in it are sealed to the vault's key."""

    class State(models.TextChoices):
        """A list is allocated from only when a second person has approved it."""

        GENERATED = "generated", "Generated"
        ACTIVE = "active", "Approved and active"
        CLOSED = "closed", "Closed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.GENERATED)
    method = models.CharField(max_length=20)
    parameters = models.JSONField()
    commitment_root = models.CharField(max_length=64)
    sealed_seed = models.BinaryField()
    generated_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    generated_at = models.DateTimeField(default=clock.now)
    approved_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)

    class Meta:
        db_table = 'alloc"."randomization_list'
        ordering = ("generated_at",)
        constraints = (
            models.UniqueConstraint(fields=("study",), condition=models.Q(state="active"), name="one_active_list"),
            models.CheckConstraint(
                condition=models.Q(approved_by__isnull=True) | ~models.Q(approved_by=models.F("generated_by")),
                name="list_approved_by_a_second_person",
            ),
        )

    class Data:
        """What each field holds."""

        blinding = ("parameters", "sealed_seed")
        operational = (
            "id", "study", "state", "method", "commitment_root", "generated_by", "generated_at", "approved_by",
            "approved_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"list {self.commitment_root[:8]}"

    @property
    def method_words(self) -> str:
        """The method as the page says it."""
        return self.method.replace("_", " ").capitalize()


class Stratum(models.Model):
    """A stratum of a list; `taken` is the head that allocate() locks."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    list = models.ForeignKey(RandomizationList, on_delete=models.PROTECT, related_name="strata")
    key = models.CharField(max_length=60)
    taken = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = 'alloc"."stratum'
        ordering = ("key",)
        verbose_name_plural = "strata"
        constraints = (models.UniqueConstraint(fields=("list", "key"), name="stratum_once_per_list"),)

    class Data:
        """What each field holds."""

        blinding = ("taken",)
        operational = ("id", "list", "key")

    def __str__(self) -> str:
        return self.key


class ListSlot(models.Model):
    """One place of the list; `sealed` holds the sequence and its nonce, readable with the vault's key only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    stratum = models.ForeignKey(Stratum, on_delete=models.PROTECT, related_name="slots")
    ordinal = models.PositiveIntegerField()
    number = models.CharField(max_length=12)
    sealed = models.BinaryField()

    class Meta:
        db_table = 'alloc"."list_slot'
        ordering = ("stratum__key", "ordinal")
        constraints = (models.UniqueConstraint(fields=("stratum", "ordinal"), name="slot_ordinal_once_per_stratum"),)

    class Data:
        """What each field holds."""

        blinding = ("ordinal", "sealed")
        operational = ("id", "stratum", "number")

    def __str__(self) -> str:
        return self.number


class Allocation(models.Model):
    """The link participant -> slot: written once by `alloc.allocate()`, never changed, never removed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.OneToOneField("participants.Participant", on_delete=models.PROTECT, related_name="+")
    slot = models.OneToOneField(ListSlot, on_delete=models.PROTECT, related_name="allocation")
    stratum_key = models.CharField(max_length=60)
    request_id = models.UUIDField(unique=True)
    allocated_at = models.DateTimeField()

    class Meta:
        db_table = 'alloc"."allocation'

    class Data:
        """What each field holds."""

        blinding = ("slot",)
        operational = ("id", "participant", "stratum_key", "request_id", "allocated_at")

    def __str__(self) -> str:
        return f"allocation of {self.participant_id}"


from sessions.allocation.paper_models import EmergencyLine, EmergencySheet  # noqa: E402, F401 - registers
