"""Study and Site.

They stand on the floor because a membership, which the permission matrix reads, needs a foreign key to its study.
The protocol's numbers that forms and windows read are columns here: a study's rules are data, never settings.
"""

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models


class Study(models.Model):
    """One randomized crossover trial and the numbers of its protocol."""

    class Status(models.TextChoices):
        """Where the study stands as a whole."""

        SETUP = "setup", "In set-up"
        RECRUITING = "recruiting", "Recruiting"
        CLOSED = "closed", "Closed to recruitment"
        LOCKED = "locked", "Locked"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.CharField(max_length=16, unique=True, validators=[RegexValidator(r"^[A-Z][A-Z0-9-]+$")])
    name = models.CharField(max_length=120)
    title = models.TextField(blank=True)
    registration_number = models.CharField(max_length=40, blank=True)
    is_synthetic = models.BooleanField(default=False)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.SETUP)
    recruitment_target = models.PositiveSmallIntegerField()
    recruitment_starts_on = models.DateField()
    recruitment_ends_on = models.DateField()
    participant_prefix = models.CharField(max_length=6, validators=[RegexValidator(r"^[A-Z]{2,6}$")])
    minimum_age_years = models.PositiveSmallIntegerField(default=18)
    maximum_age_years = models.PositiveSmallIntegerField(default=65)
    minimum_washout_days = models.PositiveSmallIntegerField(default=14)
    strata_factors = models.JSONField(default=list)
    item10_threshold = models.PositiveSmallIntegerField(
        default=4, validators=[MinValueValidator(1), MaxValueValidator(6)]
    )
    remission_threshold = models.PositiveSmallIntegerField(default=10)
    mrs_primary_ratio = models.CharField(max_length=20, default="Glx/tNAA")
    mrs_settings = models.JSONField(default=dict)
    keeps_originals = models.BooleanField(default=False)

    class Meta:
        ordering = ("code",)
        verbose_name_plural = "studies"

    class Data:
        """What each field holds; a new field that is not listed fails the classification test."""

        operational = (
            "id", "code", "name", "title", "registration_number", "is_synthetic", "status", "recruitment_target",
            "recruitment_starts_on", "recruitment_ends_on", "participant_prefix", "minimum_age_years",
            "maximum_age_years", "minimum_washout_days", "strata_factors", "item10_threshold",
            "remission_threshold", "mrs_primary_ratio", "mrs_settings", "keeps_originals",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.name


class Site(models.Model):
    """A place that enrols participants; its time zone is the one its clinicians read."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="sites")
    code = models.CharField(max_length=8, validators=[RegexValidator(r"^[A-Z0-9]+$")])
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=40, default="Europe/London")
    recruitment_target = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("study", "code")
        constraints = (models.UniqueConstraint(fields=("study", "code"), name="site_code_once_per_study"),)

    class Data:
        """What each field holds."""

        operational = ("id", "study", "code", "name", "time_zone", "recruitment_target", "is_active")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"
