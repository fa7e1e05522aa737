"""The crossover design as rows: treatments, sequences, periods, doses and the schedule of assessments.

The design is public. Which participant has which sequence is not here and not reachable from here.
"""

import uuid

from django.db import models


class Treatment(models.Model):
    """What is given in one period."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="treatments")
    code = models.CharField(max_length=4)
    name = models.CharField(max_length=80)

    class Meta:
        ordering = ("code",)
        constraints = (models.UniqueConstraint(fields=("study", "code"), name="treatment_code_once_per_study"),)

    class Data:
        """What each field holds."""

        blinding = ("code", "name")
        operational = ("id", "study")

    def __str__(self) -> str:
        return self.name


class Period(models.Model):
    """Treatment period 1..n; the washout before it is counted from the previous period's infusion."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="periods")
    number = models.PositiveSmallIntegerField()
    washout_days = models.PositiveSmallIntegerField(default=0)
    latest_start_days = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("study", "number"), name="period_number_once_per_study"),)

    class Data:
        """What each field holds."""

        operational = ("id", "study", "number", "washout_days", "latest_start_days")

    def __str__(self) -> str:
        return f"Period {self.number}"


class Sequence(models.Model):
    """A planned order of treatments, such as AB."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="sequences")
    code = models.CharField(max_length=8)

    class Meta:
        ordering = ("code",)
        constraints = (models.UniqueConstraint(fields=("study", "code"), name="sequence_code_once_per_study"),)

    class Data:
        """What each field holds."""

        blinding = ("code",)
        operational = ("id", "study")

    def __str__(self) -> str:
        return self.code


class SequencePeriod(models.Model):
    """The treatment that a sequence gives in a period."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sequence = models.ForeignKey(Sequence, on_delete=models.PROTECT, related_name="periods")
    period = models.ForeignKey(Period, on_delete=models.PROTECT, related_name="+")
    treatment = models.ForeignKey(Treatment, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("period__number",)
        constraints = (
            models.UniqueConstraint(fields=("sequence", "period"), name="one_treatment_per_sequence_and_period"),
        )

    class Data:
        """What each field holds."""

        blinding = ("treatment",)
        operational = ("id", "sequence", "period")

    def __str__(self) -> str:
        return f"{self.sequence_id}/{self.period_id}"


class PlannedDose(models.Model):
    """A dose that every session has; the pretreatment's content is hidden, the infusion is the same for all."""

    class Kind(models.TextChoices):
        """The two doses of a session."""

        PRETREATMENT = "pretreatment", "Pretreatment capsule"
        INFUSION = "infusion", "Infusion"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="planned_doses")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    label = models.CharField(max_length=80)
    minutes_from_infusion = models.SmallIntegerField()
    duration_minutes = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("minutes_from_infusion",)
        constraints = (models.UniqueConstraint(fields=("study", "kind"), name="planned_dose_kind_once_per_study"),)

    class Data:
        """What each field holds."""

        operational = ("id", "study", "kind", "label", "minutes_from_infusion", "duration_minutes")

    def __str__(self) -> str:
        return self.label


class AssessmentSchedule(models.Model):
    """One planned assessment per session: what, when from the infusion's start, and its window."""

    class Timepoint(models.TextChoices):
        """Names that exports use."""

        PRE_DOSE = "pre_dose", "Pre-dose"
        INFUSION = "infusion", "During infusion"
        DAY_1 = "day_1", "Day 1"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="assessments")
    instrument = models.CharField(max_length=12)
    timepoint = models.CharField(max_length=12, choices=Timepoint.choices)
    label = models.CharField(max_length=60)
    offset_hours = models.FloatField()
    window_before_hours = models.FloatField()
    window_after_hours = models.FloatField()
    recall_period = models.CharField(max_length=40, blank=True)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("study", "instrument", "timepoint"), name="assessment_once_per_timepoint"),
        )

    class Data:
        """What each field holds."""

        operational = (
            "id", "study", "instrument", "timepoint", "label", "offset_hours", "window_before_hours",
            "window_after_hours", "recall_period", "position",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.label
