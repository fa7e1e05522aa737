"""The analysis protocol: how spectra are fitted and judged, version by version, and batches made under one."""

import uuid

from django.db import models

from studyportal import clock


class AnalysisProtocol(models.Model):
    """One version of a study's analysis protocol; a change is a new version, never an edit.

    `terms` is what `sessions.analysis_terms.Terms` writes. At most one version of a study is signed, and no exploratory
    one; the database refuses to change terms at all, and everything once a version is signed (migration 0004).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="analysis_protocols")
    version = models.PositiveSmallIntegerField()
    is_exploratory = models.BooleanField(default=False)
    terms = models.JSONField()
    terms_sha256 = models.CharField(max_length=64)
    reason = models.CharField(max_length=500)
    drafted_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    drafted_at = models.DateTimeField(default=clock.now)
    signature = models.OneToOneField("accounts.Signature", on_delete=models.PROTECT, null=True, blank=True)
    signed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("study", "-version")
        constraints = (
            models.UniqueConstraint(fields=("study", "version"), name="analysis_protocol_version_once_per_study"),
            models.UniqueConstraint(
                fields=("study",), condition=models.Q(signed_at__isnull=False), name="one_signed_analysis_protocol"
            ),
            models.CheckConstraint(
                condition=models.Q(is_exploratory=False) | models.Q(signed_at__isnull=True),
                name="an_exploratory_version_is_not_signed",
            ),
        )

    class Data:
        """What each field holds."""

        operational = (
            "id", "study", "version", "is_exploratory", "terms", "terms_sha256", "reason", "drafted_by", "drafted_at",
            "signature", "signed_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"version {self.version}"


class Requantification(models.Model):
    """A batch: every stored spectrum of a study quantified again under one version of its analysis protocol."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    protocol = models.ForeignKey(AnalysisProtocol, on_delete=models.PROTECT, related_name="requantifications")
    requested_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=clock.now)
    cancelled_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-requested_at",)

    class Data:
        """What each field holds."""

        operational = ("id", "protocol", "requested_by", "requested_at", "cancelled_by", "cancelled_at")

    def __str__(self) -> str:
        return f"batch under {self.protocol}"
