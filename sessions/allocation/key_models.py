"""Who holds the shares of the vault's key, and when they were last tried; never a share, never the key."""

import uuid

from django.db import models

from studyportal import clock


class KeyShareSet(models.Model):
    """One issue of shares, two of which restore the key. A later issue of the same key replaces it.

    `test_blob` was sealed to the key when the shares were issued; whoever restores the key proves it by opening this.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.PositiveIntegerField()
    fingerprint = models.CharField(max_length=19)
    holders = models.JSONField()
    test_blob = models.BinaryField()
    test_sha256 = models.CharField(max_length=64)
    issued_at = models.DateTimeField(default=clock.now)
    issued_by = models.CharField(max_length=120)

    class Meta:
        db_table = 'alloc"."key_share_set'
        ordering = ("-issued_at",)
        constraints = (models.UniqueConstraint(fields=("number",), name="share_set_number_once"),)

    class Data:
        """What each field holds."""

        operational = (
            "id", "number", "fingerprint", "holders", "test_blob", "test_sha256", "issued_at", "issued_by",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"share set {self.number}"


class KeyRestoreTest(models.Model):
    """That two holders restored the key and it opened what was sealed before."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    share_set = models.ForeignKey(KeyShareSet, on_delete=models.PROTECT, related_name="tests")
    holders = models.JSONField()
    slots_opened = models.PositiveIntegerField(default=0)
    tested_at = models.DateTimeField(default=clock.now)
    tested_by = models.CharField(max_length=120)

    class Meta:
        db_table = 'alloc"."key_restore_test'
        ordering = ("-tested_at",)

    class Data:
        """What each field holds."""

        operational = ("id", "share_set", "holders", "slots_opened", "tested_at", "tested_by")

    def __str__(self) -> str:
        return f"restore test {self.tested_at:%Y-%m-%d}"
