"""Quantification as people ask for it: queue, run again, cancel, review. The work itself is in `fitting`."""

import hashlib
import json

from django.db import transaction
from django.db.models import Max

from sessions.models import BasisSet, QuantificationReview, QuantificationRun, Spectrum
from sessions.mrs import ENGINE_VERSION
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState

AUTOMATIC = "auto"
State = QuantificationRun.State


def queue(*, spectrum: Spectrum, by: User, basis: BasisSet | None = None) -> QuantificationRun:
    """Add the job row of a spectrum; a living run with the same input and settings is returned instead.

    The caller has checked the person and locked the session, and tells the queue when the transaction has committed.
    """
    water = spectrum.water_reference
    asked = {
        "engine": {
            key: value for key, value in spectrum.session.participant.study.mrs_settings.items() if key != "quality"
        },
        "basis": str(basis.pk) if basis else AUTOMATIC,
        "water": water.original_sha256 if water else "",
    }
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    living = spectrum.runs.filter(settings_sha256=digest, engine_version=ENGINE_VERSION).exclude(
        state__in=[State.FAILED, State.CANCELLED]
    )
    if (found := living.first()) is not None:
        return found
    last = spectrum.runs.aggregate(last=Max("ordinal"))["last"] or 0
    return QuantificationRun.objects.create(
        spectrum=spectrum, ordinal=last + 1, basis=basis, settings=asked, settings_sha256=digest,
        engine_version=ENGINE_VERSION, queued_at=clock.now(), requested_by=by,
    )  # fmt: skip


@transaction.atomic
def retry(*, run: QuantificationRun, basis: BasisSet | None = None, by: User) -> QuantificationRun:
    """Quantify the spectrum of an ended run once more, with another basis where one is given; the old run stays.

    Raises:
        NotPermitted: the role does not include uploads at this site.
        InvalidState: the spectrum is unusable, or has such a run already.
    """
    locked = _locked(run, by, Permission.SPECTRUM_UPLOAD)
    if locked.state not in QuantificationRun.ENDED:
        raise InvalidState("This run has not ended yet.")
    spectrum = locked.spectrum
    if spectrum.status == Spectrum.Status.REJECTED:
        raise InvalidState("The file could not be used, so there is nothing to run again. Upload a readable one.")
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
        InvalidState: the run has no result.
    """
    locked = _locked(run, by, Permission.QUANTIFICATION_REVIEW)
    if locked.state != State.DONE or locked.spectrum.kind != "metabolite":
        raise InvalidState("Only a finished fit can be reviewed.")
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
