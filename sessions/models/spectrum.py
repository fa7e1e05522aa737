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
    gave it: the times in the file are among the identifiers that are taken out.
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
    completed_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("created_at",)

    class Data:
        """What each field holds."""

        clinical = ("acquired_at",)
        operational = (
            "id", "session", "kind", "suffix", "size_bytes", "received_bytes", "sha256", "parent", "created_by",
            "created_at", "completed_at", "removed_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"upload {self.sha256[:8]}"


class Spectrum(models.Model):
    """A spectrum of a session: first the upload's hash, after de-identification the NIfTI-MRS made from it."""

    class Status(models.TextChoices):
        """Whether the numbers are in."""

        RECEIVED = "received", "Received"
        STORED = "stored", "De-identified and stored"
        REJECTED = "rejected", "Not usable"

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

    class Meta:
        ordering = ("session", "ordinal")
        verbose_name_plural = "spectra"
        constraints = (
            models.UniqueConstraint(fields=("session", "ordinal"), name="spectrum_ordinal_once_per_session"),
            models.UniqueConstraint(fields=("session", "original_sha256"), name="spectrum_file_once_per_session"),
        )

    class Data:
        """What each field holds."""

        clinical = ("header",)
        operational = (
            "id", "session", "upload", "kind", "ordinal", "original_sha256", "status", "stored_sha256",
            "stored_bytes", "water_reference", "uploaded_by", "uploaded_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"spectrum {self.ordinal} of {self.session_id}"


class BasisSet(models.Model):
    """A basis that the study fits with: uploaded bytes, or the simulation that makes it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="basis_sets")
    name = models.CharField(max_length=80)
    simulation = models.CharField(max_length=60, blank=True)
    stored_sha256 = models.CharField(max_length=64, blank=True)
    suffix = models.CharField(max_length=12, blank=True)
    field_tesla = models.FloatField(null=True, blank=True)
    echo_time_ms = models.FloatField(null=True, blank=True)
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
            "id", "study", "name", "simulation", "stored_sha256", "suffix", "field_tesla", "echo_time_ms",
            "is_default", "uploaded_by", "uploaded_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.name
