"""Batches: every stored spectrum of a study quantified once more under one version of the analysis protocol.

The runs of a batch wait behind every upload (`jobs.feed`). Nothing is overwritten: each spectrum gets one more run,
marked with its version.
"""

from django.db import transaction
from django.db.models import QuerySet

from sessions.models import AnalysisProtocol, QuantificationRun, Requantification, Spectrum
from sessions.services.quantification import queue
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check, sites_with
from studyportal.audit import events
from studyportal.errors import InvalidState
from studyportal.studies.models import Study

State = QuantificationRun.State


@transaction.atomic
def start(*, protocol: AnalysisProtocol, by: User) -> Requantification:
    """Queue a run under `protocol` for every stored spectrum that has none yet, at the sites of the person.

    Raises:
        NotPermitted: the role does not include quantifying a study again.
        InvalidState: the database is locked, a batch is running, or every spectrum has such a run already.
    """
    study = Study.objects.select_for_update().get(pk=protocol.study_id)
    check(by, Permission.QUANTIFICATION_REPEAT, study)
    if study.status == Study.Status.LOCKED:
        raise InvalidState("The database of this study is locked: nothing is quantified again.", code="database_locked")
    if running_of(study).exists():
        raise InvalidState("A batch of this study is running. Wait until it ends, or cancel it.")
    batch = Requantification.objects.create(protocol=protocol, requested_by=by, requested_at=clock.now())
    spectra = Spectrum.objects.filter(
        session__participant__study=study, kind="metabolite", status=Spectrum.Status.STORED,
        session__participant__site__in=sites_with(by, Permission.QUANTIFICATION_REPEAT, study),
    ).select_related("session__participant__study", "water_reference", "upload")  # fmt: skip
    spectra = spectra.prefetch_related("session__doses__planned")
    # By random id: the order in which a batch comes in says nothing about sessions.
    runs = [queue(spectrum=one, batch=batch, by=by) for one in spectra.order_by("pk")]
    made = sum(run.batch_id == batch.pk for run in runs)
    if not made:
        msg = f"Every spectrum has a run under version {protocol.version} already."
        raise InvalidState(msg if runs else "The study has no stored spectrum yet.")
    events.record(
        "study quantified again", study=study.code, target=str(batch.pk),
        data={"version": protocol.version, "runs": made},
    )  # fmt: skip
    return batch


@transaction.atomic
def cancel(*, batch: Requantification, by: User) -> Requantification:
    """Cancel what has not ended; running fits are stopped, finished ones stay.

    Raises:
        NotPermitted: the role does not include quantifying a study again.
        InvalidState: the batch has ended.
    """
    locked = Requantification.objects.select_for_update().get(pk=batch.pk)
    study = locked.protocol.study
    check(by, Permission.QUANTIFICATION_REPEAT, study)
    living = QuantificationRun.objects.select_for_update().filter(batch=locked).exclude(
        state__in=QuantificationRun.ENDED
    )  # fmt: skip
    runs = list(living)
    if not runs:
        raise InvalidState("This batch has ended already.")
    for run in runs:
        run.state, run.finished_at, run.lease_expires_at = State.CANCELLED, clock.now(), None
        run.fencing_token += 1
        run.save(update_fields=["state", "finished_at", "lease_expires_at", "fencing_token"])
    locked.cancelled_by, locked.cancelled_at = by, clock.now()
    locked.save(update_fields=["cancelled_by", "cancelled_at"])
    events.record("batch cancelled", study=study.code, target=str(locked.pk), data={"runs": len(runs)})
    return locked


def running_of(study: Study) -> QuerySet[Requantification]:
    """Return the study's batches with a run that has not ended."""
    living = [State.QUEUED, *QuantificationRun.ACTIVE]
    return Requantification.objects.filter(protocol__study=study, runs__state__in=living).distinct()
