"""Informed consent in its simple form."""

import uuid

from django.db import models

from studyportal import clock


class Consent(models.Model):
    """One signed consent form version; withdrawn consent keeps its row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.ForeignKey("participants.Participant", on_delete=models.PROTECT, related_name="consents")
    form_version = models.CharField(max_length=12)
    signed_on = models.DateField()
    recorded_at = models.DateTimeField(default=clock.now)
    recorded_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    withdrawn_on = models.DateField(null=True, blank=True)
    withdrawn_reason = models.CharField(max_length=240, blank=True)
    withdrawn_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("signed_on", "recorded_at")
        constraints = (models.UniqueConstraint(fields=("participant", "form_version"), name="consent_version_once"),)

    class Data:
        """What each field holds."""

        clinical = ("signed_on", "withdrawn_on", "withdrawn_reason")
        operational = ("id", "participant", "form_version", "recorded_at", "recorded_by", "withdrawn_by")

    def __str__(self) -> str:
        return f"consent v{self.form_version} of {self.participant_id}"


class ConsentVersion(models.Model):
    """A version of the consent form that the ethics committee approved; in use until the next one's first day."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="consent_versions")
    version = models.CharField(max_length=12)
    valid_from = models.DateField()
    recorded_at = models.DateTimeField(default=clock.now)
    recorded_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-valid_from",)
        constraints = (
            models.UniqueConstraint(fields=("study", "version"), name="consent_form_version_once_per_study"),
            models.UniqueConstraint(fields=("study", "valid_from"), name="one_consent_form_version_begins_a_day"),
        )

    class Data:
        """What each field holds."""

        operational = ("id", "study", "version", "valid_from", "recorded_at", "recorded_by")

    def __str__(self) -> str:
        return f"consent form {self.version}"
