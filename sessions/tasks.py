"""The queue's side of sessions: an id in, a service called, nothing out."""

import uuid
from collections.abc import Callable, Iterable

from django.db import transaction

from sessions.models import QuantificationRun
from sessions.services import drawing, fitting, fixity, jobs, originals, outbox
from studyportal.celery import task


@task("sessions.quantify")
def quantify(run_id: str) -> None:
    """Work on a run, if nobody else does; then let the next one of a batch come."""
    fitting.process(run_id=uuid.UUID(run_id))
    _send(jobs.feed())


@task("sessions.sweep_quantifications")
def sweep_quantifications() -> None:
    """Send again what was lost on the way, and tidy up after uploads that ended."""
    _send(jobs.sweep())
    originals.tidy()


@task("sessions.complete_randomizations")
def complete_randomizations() -> None:
    """Write down the numbers that were drawn while nobody looked, and send what that says."""
    if drawing.complete_all():
        enqueue_mail()


# Hours, for a large study; taken off the queue when it begins, since a sweep that was killed simply comes again.
@task("sessions.check_files", acks_late=False, time_limit=12 * 3600, soft_time_limit=12 * 3600)
def check_files() -> None:
    """Read every stored file again and compare its hash."""
    fixity.sweep()


@task("sessions.send_mail")
def send_mail() -> None:
    """Send what the outbox holds; what cannot be sent is tried again by the same task later."""
    outbox.deliver()


def enqueue_mail() -> None:
    """Let the outbox be looked at once what was written is committed; without a broker the next sweep does it."""
    transaction.on_commit(_send_mail, robust=True)


def _send_mail() -> None:
    send_mail.delay()


def enqueue(runs: Iterable[QuantificationRun]) -> None:
    """Send the ids of new runs once their rows are committed.

    A broker that is down costs nothing but time: the row waits, and the sweeper sends its id later.
    """
    for run in runs:
        transaction.on_commit(_sender(str(run.pk)), robust=True)


def enqueue_batch() -> None:
    """Send the first runs of a new batch once its rows are committed."""
    transaction.on_commit(lambda: _send(jobs.feed()), robust=True)


def _send(due: Iterable[jobs.Due]) -> None:
    for one in due:
        quantify.apply_async((str(one.run_id),), priority=one.priority)


def _sender(run_id: str) -> Callable[[], None]:
    """Return a function of its own name: Django names a failed robust hook, and a `partial` has no name."""

    def send() -> None:
        quantify.delay(run_id)

    return send
