"""Eligibility: the protocol's criteria and one signed assessment of them."""

import uuid

from django.db import models

from studyportal import clock


class EligibilityCriterion(models.Model):
    """One inclusion or exclusion criterion of the protocol."""

    class Kind(models.TextChoices):
        """Inclusion criteria must be met, exclusion criteria must not."""

        INCLUSION = "inclusion", "Inclusion"
        EXCLUSION = "exclusion", "Exclusion"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="eligibility_criteria")
    code = models.CharField(max_length=8)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    text = models.CharField(max_length=200)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=("study", "code"), name="criterion_code_once_per_study"),)
        verbose_name_plural = "eligibility criteria"

    class Data:
        """What each field holds."""

        operational = ("id", "study", "code", "kind", "text", "position")

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class EligibilityAssessment(models.Model):
    """Answers to every criterion, `{code: true|false}` with true meaning "applies", and the signature under them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.OneToOneField("participants.Participant", on_delete=models.PROTECT, related_name="eligibility")
    answers = models.JSONField(default=dict)
    is_eligible = models.BooleanField(default=False)
    recorded_at = models.DateTimeField(default=clock.now)
    recorded_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField(null=True, blank=True)
    signature = models.OneToOneField("accounts.Signature", on_delete=models.PROTECT, null=True, related_name="+")

    class Data:
        """What each field holds."""

        clinical = ("answers", "is_eligible")
        operational = ("id", "participant", "recorded_at", "recorded_by", "signed_at", "signature")

    def __str__(self) -> str:
        return f"eligibility of {self.participant_id}"
