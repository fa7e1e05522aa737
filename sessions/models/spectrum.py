"""Uploads, de-identified spectra and basis sets; the bytes live in the content-addressed store."""

import uuid

from django.core.validators import RegexValidator
from django.db import models

from studyportal import clock

SHA256 = RegexValidator(r"^[0-9a-f]{64}$")


class Upload(models.Model):
    """A file on its way in, chunk by chunk.

    The original file name may hold an identity, so only its suffix is kept. The raw bytes are deleted when the
    de-identified spectrum is stored; `removed_at` says when. `acquired_at` is the start of the scan as the uploader
    gave it: the times in the file are among the identifiers that are taken out. Where the study keeps originals, the
    raw bytes live on encrypted: `quarantine_sha256` is the digest of the sealed file.
    """

    class Kind(models.TextChoices):
        """What the file is to the session."""

        METABOLITE = "metabolite", "Metabolite spectrum"
        WATER = "water", "Water reference"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey("study_sessions.StudySession", on_delete=models.PROTECT, related_name="uploads")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.METABOLITE)
    suffix = models.CharField(max_length=12)
    size_bytes = models.PositiveBigIntegerField()
    received_bytes = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, validators=[SHA256])
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="companions")
    acquired_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    last_byte_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    quarantine_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("created_at",)

    class Data:
        """What each field holds."""

        clinical = ("acquired_at",)
        operational = (
            "id", "session", "kind", "suffix", "size_bytes", "received_bytes", "sha256", "parent", "created_by",
            "created_at", "last_byte_at", "completed_at", "removed_at", "quarantine_sha256",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"upload {self.sha256[:8]}"


class Spectrum(models.Model):
    """A spectrum of a session: first the upload's hash, after de-identification the NIfTI-MRS made from it.

    One that was uploaded to the wrong session stays, withdrawn: no table, figure or report counts it any more.
    """

    class Status(models.TextChoices):
        """Whether the numbers are in."""

        RECEIVED = "received", "Received"
        STORED = "stored", "De-identified and stored"
        REJECTED = "rejected", "Not usable"
        WITHDRAWN = "withdrawn", "Withdrawn"

    UNUSED = (Status.REJECTED, Status.WITHDRAWN)
    """What counts for nothing: nothing is fitted from it, and its session may take the file anew."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey("study_sessions.StudySession", on_delete=models.PROTECT, related_name="spectra")
    upload = models.OneToOneField(Upload, on_delete=models.PROTECT, related_name="spectrum")
    kind = models.CharField(max_length=10, choices=Upload.Kind.choices)
    ordinal = models.PositiveSmallIntegerField()
    original_sha256 = models.CharField(max_length=64, validators=[SHA256])
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RECEIVED)
    stored_sha256 = models.CharField(max_length=64, blank=True)
    stored_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    header = models.JSONField(default=dict)
    water_reference = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    uploaded_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(default=clock.now)
    withdrawn_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_reason = models.CharField(max_length=240, blank=True)

    class Meta:
        ordering = ("session", "ordinal")
        verbose_name_plural = "spectra"
        constraints = (
            models.UniqueConstraint(fields=("session", "ordinal"), name="spectrum_ordinal_once_per_session"),
            models.UniqueConstraint(
                fields=("session", "original_sha256"),
                condition=~models.Q(status="withdrawn"),
                name="spectrum_file_once_per_session",
            ),
            models.CheckConstraint(
                condition=models.Q(status="withdrawn", withdrawn_at__isnull=False, withdrawn_by__isnull=False)
                & ~models.Q(withdrawn_reason="")
                | ~models.Q(status="withdrawn") & models.Q(withdrawn_at__isnull=True),
                name="withdrawn_says_who_when_and_why",
            ),
        )

    class Data:
        """What each field holds."""

        clinical = ("header",)
        operational = (
            "id", "session", "upload", "kind", "ordinal", "original_sha256", "status", "stored_sha256",
            "stored_bytes", "water_reference", "uploaded_by", "uploaded_at", "withdrawn_by", "withdrawn_at",
            "withdrawn_reason",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"spectrum {self.ordinal} of {self.session_id}"


class BasisSet(models.Model):
    """A basis that the study fits with: uploaded bytes, or the simulation that makes it; or measured macromolecules.

    What the file says of itself is read once, when it is added: `preview_sha256` names the small spectra of its parts.
    """

    class Kind(models.TextChoices):
        """What the set is to a fit."""

        METABOLITES = "metabolites", "Metabolites"
        MACROMOLECULES = "macromolecules", "Measured macromolecules"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="basis_sets")
    name = models.CharField(max_length=80)
    simulation = models.CharField(max_length=60, blank=True)
    stored_sha256 = models.CharField(max_length=64, blank=True)
    suffix = models.CharField(max_length=12, blank=True)
    kind = models.CharField(max_length=14, choices=Kind.choices, default=Kind.METABOLITES)
    field_tesla = models.FloatField(null=True, blank=True)
    echo_time_ms = models.FloatField(null=True, blank=True)
    dwell_time_s = models.FloatField(null=True, blank=True)
    points = models.PositiveIntegerField(null=True, blank=True)
    metabolites = models.JSONField(default=list, blank=True)
    preview_sha256 = models.CharField(max_length=64, blank=True)
    is_default = models.BooleanField(default=False)
    uploaded_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("study", "name"), name="basis_name_once_per_study"),
            models.UniqueConstraint(
                fields=("study",), condition=models.Q(is_default=True), name="one_default_basis_per_study"
            ),
        )

    class Data:
        """What each field holds."""

        operational = (
            "id", "study", "name", "simulation", "stored_sha256", "suffix", "kind", "field_tesla", "echo_time_ms",
            "dwell_time_s", "points", "metabolites", "preview_sha256", "is_default", "uploaded_by", "uploaded_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.name
