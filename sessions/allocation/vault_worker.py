"""The vault's own worker: answers requests of minimization, whether or not a door or the broker runs.

Its queue is the request rows themselves, in the schema that only the vault reads; a notification of the database wakes
it, and every few seconds it looks by itself, so that a lost notification costs seconds. Nothing is shared with the
blinded side's queue: neither the broker nor a user of it.

It may be killed at any moment: an answer is one transaction.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from sessions.allocation import minimizing
from studyportal.audit.context import acting
from studyportal.errors import BlindingViolation, StudyError

logger = logging.getLogger(__name__)

PRESENCE = 4_160_251_126
"""Number of the advisory lock that a running worker shares; whoever runs none leaves no trace of one."""
LOOK_EVERY_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0

RUNNING = """
SELECT EXISTS (
    SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = %s AND l.granted AND a.usename = 'portal_vault'
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""


def is_running() -> bool:
    """Whether a worker of the vault is connected to this database now; for the vault's health check."""
    with connection.cursor() as cursor:
        cursor.execute(RUNNING, [PRESENCE >> 32, PRESENCE & 0xFFFFFFFF])
        (found,) = cursor.fetchone()
    return bool(found)


def run(*, pulse: Path | None = None, is_over: Callable[[], bool] = lambda: False) -> None:
    """Answer until stopped; a database that is away is waited for.

    Parameters:
        pulse: a file that is touched at every look, for a container's health check.
        is_over: asked before every look; tests end the loop with it.

    Raises:
        BlindingViolation: this process is not the vault.
    """
    if settings.PORTAL_DOOR != "vault":
        raise BlindingViolation("The vault's worker runs with the vault's login only.")
    pauses = Pauses()
    while not is_over():
        try:
            _listen()
            while not is_over():
                look(pauses)
                if pulse is not None:
                    pulse.touch()
                _wait()
        except (DatabaseError, InterfaceError, psycopg.Error):
            logger.exception("the database is away; trying again")
            connection.close()
            time.sleep(FIRST_PAUSE_S)


class Pauses:
    """How long a request that could not be answered is left alone: longer each time, and never given up."""

    def __init__(self) -> None:
        self._until: dict[UUID, tuple[float, float]] = {}

    def is_due(self, asked: UUID) -> bool:
        """Whether a request may be tried now."""
        return time.monotonic() >= self._until.get(asked, (0.0, 0.0))[0]

    def put_off(self, asked: UUID) -> None:
        """Leave a request alone for a while."""
        pause = min(max(self._until.get(asked, (0.0, 0.0))[1] * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._until[asked] = (time.monotonic() + pause, pause)


def look(pauses: Pauses) -> int:
    """Answer whatever waits and is due; return how many were answered."""
    answered = 0
    for asked in minimizing.waiting():
        if not pauses.is_due(asked):
            continue
        with acting(f"system:minimization:{asked}"):
            try:
                answered += minimizing.answer(asked)
            except StudyError as refusal:
                logger.warning("a request waits on", extra={"job": str(asked), "code": refusal.reason_code})
                pauses.put_off(asked)
    return answered


def _listen() -> None:
    with connection.cursor() as cursor:
        cursor.execute("LISTEN minimization")
        cursor.execute("SELECT pg_try_advisory_lock_shared(%s)", [PRESENCE])


def _wait() -> None:
    """Sleep until a request is written, or for a while."""
    raw = connection.connection
    assert raw is not None
    for _ in raw.notifies(timeout=LOOK_EVERY_S, stop_after=1):
        pass
