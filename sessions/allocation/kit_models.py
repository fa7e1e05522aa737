"""Kits, their shipments and the ledger in schema `alloc`; and the dispensing label, the one row that is public.

Nothing here is changed or removed once it is written: where a kit is follows from its last movement (`kit_ledger`).
"""

import uuid

from django.db import models

from studyportal import clock


class KitShipment(models.Model):
    """Kits that leave the depot for one site: one lot and one expiry, the same number of every treatment.

    Lot, expiry and counts are alike for all treatments on purpose: what is printed or counted then tells none of them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey("studies.Site", on_delete=models.PROTECT, related_name="+")
    number = models.CharField(max_length=12)
    lot = models.CharField(max_length=20)
    expires_on = models.DateField()
    storage = models.CharField(max_length=60)
    kits_per_treatment = models.PositiveSmallIntegerField()
    sealed_seed = models.BinaryField()
    announced_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = 'alloc"."kit_shipment'
        ordering = ("-announced_at",)
        constraints = (models.UniqueConstraint(fields=("study", "number"), name="shipment_number_once_per_study"),)

    class Data:
        """What each field holds."""

        blinding = ("sealed_seed",)
        operational = (
            "id", "study", "site", "number", "lot", "expires_on", "storage", "kits_per_treatment", "announced_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.number


class Kit(models.Model):
    """One kit; `sealed` holds what it contains, readable with the vault's key only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    shipment = models.ForeignKey(KitShipment, on_delete=models.PROTECT, related_name="kits")
    number = models.CharField(max_length=14)
    sealed = models.BinaryField()

    class Meta:
        db_table = 'alloc"."kit'
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("study", "number"), name="kit_number_once_per_study"),)

    class Data:
        """What each field holds."""

        blinding = ("sealed",)
        operational = ("id", "study", "shipment", "number")

    def __str__(self) -> str:
        return self.number


class KitAct(models.Model):
    """One act at the pharmacy on one kit or on many: who did it, who checked it, why, and what they signed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16)
    at = models.DateTimeField(default=clock.now)
    by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    checked_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=240, blank=True)
    details = models.JSONField(default=dict)
    content_sha256 = models.CharField(max_length=64)

    class Meta:
        db_table = 'alloc"."kit_act'
        ordering = ("at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(checked_by__isnull=True) | ~models.Q(checked_by=models.F("by")),
                name="kit_act_checked_by_a_second_person",
            ),
        )

    class Data:
        """What each field holds."""

        blinding = ("details",)
        operational = ("id", "study", "kind", "at", "by", "checked_by", "reason", "content_sha256")

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M}"


class KitMovement(models.Model):
    """One line of the ledger: the `seq`-th movement of a kit. Two lines cannot take the same place."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kit = models.ForeignKey(Kit, on_delete=models.PROTECT, related_name="movements")
    act = models.ForeignKey(KitAct, on_delete=models.PROTECT, related_name="movements")
    seq = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=16)
    session = models.ForeignKey("study_sessions.StudySession", on_delete=models.PROTECT, null=True, related_name="+")
    units = models.PositiveSmallIntegerField(null=True)

    class Meta:
        db_table = 'alloc"."kit_movement'
        ordering = ("kit", "seq")
        constraints = (models.UniqueConstraint(fields=("kit", "seq"), name="kit_movement_once_per_place"),)

    class Data:
        """What each field holds."""

        blinding = ("kind", "session", "units")
        operational = ("id", "kit", "act", "seq")

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"


class KitCount(models.Model):
    """One count of a lot on the shelf against the books, with the words that explain a difference."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey("studies.Site", on_delete=models.PROTECT, related_name="+")
    lot = models.CharField(max_length=20)
    act = models.OneToOneField(KitAct, on_delete=models.PROTECT, related_name="count")
    expected = models.PositiveIntegerField()
    counted = models.PositiveIntegerField()

    class Meta:
        db_table = 'alloc"."kit_count'

    class Data:
        """What each field holds."""

        blinding = ("expected", "counted")
        operational = ("id", "site", "lot", "act")

    def __str__(self) -> str:
        return f"{self.lot}: {self.counted} of {self.expected}"


class DispensingLabel(models.Model):
    """What the ward learns: that a session's capsule is ready, under a number drawn for this label alone.

    The number is no kit's. Which kit was taken depends on the sequence; this row does not (ADR 19).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    session = models.ForeignKey("study_sessions.StudySession", on_delete=models.PROTECT, related_name="+")
    number = models.CharField(max_length=14)
    dispensed_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("dispensed_at",)
        constraints = (models.UniqueConstraint(fields=("study", "number"), name="dispensing_number_once_per_study"),)

    class Data:
        """What each field holds."""

        operational = ("id", "study", "session", "number", "dispensed_at")

    def __str__(self) -> str:
        return self.number
