"""Who is to rate what, and within which window."""

import uuid

from django.db import models

from studyportal import clock


class RatingAssignment(models.Model):
    """A rater's work item: one assessment of one session.

    `code` is what the rater's URLs and screens carry; it says nothing about the participant's other work items.
    """

    class Status(models.TextChoices):
        """Moved only by `ratings.services`."""

        ASSIGNED = "assigned", "Assigned"
        STARTED = "started", "Started"
        SIGNED = "signed", "Signed"
        CANCELLED = "cancelled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.CharField(max_length=12, unique=True)
    session = models.ForeignKey("study_sessions.StudySession", on_delete=models.PROTECT, related_name="assignments")
    assessment = models.ForeignKey("study_sessions.AssessmentSchedule", on_delete=models.PROTECT, related_name="+")
    rater = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="rating_assignments")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ASSIGNED)
    assigned_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    assigned_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("assigned_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("session", "assessment"),
                condition=~models.Q(status="cancelled"),
                name="one_living_assignment_per_assessment",
            ),
        )

    class Data:
        """What each field holds."""

        operational = (
            "id", "code", "session", "assessment", "rater", "status", "assigned_by", "assigned_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return self.code
