"""The file as the scanner wrote it: how it goes once its de-identified spectrum is stored.

By the study's setting it is deleted, or kept sealed to a key whose private half no process of the portal holds
(`quarantine`). Uploads that nobody went on with end here too.
"""

import contextlib
import datetime
from collections.abc import Iterable, Iterator

from django.db import transaction

from sessions.models import QuantificationRun, Spectrum, Upload
from sessions.services import quarantine, store, workplace
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidState, NotFound
from studyportal.studies.models import Study

STALE_AFTER = datetime.timedelta(hours=24)
GIVEN_UP_AFTER = datetime.timedelta(days=7)


def remove_raw(*, upload: Upload) -> None:
    """Let the raw bytes of an upload and of its companions go, and say when."""
    for one in (upload, *upload.companions.all()):
        if upload.session.participant.study.keeps_originals:
            _keep(one)
        end(upload=one)


@transaction.atomic
def end(*, upload: Upload) -> None:
    """Delete the raw bytes of one file and say when."""
    store.drop_upload(upload.pk)
    Upload.objects.filter(pk=upload.pk, removed_at=None).update(removed_at=clock.now())


def tidy() -> None:
    """End uploads that nobody went on with for a day, and let go what a crash left behind.

    A file that could not be worked on within a week, however often somebody tried, is given up too: no raw file stays.
    """
    workplace.clear()
    stale = Upload.objects.filter(removed_at=None, completed_at=None, created_at__lt=clock.now() - STALE_AFTER)
    stored = (
        Upload.objects.filter(removed_at=None, parent=None)
        .exclude(spectrum__status=Spectrum.Status.RECEIVED)
        .filter(spectrum__isnull=False)
        .select_related("session__participant__study")
    )
    for spectrum in _given_up():
        _reject(spectrum)
    for upload in stale:
        end(upload=upload)
    for upload in stored:
        # Without its key an original can neither be sealed nor, by the study's setting, deleted: it waits for the key.
        with contextlib.suppress(InvalidState):
            remove_raw(upload=upload)


def _given_up() -> Iterable[Spectrum]:
    """Return the spectra whose raw file waits for no run any more."""
    going_on = QuantificationRun.objects.exclude(state__in=QuantificationRun.ENDED)
    old = Spectrum.objects.filter(status=Spectrum.Status.RECEIVED, uploaded_at__lt=clock.now() - GIVEN_UP_AFTER)
    return old.exclude(runs__in=going_on)


@transaction.atomic
def _reject(spectrum: Spectrum) -> None:
    """Take a spectrum that was never converted off the list; its raw file ends with the next tidying."""
    Spectrum.objects.filter(pk=spectrum.pk, status=Spectrum.Status.RECEIVED).update(status=Spectrum.Status.REJECTED)


@transaction.atomic
def decide(*, study: Study, keeps: bool, by: User) -> None:
    """Keep originals sealed from now on, or delete them; what was kept before stays.

    Raises:
        NotPermitted: the role does not include the watch over stored files for the whole study.
        InvalidState: this installation has no quarantine key.
    """
    check(by, Permission.TEAM_MANAGE, study)
    if keeps and not quarantine.has_key():
        raise InvalidState("This installation has no quarantine key: originals cannot be kept.", code="no_key")
    study.keeps_originals = keeps
    study.save(update_fields=["keeps_originals"])
    events.record("originals kept" if keeps else "originals deleted", study=study.code, target=study.code)


def opened(*, upload: Upload, private_key: bytes) -> Iterator[bytes]:
    """Yield the original bytes of a kept upload; the opening is in the trail before the first byte is out.

    Raises:
        NotFound: no original was kept, or its file is gone.
        InvalidInput: the key does not fit, or the file was altered.
    """
    if not upload.quarantine_sha256:
        raise NotFound("No original is kept of this upload.")
    study = upload.session.participant.study
    events.record_now("original opened", study=study.code, target=str(upload.pk))
    yield from quarantine.opened(store.pieces_of(store.original_name(upload.pk)), private_key, str(upload.pk))


def _keep(upload: Upload) -> None:
    """Seal the raw bytes beside the study's files, unless they are there already or were never whole."""
    if upload.completed_at is None or upload.removed_at is not None or upload.quarantine_sha256:
        return
    digest = store.put_original(upload.pk, quarantine.sealed(store.parts(upload.pk), str(upload.pk)))
    with transaction.atomic():
        Upload.objects.filter(pk=upload.pk).update(quarantine_sha256=digest)
