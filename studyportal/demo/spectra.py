"""The demo's functional spectra: simulated, uploaded as by the imaging analyst, quantified by the real worker.

They come in one by one behind the start of the portal, and only while the queue is short, so that nobody's own upload
waits behind the demo. After a stop the rest comes in at the next start.
"""

import secrets
import time
from collections.abc import Callable
from uuid import UUID

from django.db import transaction

from sessions.models import QuantificationRun, Spectrum, StudySession
from sessions.mrs import simulate_functional
from sessions.policies import infusion_start
from sessions.services.uploads import store_upload
from sessions.tasks import enqueue
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.audit.context import acting
from studyportal.demo.journey import MINUTE
from studyportal.demo.outcomes import Outcome
from studyportal.studies.models import Study

LONGEST_QUEUE = 3
WAIT_S = 1.0
BLOCK_MINUTES = 8


def lacking(study: Study) -> list[StudySession]:
    """Return the completed sessions without a spectrum, latest first: what a visitor opens first is there first."""
    return list(
        StudySession.objects.filter(participant__study=study, status=StudySession.Status.COMPLETED, spectra=None)
        .select_related("participant__study", "participant__site", "period")
        .prefetch_related("doses__planned")
        .order_by("-completed_at")
    )


def waiting(study: Study) -> int:
    """Return how many runs have not ended."""
    return (
        QuantificationRun.objects.filter(spectrum__session__participant__study=study)
        .exclude(state__in=QuantificationRun.ENDED)
        .count()
    )


def upload(session: StudySession, outcome: Outcome, *, by: User) -> Spectrum:
    """Simulate the spectrum of a session and take it in at the time of the session's end."""
    began = infusion_start(session)
    assert session.completed_at is not None
    content = simulate_functional(outcome.glx, seed=secrets.randbits(63))
    # One transaction, so that the sweeper never sees an old upload without its bytes.
    with clock.at(session.completed_at), acting(f"user:{by.username}"), transaction.atomic():
        spectrum = store_upload(
            session=session, kind="metabolite", filename="functional.nii.gz", content=content, by=by,
            acquired_at=began - BLOCK_MINUTES * MINUTE if began else None,
        )  # fmt: skip
        enqueue(spectrum.runs.all())
    return spectrum


def feed(
    study: Study, outcomes: dict[UUID, list[Outcome]], *, by: User, wait: Callable[[float], None] = time.sleep
) -> int:
    """Take in every spectrum that lacks; return how many came in."""
    fed = 0
    for session in lacking(study):
        while waiting(study) >= LONGEST_QUEUE:
            wait(WAIT_S)
        outcome = outcomes[session.participant_id][session.period.number - 1]
        upload(session, outcome, by=by)
        fed += 1
    return fed
