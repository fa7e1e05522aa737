"""Identity, kept apart from everything else in schema `pii` and encrypted per participant."""

import uuid

from django.db import models


class Identity(models.Model):
    """Name, birth date and contact as one AES-GCM sealed document under the participant's own key.

    Erasure destroys the key; the study record stays. No export, report or API reads this table.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.OneToOneField("participants.Participant", on_delete=models.PROTECT, related_name="identity")
    sealed_key = models.BinaryField()
    sealed_document = models.BinaryField()
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = 'pii"."identity'
        verbose_name_plural = "identities"

    class Data:
        """What each field holds."""

        identifying = ("sealed_key", "sealed_document")
        operational = ("id", "participant", "erased_at")

    def __str__(self) -> str:
        return f"identity of {self.participant_id}"
