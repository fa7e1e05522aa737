"""Read-only views of the trail; the tables are made by migration 0001 and written by the database alone."""

import json
import uuid
from typing import Any

from django.db import models


class Change(models.Model):
    """One change of one row, chained by hash to the one before it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tbl = models.TextField()
    pk_text = models.TextField(db_column="pk")
    seq = models.IntegerField()
    body = models.TextField()
    previous_hash = models.TextField()
    hash = models.TextField()

    class Meta:
        managed = False
        db_table = 'audit"."change'

    class Data:
        """What each field holds."""

        clinical = ("body",)
        operational = ("id", "tbl", "pk_text", "seq", "previous_hash", "hash")

    def __str__(self) -> str:
        return f"{self.tbl} {self.pk_text} #{self.seq}"

    @property
    def document(self) -> dict[str, Any]:
        """The hashed text as a document: at, op, old, new, actor, reason_code, reason, request_id, login."""
        return dict(json.loads(self.body))


class Event(models.Model):
    """A named step of the workflow: randomize, sign, reveal, export."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField()
    name = models.TextField()
    actor = models.TextField()
    request_id = models.TextField()
    study = models.TextField()
    target = models.TextField()
    login = models.TextField(default="")
    data = models.JSONField(default=dict)

    class Meta:
        managed = False
        db_table = 'audit"."event'
        ordering = ("at",)

    class Data:
        """What each field holds."""

        operational = ("id", "at", "name", "actor", "request_id", "study", "target", "login", "data")

    def __str__(self) -> str:
        return f"{self.name} {self.target}"
