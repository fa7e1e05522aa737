"""Lists, strata, sealed slots and allocations, all in schema `alloc`; importable in `sessions.allocation` only."""

import uuid

from django.db import models

from sessions.allocation.key_models import KeyRestoreTest, KeyShareSet
from sessions.allocation.kit_models import DispensingLabel, Kit, KitAct, KitCount, KitMovement, KitShipment
from sessions.allocation.publication_models import Publication, RevealStep
from sessions.allocation.unblinding_models import DeliveryRequest, PlannedUnblinding
from studyportal import clock

__all__ = [
    "Allocation", "DeliveryRequest", "DispensingLabel", "KeyRestoreTest", "KeyShareSet", "Kit", "KitAct", "KitCount",
    "KitMovement", "KitShipment", "ListSlot", "PlannedUnblinding", "Publication", "RandomizationList", "RevealStep",
    "Stratum",
]  # fmt: skip


class RandomizationList(models.Model):
    """A committed list; the sequences in it are sealed to the vault's key.

    It goes through its states in order and never back; the database refuses anything else (migration 0003). A study's
    lists are used one after the other, by `position`: a later one extends the earlier.
    """

    class State(models.TextChoices):
        """Each is reached from the one before it; any of them may be closed."""

        DRAFT = "draft", "Draft"
        GENERATED = "generated", "Generated"
        ACCEPTED = "accepted", "Accepted"
        APPROVED = "approved", "Approved"
        PUBLISHED = "published", "Commitment published"
        ACTIVE = "active", "Active"
        CLOSED = "closed", "Closed"

    class Commits(models.TextChoices):
        """What the root covers: study, list, how it was made and every slot; or the slots alone (first version)."""

        BOUND = "bound", "Study, list, how it was made, and every slot"
        SLOTS = "slots", "Every slot"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    method = models.CharField(max_length=20)
    parameters = models.JSONField()
    generator = models.CharField(max_length=20, default="hmac-drbg-sha256")
    slots_per_stratum = models.PositiveIntegerField(default=0)
    sequences = models.JSONField(default=list)
    commits_to = models.CharField(max_length=5, choices=Commits.choices, default=Commits.BOUND)
    commitment_root = models.CharField(max_length=64, blank=True)
    sealed_seed = models.BinaryField(null=True)
    sealed_report = models.BinaryField(null=True)
    drafted_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    drafted_at = models.DateTimeField(default=clock.now)
    generated_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    generated_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    published_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField(null=True)
    activated_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    activated_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True)
    closed_reason = models.CharField(max_length=240, blank=True)

    class Meta:
        db_table = 'alloc"."randomization_list'
        ordering = ("study", "position")
        constraints = (
            models.UniqueConstraint(fields=("study", "position"), name="list_position_once_per_study"),
            models.CheckConstraint(
                condition=models.Q(approved_by__isnull=True)
                | ~(
                    models.Q(approved_by=models.F("generated_by"))
                    | models.Q(approved_by=models.F("drafted_by"))
                    | models.Q(approved_by=models.F("accepted_by"), accepted_by__isnull=False)
                ),
                name="list_approved_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=("draft", "closed"))
                | models.Q(generated_by__isnull=False, generated_at__isnull=False, sealed_seed__isnull=False),
                name="list_generated_by_somebody",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=("draft", "generated", "closed"))
                | models.Q(commits_to="slots")
                | models.Q(accepted_by__isnull=False, accepted_at__isnull=False, sealed_report__isnull=False),
                name="list_accepted_by_somebody",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=("draft", "generated", "accepted", "closed"))
                | models.Q(approved_by__isnull=False, approved_at__isnull=False),
                name="list_approved_by_somebody",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=("published", "active"))
                | models.Q(published_by__isnull=False, published_at__isnull=False),
                name="list_published_by_somebody",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="active") | models.Q(activated_by__isnull=False, activated_at__isnull=False),
                name="list_activated_by_somebody",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="closed")
                | models.Q(commits_to="slots")
                | (models.Q(closed_by__isnull=False, closed_at__isnull=False) & ~models.Q(closed_reason="")),
                name="list_closed_by_somebody_with_a_reason",
            ),
        )

    class Data:
        """What each field holds."""

        blinding = ("parameters", "slots_per_stratum", "sealed_seed", "sealed_report")
        operational = (
            "id", "study", "position", "state", "method", "generator", "sequences", "commits_to", "commitment_root",
            "drafted_by", "drafted_at", "generated_by", "generated_at", "accepted_by", "accepted_at", "approved_by",
            "approved_at", "published_by", "published_at", "activated_by", "activated_at", "closed_by", "closed_at",
            "closed_reason",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"list {self.position}"

    @property
    def name(self) -> str:
        """The list as pages and the trail call it, such as `List 2`."""
        return f"List {self.position}"

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
    number = models.CharField(max_length=12, db_index=True)
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


# Models of files of their own, which Django looks for here.
from sessions.allocation.minimization_models import MinimizationRequest, Replacement  # noqa: E402, F401
from sessions.allocation.paper_models import EmergencyLine, EmergencySheet  # noqa: E402, F401 - registers
