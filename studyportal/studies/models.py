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
    sponsor_name = models.CharField(max_length=120, blank=True, default="", db_default="")
    sponsor_email = models.EmailField(blank=True, default="", db_default="")

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
            "sponsor_name", "sponsor_email",
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


class StudyLock(models.Model):
    """One act of locking or unlocking a study's data: asked for by one person's signature, done by another's.

    The people and their signatures are named by key, without foreign keys: the floor knows no upper app.
    """

    class Act(models.TextChoices):
        """What the two people do."""

        LOCK = "lock", "Lock"
        UNLOCK = "unlock", "Unlock"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="locks")
    act = models.CharField(max_length=6, choices=Act.choices)
    reason = models.CharField(max_length=500, blank=True)
    open_questions = models.JSONField(default=dict)
    status_before = models.CharField(max_length=12, choices=Study.Status.choices)
    asked_by = models.UUIDField()
    asked_by_name = models.CharField(max_length=120)
    asked_signature = models.UUIDField(unique=True)
    asked_at = models.DateTimeField()
    confirmed_by = models.UUIDField(null=True)
    confirmed_by_name = models.CharField(max_length=120, blank=True)
    confirmed_signature = models.UUIDField(null=True, unique=True)
    confirmed_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("asked_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("study",), condition=models.Q(confirmed_at__isnull=True, withdrawn_at__isnull=True),
                name="one_open_lock_act_per_study",
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_by__isnull=True) | ~models.Q(confirmed_by=models.F("asked_by")),
                name="lock_confirmed_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    confirmed_at__isnull=True, confirmed_by__isnull=True, confirmed_signature__isnull=True,
                )
                | models.Q(
                    confirmed_at__isnull=False, confirmed_by__isnull=False, confirmed_signature__isnull=False,
                    withdrawn_at__isnull=True,
                ),
                name="lock_confirmed_wholly_or_not",
            ),
            models.CheckConstraint(
                condition=models.Q(act="lock") | ~models.Q(reason=""), name="unlocked_with_a_reason"
            ),
        )  # fmt: skip

    class Data:
        """What each field holds; names stand as printed beside the signatures."""

        operational = (
            "id", "study", "act", "reason", "open_questions", "status_before", "asked_by", "asked_by_name",
            "asked_signature", "asked_at", "confirmed_by", "confirmed_by_name", "confirmed_signature", "confirmed_at",
            "withdrawn_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.get_act_display()} of {self.study_id}"
