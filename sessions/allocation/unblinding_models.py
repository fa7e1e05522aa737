"""Rows of unblinding: a treatment asked for a colleague, and the two people of the planned unblinding."""

import datetime
import uuid

from django.db import models

from studyportal import clock

LINK_LIVES = datetime.timedelta(minutes=60)
SECOND_WITHIN = datetime.timedelta(hours=1)


class DeliveryRequest(models.Model):
    """One participant's treatment asked for somebody else: written at the blinded door, opened once at the vault.

    Only SHA-256 values of the link's secret and of the code are kept. Whom it goes to is personal, hence schema `pii`;
    the vault may read the row and note that it was opened, the blinded door may do neither to the other half.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    participant = models.ForeignKey("participants.Participant", on_delete=models.PROTECT, related_name="+")
    requested_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(default=clock.now)
    signature = models.OneToOneField("accounts.Signature", on_delete=models.PROTECT, related_name="+")
    reason_code = models.CharField(max_length=16)
    reason = models.CharField(max_length=240)
    recipient_name = models.CharField(max_length=120)
    recipient_email = models.EmailField()
    link_digest = models.CharField(max_length=64, unique=True)
    code_digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    failed_tries = models.PositiveSmallIntegerField(default=0)
    opened_at = models.DateTimeField(null=True)

    class Meta:
        db_table = 'pii"."delivery_request'
        ordering = ("-requested_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(expires_at__lte=models.F("requested_at") + LINK_LIVES),
                name="delivery_link_lives_an_hour",
            ),
            models.CheckConstraint(
                condition=models.Q(opened_at__isnull=True) | models.Q(opened_at__lte=models.F("expires_at")),
                name="delivery_opened_in_time",
            ),
        )

    class Data:
        """What each field holds."""

        identifying = ("recipient_name", "recipient_email")
        clinical = ("reason_code", "reason")
        operational = (
            "id", "study", "participant", "requested_by", "requested_at", "signature", "link_digest", "code_digest",
            "expires_at", "failed_tries", "opened_at",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"delivery {self.pk}"


class PlannedUnblinding(models.Model):
    """The opening of every allocation after the lock: begun by one person, confirmed by another within the hour."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey("studies.Study", on_delete=models.PROTECT, related_name="+")
    started_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    confirmed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = 'alloc"."planned_unblinding'
        ordering = ("-started_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(confirmed_by__isnull=True) | ~models.Q(confirmed_by=models.F("started_by")),
                name="unblinding_confirmed_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_at__isnull=True, confirmed_by__isnull=True)
                | models.Q(
                    confirmed_by__isnull=False, confirmed_at__gte=models.F("started_at"),
                    confirmed_at__lte=models.F("started_at") + SECOND_WITHIN,
                ),
                name="unblinding_confirmed_within_the_hour",
            ),
        )  # fmt: skip

    class Data:
        """What each field holds."""

        operational = ("id", "study", "started_by", "started_at", "confirmed_by", "confirmed_at")

    def __str__(self) -> str:
        return f"planned unblinding of {self.study_id}"
