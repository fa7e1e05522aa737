"""Quantification as people ask for it: queue, run again, cancel, review. The work itself is in `fitting`."""

import hashlib
import json
from typing import Any

from django.db import transaction
from django.db.models import Max

from sessions.fits import dose_minutes
from sessions.models import (
    AnalysisProtocol,
    BasisSet,
    QuantificationReview,
    QuantificationRun,
    Requantification,
    Spectrum,
)
from sessions.mrs import ENGINE_VERSION
from sessions.services.analysis_protocols import current_of, terms_of
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState

AUTOMATIC = "auto"
BATCH_PRIORITY = 9
State = QuantificationRun.State


def queue(
    *, spectrum: Spectrum, by: User, basis: BasisSet | None = None, batch: Requantification | None = None
) -> QuantificationRun:
    """Add the job row of a spectrum; a living run with the same input and settings is returned instead.

    The settings are those of the study's analysis protocol, or of the batch's version; with another `basis` the run
    stands outside the protocol. The caller has checked the person and locked the session, and tells the queue when the
    transaction has committed.
    """
    protocol = batch.protocol if batch else None if basis else current_of(spectrum.session.participant.study)
    asked = _asked(spectrum, protocol, basis)
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    living = spectrum.runs.filter(settings_sha256=digest, engine_version=ENGINE_VERSION).exclude(
        state__in=[State.FAILED, State.CANCELLED]
    )
    if (found := living.first()) is not None:
        return found
    last = spectrum.runs.aggregate(last=Max("ordinal"))["last"] or 0
    return QuantificationRun.objects.create(
        spectrum=spectrum, ordinal=last + 1, basis=basis, settings=asked, settings_sha256=digest,
        engine_version=ENGINE_VERSION, queued_at=clock.now(), requested_by=by, protocol=protocol, batch=batch,
        priority=BATCH_PRIORITY if batch else 0,
    )  # fmt: skip


def _asked(spectrum: Spectrum, protocol: AnalysisProtocol | None, basis: BasisSet | None) -> dict[str, Any]:
    """Return what a run is asked for: what its hash names and its worker reads."""
    water = spectrum.water_reference
    asked: dict[str, Any] = {
        "basis": str(basis.pk) if basis else AUTOMATIC, "water": water.original_sha256 if water else ""
    }  # fmt: skip
    if (dose := dose_minutes(spectrum)) is not None:
        asked["dose"] = list(dose)
    if protocol is None:
        planned = spectrum.session.participant.study.mrs_settings
        return asked | {"engine": {key: value for key, value in planned.items() if key != "quality"}}
    terms = terms_of(protocol)
    return asked | {
        "engine": terms.engine_settings(), "protocol": str(protocol.pk), "blocks": terms.blocks, "window": terms.window,
        "bases": [one.id for one in terms.bases],
        "macromolecules": terms.measured.id if terms.measured else "",
    }  # fmt: skip


@transaction.atomic
def retry(*, run: QuantificationRun, basis: BasisSet | None = None, by: User) -> QuantificationRun:
    """Quantify the spectrum of an ended run once more, with another basis where one is given; the old run stays.

    Raises:
        NotPermitted: the role does not include uploads at this site.
        InvalidState: the spectrum is unusable or withdrawn, or has such a run already.
    """
    locked = _locked(run, by, Permission.SPECTRUM_UPLOAD)
    if locked.state not in QuantificationRun.ENDED:
        raise InvalidState("This run has not ended yet.")
    spectrum = locked.spectrum
    if spectrum.status == Spectrum.Status.REJECTED:
        raise InvalidState("The file could not be used, so there is nothing to run again. Upload a readable one.")
    _refuse_withdrawn(spectrum)
    before = set(spectrum.runs.values_list("pk", flat=True))
    again = queue(spectrum=spectrum, basis=basis, by=by)
    if again.pk in before:
        msg = f"Run {again.ordinal} used the same data and settings: {again.get_state_display().lower()}."
        raise InvalidState(msg)
    return again


@transaction.atomic
def cancel(*, run: QuantificationRun, by: User) -> QuantificationRun:
    """Stop a run that has not ended; its worker loses the right to write.

    Raises:
        NotPermitted: the role does not include uploads at this site.
        InvalidState: the run has ended.
    """
    locked = _locked(run, by, Permission.SPECTRUM_UPLOAD)
    if locked.state in QuantificationRun.ENDED:
        msg = f"This run has ended already: {locked.get_state_display().lower()}."
        raise InvalidState(msg)
    locked.state, locked.finished_at, locked.lease_expires_at = State.CANCELLED, clock.now(), None
    locked.fencing_token += 1
    locked.save(update_fields=["state", "finished_at", "lease_expires_at", "fencing_token"])
    return locked


@transaction.atomic
def review(*, run: QuantificationRun, decision: str, comment: str, by: User) -> QuantificationReview:
    """Give a verdict on a fit; a later verdict is added and counts, the earlier one stays.

    The same verdict of the same person sent again gives the one that stands.

    Raises:
        NotPermitted: the role does not include reviews at this site.
        InvalidInput: no decision, or no words where the decision needs them.
        InvalidState: the run has no result, or its file was withdrawn.
    """
    locked = _locked(run, by, Permission.QUANTIFICATION_REVIEW)
    if locked.state != State.DONE or locked.spectrum.kind != "metabolite":
        raise InvalidState("Only a finished fit can be reviewed.")
    _refuse_withdrawn(locked.spectrum)
    fields = {}
    if decision not in QuantificationReview.Decision.values:
        fields["decision"] = "Choose accept, accept with comment or reject."
    elif decision != QuantificationReview.Decision.ACCEPT and not comment.strip():
        fields["comment"] = "Say why in a few words."
    if len(comment) > 500:
        fields["comment"] = f"Use 500 characters at most; these are {len(comment)}."
    if fields:
        raise InvalidInput("The review needs another look.", fields=fields)
    latest = locked.reviews.order_by("-reviewed_at", "-pk").first()
    if latest is not None and (latest.decision, latest.comment, latest.reviewed_by) == (decision, comment.strip(), by):
        return latest  # sent twice
    study = locked.spectrum.session.participant.study
    events.record("fit reviewed", study=study.code, target=str(locked.pk), data={"decision": decision})
    return QuantificationReview.objects.create(
        run=locked, decision=decision, comment=comment.strip(), reviewed_by=by, reviewed_at=clock.now()
    )


def _refuse_withdrawn(spectrum: Spectrum) -> None:
    if spectrum.status == Spectrum.Status.WITHDRAWN:
        raise InvalidState("This file was withdrawn; its runs stay as they are.")


def _locked(run: QuantificationRun, by: User, permission: Permission) -> QuantificationRun:
    # Locked without joins: PostgreSQL's FOR UPDATE OF takes no table name with a schema.
    QuantificationRun.objects.select_for_update().get(pk=run.pk)
    locked = (
        QuantificationRun.objects.select_related("spectrum__session__participant__study", "spectrum__water_reference")
        .select_related("spectrum__session__participant__site")
        .get(pk=run.pk)
    )
    participant = locked.spectrum.session.participant
    check(by, permission, participant.study, participant.site)
    return locked
