"""The job row: who may work on a run, for how long, and what happens when a worker falls silent.

A worker claims with one UPDATE that returns a fencing token; every later write names the token and touches nothing when
somebody else claimed since. The database's own clock measures leases, so that machines need not agree on the time.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction

from sessions.models import QuantificationRun

ATTEMPTS = 5
GAVE_UP = "The quantification stopped five times without an answer. Run it again, or tell the study office."
SWEEP_LOCK = 7_204_511
MOST_OF_BATCHES_SENT = 16
State = QuantificationRun.State
ACTIVE = [state.value for state in QuantificationRun.ACTIVE]

CLAIM = """
UPDATE jobs.quantification_run SET state = 'checking', progress = 0, fencing_token = fencing_token + 1,
    attempts = attempts + 1, lease_expires_at = clock_timestamp() + make_interval(secs => %s),
    started_at = coalesce(started_at, clock_timestamp())
WHERE id = %s AND attempts < %s
    AND (state = 'queued' OR (state = ANY(%s) AND lease_expires_at < clock_timestamp()))
RETURNING fencing_token
"""
RENEW = """
UPDATE jobs.quantification_run
SET state = %s, progress = %s, lease_expires_at = clock_timestamp() + make_interval(secs => %s)
WHERE id = %s AND fencing_token = %s AND state = ANY(%s)
"""
RELEASE = """
UPDATE jobs.quantification_run SET state = 'queued', progress = 0, lease_expires_at = NULL, sent_at = clock_timestamp()
WHERE id = %s AND fencing_token = %s AND state = ANY(%s)
"""
FAIL = """
UPDATE jobs.quantification_run SET state = 'failed', lease_expires_at = NULL, finished_at = clock_timestamp(),
    failure_code = %s, failure_message = %s
WHERE id = %s AND fencing_token = %s AND state = ANY(%s)
"""
ABANDON = """
UPDATE jobs.quantification_run SET state = 'failed', lease_expires_at = NULL, finished_at = clock_timestamp(),
    fencing_token = fencing_token + 1, failure_code = 'gave_up', failure_message = %s
WHERE attempts >= %s AND (state = 'queued' OR (state = ANY(%s) AND lease_expires_at < clock_timestamp()))
"""
DUE = """
UPDATE jobs.quantification_run SET sent_at = clock_timestamp()
WHERE coalesce(sent_at, queued_at) < clock_timestamp() - make_interval(secs => %s)
    AND ((state = 'queued' AND priority = 0) OR (state = ANY(%s) AND lease_expires_at < clock_timestamp()))
RETURNING id, priority
"""
# A batch is sent a few runs at a time: each that ends sends the next, and what got lost counts as sent no longer.
# In a WITH, not in a subquery: the planner may run a locking subquery more than once, and its LIMIT anew each time.
FEED = """
WITH next AS MATERIALIZED (
    SELECT id FROM jobs.quantification_run
    WHERE state = 'queued' AND priority > 0
        AND (sent_at IS NULL OR sent_at < clock_timestamp() - make_interval(secs => %(resend)s))
    ORDER BY priority, queued_at, id
    LIMIT greatest(0, %(most)s - (
        SELECT count(*) FROM jobs.quantification_run
        WHERE priority > 0 AND (
            (state = ANY(%(active)s) AND lease_expires_at >= clock_timestamp())
            OR (state = 'queued' AND sent_at >= clock_timestamp() - make_interval(secs => %(resend)s))
        )
    ))
    FOR UPDATE SKIP LOCKED
)
UPDATE jobs.quantification_run AS run SET sent_at = clock_timestamp() FROM next WHERE run.id = next.id
RETURNING run.id, run.priority
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a run: valid while the row carries the same token."""

    run_id: uuid.UUID
    token: int


class LeaseLost(Exception):
    """Somebody else claimed the run, or a person cancelled it; whatever was worked out is thrown away."""


@transaction.atomic
def claim(run_id: uuid.UUID) -> Lease | None:
    """Take a queued run, or one whose worker fell silent; None when there is nothing to take."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [settings.PORTAL_JOB_LEASE_SECONDS, run_id, ATTEMPTS, ACTIVE])
        row = cursor.fetchone()
    return Lease(run_id, row[0]) if row else None


def renew(lease: Lease, state: str, progress: float) -> None:
    """Say that the work goes on and how far it is.

    Raises:
        LeaseLost: the run is no longer this worker's.
    """
    _own(RENEW, [state, progress, settings.PORTAL_JOB_LEASE_SECONDS, lease.run_id, lease.token, ACTIVE])


def release(lease: Lease) -> None:
    """Put a run back into the queue after a crash; the sweeper sends it again.

    Raises:
        LeaseLost: the run is no longer this worker's.
    """
    _own(RELEASE, [lease.run_id, lease.token, ACTIVE])


def fail(lease: Lease, code: str, message: str) -> None:
    """End a run with the sentence that says why.

    Raises:
        LeaseLost: the run is no longer this worker's.
    """
    _own(FAIL, [code, message, lease.run_id, lease.token, ACTIVE])


def held(lease: Lease) -> QuantificationRun:
    """Return the run, locked, inside the caller's transaction: the only way to write what it leads to.

    Raises:
        LeaseLost: the run is no longer this worker's.
    """
    # Locked without joins: PostgreSQL's FOR UPDATE OF takes no table name with a schema.
    mine = QuantificationRun.objects.filter(pk=lease.run_id, fencing_token=lease.token, state__in=ACTIVE)
    if mine.select_for_update().first() is None:
        raise LeaseLost
    return mine.select_related("basis", "protocol", "spectrum__upload", "spectrum__session__participant__study").get()


@dataclass(frozen=True, slots=True)
class Due:
    """A run whose id is to be sent to the queue; a priority above 0 waits behind everything at 0."""

    run_id: uuid.UUID
    priority: int


@transaction.atomic
def sweep() -> list[Due]:
    """Give up on runs that failed too often; return those that must be sent again. One sweeper at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SWEEP_LOCK])
        if not cursor.fetchone()[0]:
            return []
        cursor.execute(ABANDON, [GAVE_UP, ATTEMPTS, ACTIVE])
        cursor.execute(DUE, [settings.PORTAL_JOB_RESEND_SECONDS, ACTIVE])
        return [Due(*row) for row in cursor.fetchall()] + feed()


@transaction.atomic
def feed() -> list[Due]:
    """Return the next runs of batches to send, few at a time, so that an upload never waits behind a batch."""
    with connection.cursor() as cursor:
        given: dict[str, float | list[str]] = {
            "resend": settings.PORTAL_JOB_RESEND_SECONDS, "most": MOST_OF_BATCHES_SENT, "active": ACTIVE,
        }  # fmt: skip
        cursor.execute(FEED, given)
        return [Due(*row) for row in cursor.fetchall()]


def _own(statement: str, parameters: Sequence[str | float | uuid.UUID | list[str]]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        if cursor.rowcount != 1:
            raise LeaseLost
