"""Emergency sheets and what custodians were told, in schema `alloc`; importable in `sessions.allocation` only."""

import uuid

from django.db import models

from studyportal import clock


class EmergencySheet(models.Model):
    """A sheet printed for a site: the numbers that it may give on paper while the portal is down."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey("studies.Site", on_delete=models.PROTECT, related_name="+")
    serial = models.PositiveIntegerField()
    printed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    printed_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = 'alloc"."emergency_sheet'
        ordering = ("-printed_at",)
        constraints = (models.UniqueConstraint(fields=("study", "serial"), name="sheet_serial_once_per_study"),)

    class Data:
        """What each field holds."""

        operational = ("id", "study", "site", "serial", "printed_by", "printed_at")

    def __str__(self) -> str:
        return f"sheet {self.serial}"


class EmergencyLine(models.Model):
    """One number of a sheet; a slot stands on one sheet at most."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sheet = models.ForeignKey(EmergencySheet, on_delete=models.PROTECT, related_name="lines")
    slot = models.OneToOneField("allocation.ListSlot", on_delete=models.PROTECT, related_name="emergency_line")

    class Meta:
        db_table = 'alloc"."emergency_line'

    class Data:
        """What each field holds."""

        blinding = ("slot",)
        operational = ("id", "sheet")

    def __str__(self) -> str:
        return f"line of {self.sheet_id}"


class CustodianNotice(models.Model):
    """That a stratum of a list came to a threshold, and when the custodians were told: once for each threshold."""

    class Threshold(models.TextChoices):
        """Fewer are left than this (randomization.md, R7)."""

        FIFTH = "fifth", "20 % left"
        FIVE = "five", "5 left"
        NONE = "none", "none left"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    list = models.ForeignKey("allocation.RandomizationList", on_delete=models.PROTECT, related_name="+")
    stratum_key = models.CharField(max_length=60)
    threshold = models.CharField(max_length=8, choices=Threshold.choices)
    noticed_at = models.DateTimeField(default=clock.now)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = 'alloc"."custodian_notice'
        constraints = (
            models.UniqueConstraint(fields=("list", "stratum_key", "threshold"), name="custodians_told_once"),
        )

    class Data:
        """What each field holds."""

        blinding = ("stratum_key", "threshold", "noticed_at", "mailed_at")
        operational = ("id", "list")

    def __str__(self) -> str:
        return f"{self.stratum_key}: {self.get_threshold_display()}"
