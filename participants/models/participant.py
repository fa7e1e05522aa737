"""The participant: a pseudonym, the strata factors and the stage reached."""

import uuid

from django.db import models

from studyportal import clock


class Participant(models.Model):
    """A screened or enrolled person, known by number only.

    `randomization_number` is what the site receives at randomization; it says nothing about the sequence.
    `randomized_stratum` is the stratum it was drawn in: a factor that is corrected later does not change it.
    """

    class Sex(models.TextChoices):
        """Sex as recorded for stratification."""

        FEMALE = "F", "Female"
        MALE = "M", "Male"

    class Status(models.TextChoices):
        """Stage reached; the services of `participants` and `sessions` move it."""

        SCREENING = "screening", "Screening"
        RANDOMIZED = "randomized", "Randomized"
        COMPLETED = "completed", "Completed"
        SCREEN_FAILED = "screen_failed", "Screen failed"
        WITHDRAWN = "withdrawn", "Withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="participants")
    site = models.ForeignKey("studies.Site", on_delete=models.PROTECT, related_name="participants")
    number = models.CharField(max_length=12)
    sex = models.CharField(max_length=1, choices=Sex.choices)
    age_years = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=14, choices=Status.choices, default=Status.SCREENING)
    screened_at = models.DateTimeField(default=clock.now)
    screened_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    randomization_number = models.CharField(max_length=12, blank=True)
    randomized_at = models.DateTimeField(null=True, blank=True)
    randomized_stratum = models.CharField(max_length=60, blank=True, db_default="")
    randomized_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ("study", "number")
        constraints = (
            models.UniqueConstraint(fields=("study", "number"), name="participant_number_once_per_study"),
            models.UniqueConstraint(
                fields=("study", "randomization_number"),
                condition=~models.Q(randomization_number=""),
                name="randomization_number_once_per_study",
            ),
            models.CheckConstraint(
                condition=models.Q(randomization_number="", randomized_at__isnull=True)
                | (~models.Q(randomization_number="") & models.Q(randomized_at__isnull=False)),
                name="randomized_participants_have_number_and_time",
            ),
        )

    class Data:
        """What each field holds."""

        clinical = ("sex", "age_years")
        operational = (
            "id", "study", "site", "number", "status", "screened_at", "screened_by", "randomization_number",
            "randomized_at", "randomized_stratum", "randomized_by",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.number
