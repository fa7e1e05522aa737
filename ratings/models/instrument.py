"""Instrument packs: the wording of a scale that a licensed site loads, versioned and hashed."""

import uuid

from django.db import models

from studyportal import clock


class InstrumentPack(models.Model):
    """One version of one instrument's wording in one language.

    `content` is the pack's document (items with number, title, definition and anchors). The pack that ships with the
    project carries neutral placeholder wording and says so on screen; scale wording is never part of the project.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="instrument_packs")
    instrument = models.CharField(max_length=12)
    version = models.CharField(max_length=20)
    language = models.CharField(max_length=10, default="en-GB")
    content = models.JSONField()
    sha256 = models.CharField(max_length=64)
    licence_holder = models.CharField(max_length=120)
    licence_reference = models.CharField(max_length=120)
    licence_expires_on = models.DateField(null=True, blank=True)
    is_placeholder = models.BooleanField(default=False)
    is_active = models.BooleanField(default=False)
    loaded_at = models.DateTimeField(default=clock.now)
    loaded_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("instrument", "version")
        constraints = (
            models.UniqueConstraint(
                fields=("study", "instrument", "version", "language"), name="pack_version_once_per_study"
            ),
            models.UniqueConstraint(
                fields=("study", "instrument", "language"),
                condition=models.Q(is_active=True),
                name="one_active_pack_per_instrument_and_language",
            ),
        )

    class Data:
        """What each field holds."""

        operational = (
            "id", "study", "instrument", "version", "language", "content", "sha256", "licence_holder",
            "licence_reference", "licence_expires_on", "is_placeholder", "is_active", "loaded_at", "loaded_by",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.instrument} {self.version} ({self.language})"
