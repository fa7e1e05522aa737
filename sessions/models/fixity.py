"""Whether the stored files are still what they were: each sweep, and an alert for each file that is not."""

import uuid

from django.db import models

from studyportal import clock


class FixityCheck(models.Model):
    """One sweep over the store: every file that a row names was read and its hash compared."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    files = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("-started_at",)

    class Data:
        """What each field holds."""

        operational = ("id", "started_at", "finished_at", "files", "size_bytes", "missing", "changed")

    def __str__(self) -> str:
        return f"check of {self.files} files"


class FileAlert(models.Model):
    """A stored file of a study that is missing or changed; it stays open until a sweep finds the file whole again."""

    class Problem(models.TextChoices):
        """What the sweep found."""

        MISSING = "missing", "Missing"
        CHANGED = "changed", "Changed"

    class Holds(models.TextChoices):
        """What the file is to the study."""

        SPECTRUM = "spectrum", "De-identified spectrum"
        CURVES = "curves", "Curves of a fit"
        BASIS = "basis", "Basis set"
        ORIGINAL = "original", "Encrypted original"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    holds = models.CharField(max_length=10, choices=Holds.choices)
    problem = models.CharField(max_length=8, choices=Problem.choices)
    found_at = models.DateTimeField(default=clock.now)
    mended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-found_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("study", "sha256", "holds"), condition=models.Q(mended_at=None), name="one_open_alert_per_file"
            ),
        )

    class Data:
        """What each field holds."""

        operational = ("id", "study", "sha256", "holds", "problem", "found_at", "mended_at")

    def __str__(self) -> str:
        return f"{self.problem}: {self.sha256[:8]}"
