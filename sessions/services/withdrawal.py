"""Withdrawing a file that was uploaded to the wrong participant or session: it stays on record and counts no more."""

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from sessions.models import QuantificationRun, Spectrum, StudySession, Upload
from sessions.services import originals, quantification
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.audit.context import because
from studyportal.errors import InvalidInput, InvalidState

State = QuantificationRun.State
LONGEST_REASON = 240


@transaction.atomic
def withdraw(*, spectrum: Spectrum, reason: str, by: User) -> list[QuantificationRun]:
    """Withdraw a file: its job is cancelled and its results leave every table; the same file may go elsewhere.

    Spectra that were fitted with a withdrawn water reference are fitted anew, with another one or without; their
    earlier runs end. The new runs are returned, for the caller to send to the queue.

    Raises:
        NotPermitted: the role does not include uploads at this site.
        InvalidInput: the reason is missing or too long.
        InvalidState: the file was withdrawn before.
    """
    session = (
        StudySession.objects.select_for_update(of=("self",))
        .select_related("participant__study", "participant__site")
        .get(pk=spectrum.session_id)
    )
    study = session.participant.study
    check(by, Permission.SPECTRUM_UPLOAD, study, session.participant.site)
    reason = reason.strip()
    if not reason:
        raise InvalidInput("Say why.", fields={"reason": "Say in a few words why the file does not belong here."})
    if len(reason) > LONGEST_REASON:
        msg = f"Use {LONGEST_REASON} characters at most; these are {len(reason)}."
        raise InvalidInput(msg, fields={"reason": msg})
    again = session.spectra.filter(water_reference=spectrum).exclude(status__in=Spectrum.UNUSED)
    touched = [spectrum.pk, *again.values_list("pk", flat=True)]
    # The runs first, as a worker does: it writes a spectrum only while it holds the run.
    list(QuantificationRun.objects.select_for_update().filter(spectrum__in=touched).order_by("pk"))
    mine = Spectrum.objects.select_for_update(of=("self",)).select_related("upload").get(pk=spectrum.pk)
    if mine.status == Spectrum.Status.WITHDRAWN:
        raise InvalidState("This file was withdrawn already.")
    mine.status, mine.withdrawn_by, mine.withdrawn_at = Spectrum.Status.WITHDRAWN, by, clock.now()
    mine.withdrawn_reason = reason
    with because("file_withdrawn", reason):
        mine.save(update_fields=["status", "withdrawn_by", "withdrawn_at", "withdrawn_reason"])
        _cancel(mine.runs.exclude(state__in=QuantificationRun.ENDED))
        runs = _without(mine, list(again.select_related("session__participant__study")), by)
    events.record("spectrum withdrawn", study=study.code, target=str(mine.pk), data={"reason": reason})
    transaction.on_commit(lambda: originals.remove_raw(upload=mine.upload), robust=True)
    return runs


def _without(water: Spectrum, fitted: list[Spectrum], by: User) -> list[QuantificationRun]:
    """Give spectra that lost their water reference the latest other one, and queue their runs."""
    others = water.session.spectra.filter(kind=Upload.Kind.WATER).exclude(status__in=Spectrum.UNUSED)
    other = others.order_by("-ordinal").first()
    runs = []
    for spectrum in fitted:
        _cancel(spectrum.runs.exclude(state__in=[State.FAILED, State.CANCELLED]))
        spectrum.water_reference = other
        spectrum.save(update_fields=["water_reference"])
        runs.append(quantification.queue(spectrum=spectrum, by=by))
    return runs


def _cancel(runs: QuerySet[QuantificationRun]) -> None:
    """End runs; a worker that holds one loses the right to write."""
    runs.update(
        state=State.CANCELLED, finished_at=Coalesce(F("finished_at"), clock.now()), lease_expires_at=None,
        fencing_token=F("fencing_token") + 1,
    )  # fmt: skip
