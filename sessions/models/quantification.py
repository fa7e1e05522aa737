"""Quantification: the job row (the truth about a run), its result and its review.

The row is queued in the transaction of the upload; the message broker only carries its id. A worker holds a lease and
a fencing token; only the token's holder may write the result (trust.md, Jobs).
"""

import uuid
from types import MappingProxyType

from django.db import models

from studyportal import clock


class QuantificationRun(models.Model):
    """One quantification of one spectrum under one set of settings; re-running adds a row.

    `settings` holds what was asked: the engine's options, the basis (`auto` or an id), the water reference's hash and
    the infusion's minutes from the scan's start.
    `basis` is what was used; it is chosen from the spectrum's field strength when the run starts. `protocol` is the
    version of the study's analysis protocol that the settings come from, none where a person chose other ones. Runs of
    a batch have a `priority` above 0 and wait until nothing of priority 0 does.
    """

    class State(models.TextChoices):
        """Life of a job."""

        QUEUED = "queued", "Queued"
        CHECKING = "checking", "Checking the file"
        CONVERTING = "converting", "Converting and removing identifiers"
        PREPROCESSING = "preprocessing", "Preprocessing"
        FITTING = "fitting", "Fitting"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    ACTIVE = (State.CHECKING, State.CONVERTING, State.PREPROCESSING, State.FITTING)
    ENDED = (State.DONE, State.FAILED, State.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    spectrum = models.ForeignKey("study_sessions.Spectrum", on_delete=models.PROTECT, related_name="runs")
    ordinal = models.PositiveSmallIntegerField()
    basis = models.ForeignKey("study_sessions.BasisSet", on_delete=models.PROTECT, null=True, related_name="+")
    settings = models.JSONField(default=dict)
    settings_sha256 = models.CharField(max_length=64)
    engine_version = models.CharField(max_length=20)
    state = models.CharField(max_length=14, choices=State.choices, default=State.QUEUED)
    progress = models.FloatField(default=0)
    fencing_token = models.PositiveIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    queued_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    failure_code = models.CharField(max_length=40, blank=True)
    failure_message = models.CharField(max_length=500, blank=True)
    requested_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    protocol = models.ForeignKey(
        "study_sessions.AnalysisProtocol", on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    batch = models.ForeignKey(
        "study_sessions.Requantification", on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    priority = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = 'jobs"."quantification_run'
        ordering = ("queued_at",)
        indexes = (
            models.Index(
                fields=("priority", "queued_at"),
                condition=~models.Q(state__in=["done", "failed", "cancelled"]),
                name="living_runs",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=("spectrum", "ordinal"), name="run_ordinal_once_per_spectrum"),
            models.UniqueConstraint(
                fields=("spectrum", "settings_sha256", "engine_version"),
                condition=~models.Q(state__in=["failed", "cancelled"]),
                name="one_living_run_per_input_and_settings",
            ),
        )

    class Data:
        """What each field holds."""

        operational = (
            "id", "spectrum", "ordinal", "basis", "settings", "settings_sha256", "engine_version", "state",
            "progress", "fencing_token", "lease_expires_at", "attempts", "queued_at", "sent_at", "started_at",
            "finished_at", "failure_code", "failure_message", "requested_by", "protocol", "batch", "priority",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"run {self.ordinal} of {self.spectrum_id}"


class QuantificationResult(models.Model):
    """What the engine found: the JSON document as printed by the command line, and the curves' file.

    The fits of a functional file's parts are long, and stand in a row of their own (`FunctionalResult`).

    `verdict` is what `sessions.quality.Verdict` writes, judged by the thresholds in force when the run ended.
    `seconds_to_verdict` counts from the upload's last byte; empty for later runs of the same spectrum.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.OneToOneField(QuantificationRun, on_delete=models.PROTECT, related_name="result")
    document = models.JSONField()
    curves_sha256 = models.CharField(max_length=64)
    is_usable = models.BooleanField()
    verdict = models.JSONField(default=dict)
    seconds_to_verdict = models.FloatField(null=True, blank=True)
    seconds = models.FloatField()
    created_at = models.DateTimeField(default=clock.now)

    class Data:
        """What each field holds."""

        clinical = ("document", "is_usable", "verdict")
        operational = ("id", "run", "curves_sha256", "seconds", "seconds_to_verdict", "created_at")

    def __str__(self) -> str:
        return f"result of {self.run_id}"


class FunctionalResult(models.Model):
    """What a functional file said over time, as the engine told it: a fit of each part, and what changed.

    `series` holds the fits of windows, events or single transients; `outcomes` the change after the dose, the area
    under it and the general linear model. `rows` counts the tidy rows of the series, one a part and quantity.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    result = models.OneToOneField(QuantificationResult, on_delete=models.PROTECT, related_name="functional")
    series = models.JSONField(default=list)
    outcomes = models.JSONField(default=dict)
    rows = models.PositiveIntegerField(default=0)

    class Data:
        """What each field holds."""

        clinical = ("series", "outcomes")
        operational = ("id", "result", "rows")

    def __str__(self) -> str:
        return f"functional result of {self.result_id}"


class MetaboliteEstimate(models.Model):
    """One tidy row of a result: a ratio or an amplitude, of the whole spectrum or of one block."""

    class Quantity(models.TextChoices):
        """What the value is."""

        AMPLITUDE = "amplitude", "Amplitude (institutional units)"
        RATIO = "ratio", "Ratio"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    result = models.ForeignKey(QuantificationResult, on_delete=models.PROTECT, related_name="estimates")
    block = models.PositiveSmallIntegerField(null=True, blank=True)
    minutes_from_infusion = models.FloatField(null=True, blank=True)
    quantity = models.CharField(max_length=10, choices=Quantity.choices)
    name = models.CharField(max_length=24)
    value = models.FloatField(null=True)
    crlb_percent = models.FloatField(null=True)

    class Meta:
        ordering = ("result", "block", "quantity", "name")
        constraints = (
            models.UniqueConstraint(
                fields=("result", "block", "quantity", "name"), name="estimate_once", nulls_distinct=False
            ),
        )

    class Data:
        """What each field holds."""

        clinical = ("block", "minutes_from_infusion", "quantity", "name", "value", "crlb_percent")
        operational = ("id", "result")

    def __str__(self) -> str:
        return f"{self.name} of {self.result_id}"


class QuantificationReview(models.Model):
    """An imaging analyst's verdict on a fit, given without period or earlier results on screen."""

    class Decision(models.TextChoices):
        """The three answers of the review."""

        ACCEPT = "accept", "Accept"
        COMMENT = "comment", "Accept with comment"
        REJECT = "reject", "Reject, give reason"

    GIVEN = MappingProxyType({
        Decision.ACCEPT: "Accepted", Decision.COMMENT: "Accepted with a comment", Decision.REJECT: "Rejected",
    })  # fmt: skip

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(QuantificationRun, on_delete=models.PROTECT, related_name="reviews")
    decision = models.CharField(max_length=8, choices=Decision.choices)
    comment = models.CharField(max_length=500, blank=True)
    reviewed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("reviewed_at",)

    class Data:
        """What each field holds."""

        clinical = ("decision", "comment")
        operational = ("id", "run", "reviewed_by", "reviewed_at")

    def __str__(self) -> str:
        return f"{self.decision} of {self.run_id}"

    @property
    def words(self) -> str:
        """The verdict as it was given; the labels of the answers tell a reviewer what to do."""
        return self.GIVEN[self.Decision(self.decision)]
