"""Results that another program found, attached to a spectrum: shown beside our own, never in place of them."""

import uuid

from django.db import models

from studyportal import clock


class ImportedResult(models.Model):
    """One result file of LCModel, FSL-MRS, Osprey or Tarquin, every number as the file gives it.

    The file's name may hold an identity, so only its hash is kept; `document` holds program, version and numbers.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    spectrum = models.ForeignKey("study_sessions.Spectrum", on_delete=models.PROTECT, related_name="imports")
    program = models.CharField(max_length=40)
    program_version = models.CharField(max_length=60, blank=True)
    sha256 = models.CharField(max_length=64)
    document = models.JSONField()
    imported_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    imported_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("imported_at",)
        constraints = (models.UniqueConstraint(fields=("spectrum", "sha256"), name="imported_file_once_per_spectrum"),)

    class Data:
        """What each field holds."""

        clinical = ("document",)
        operational = ("id", "spectrum", "program", "program_version", "sha256", "imported_by", "imported_at")

    def __str__(self) -> str:
        return f"{self.program} result of {self.spectrum_id}"
