"""The queue's side of sessions: an id in, a service called, nothing out."""

import uuid
from collections.abc import Callable, Iterable

from django.db import transaction

from sessions.models import QuantificationRun
from sessions.services import fitting, jobs, uploads
from studyportal.celery import task


@task("sessions.quantify")
def quantify(run_id: str) -> None:
    """Work on a run, if nobody else does."""
    fitting.process(run_id=uuid.UUID(run_id))


@task("sessions.sweep_quantifications")
def sweep_quantifications() -> None:
    """Send again what was lost on the way, and tidy up after uploads that ended."""
    for run_id in jobs.sweep():
        quantify.delay(str(run_id))
    uploads.tidy()


def enqueue(runs: Iterable[QuantificationRun]) -> None:
    """Send the ids of new runs once their rows are committed.

    A broker that is down costs nothing but time: the row waits, and the sweeper sends its id later.
    """
    for run in runs:
        transaction.on_commit(_sender(str(run.pk)), robust=True)


def _sender(run_id: str) -> Callable[[], None]:
    """Return a function of its own name: Django names a failed robust hook, and a `partial` has no name."""

    def send() -> None:
        quantify.delay(run_id)

    return send
