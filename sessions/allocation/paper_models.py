"""Emergency sheets, in schema `alloc`; importable in `sessions.allocation` only."""

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
