"""Spectra on their way in: announced with size and checksum, sent in pieces, believed when the checksum agrees.

Announcing writes rows only; a piece advances its row in the transaction that keeps it; the last piece makes the
spectrum and queues its quantification. Until then a refused or broken upload leaves nothing behind but an upload row
that says so.
"""

import datetime
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction

from sessions.models import QuantificationRun, Spectrum, StudySession, Upload
from sessions.services import originals, quantification, store
from sessions.services.upload_rules import (
    Announced,
    WholeFile,
    announced,
    refuse_size,
    refuse_wrong_companions,
    suffix_of,
)
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState, NotFound

PIECE_LIMIT_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What an upload has come to: `spectrum` when it is in; `is_duplicate` when it was in before."""

    upload: Upload
    spectrum: Spectrum | None = None
    runs: tuple[QuantificationRun, ...] = ()
    is_duplicate: bool = False


@transaction.atomic
def announce(
    *,
    session: StudySession,
    kind: str,
    file: Announced,
    companions: Sequence[Announced] = (),
    acquired_at: datetime.datetime | None = None,
    by: User,
) -> Arrival:
    """Prepare to receive a file; the same file announced again goes on where it stopped.

    Raises:
        NotPermitted: the role does not include uploads at this site.
        InvalidInput: the file is empty, too large, of an unknown kind, or its companion is missing.
        InvalidState: the session has not begun, or the file belongs to another session.
    """
    session = _locked(session, by)
    if kind not in Upload.Kind.values:
        raise InvalidInput("Say whether this is the spectrum or its water reference.", code="unknown_kind")
    suffix = suffix_of(file)
    refuse_wrong_companions(suffix, companions)
    for one in (file, *companions):
        refuse_size(one)
    if acquired_at is not None and acquired_at > clock.now() + datetime.timedelta(minutes=1):
        raise InvalidInput("The scan starts in the future.", fields={"acquired_at": "Enter the actual time."})
    known = _known(session, file.sha256)
    if known is not None and known.status != Spectrum.Status.REJECTED:
        return Arrival(upload=known.upload, spectrum=known, is_duplicate=True)
    unfinished = Upload.objects.filter(
        session=session, created_by=by, sha256=file.sha256, size_bytes=file.size_bytes, kind=kind, parent=None,
        completed_at=None, removed_at=None,
    )  # fmt: skip
    if (found := unfinished.first()) is not None:
        return Arrival(upload=found)
    upload = _row(session, kind, file, by, acquired_at=acquired_at)
    for companion in companions:
        _row(session, kind, companion, by, parent=upload)
    return Arrival(upload=upload)


@transaction.atomic
def append(*, upload: Upload, offset: int, content: bytes, by: User) -> Upload:
    """Keep the piece of an upload that begins at `offset`.

    Raises:
        NotFound: the upload is somebody else's.
        InvalidInput: the piece is too large, or longer than what was announced.
        InvalidState: the upload stands at another offset (`offset_conflict`), or has ended.
    """
    locked = _mine(upload, by)
    if locked.removed_at is not None:
        raise InvalidState("This upload was stopped. Choose the file again.", code="upload_ended")
    if offset != locked.received_bytes:
        msg = f"The upload stands at {locked.received_bytes} bytes, not at {offset}."
        raise InvalidState(msg, code="offset_conflict")
    if len(content) > PIECE_LIMIT_BYTES or offset + len(content) > locked.size_bytes:
        raise InvalidInput("The file is longer than announced. Choose it again.", code="too_long")
    if content:
        store.put_part(locked.pk, offset, content)
        locked.received_bytes = offset + len(content)
        locked.last_byte_at = clock.now()
        locked.save(update_fields=["received_bytes", "last_byte_at"])
    return locked


@transaction.atomic
def stop(*, upload: Upload, by: User) -> None:
    """End an upload that is not finished and forget its bytes, with those of its companions.

    Raises:
        NotFound: the upload is somebody else's.
        InvalidState: the file has arrived; it belongs to the study now.
    """
    locked = _mine(upload, by)
    if locked.completed_at is not None:
        raise InvalidState("This file has arrived already: it belongs to the study now.", code="upload_complete")
    for one in (locked, *locked.companions.all()):
        originals.end(upload=one)


def finish(*, upload: Upload, by: User) -> Arrival:
    """Compare the checksum of a file that is wholly here; the last file of a pair makes the spectrum.

    Raises:
        InvalidInput: what arrived differs from what was announced; it is deleted and the upload ends.
    """
    if upload.completed_at is None:
        if store.digest_of(upload.pk) != upload.sha256:
            originals.end(upload=upload)
            raise InvalidInput(
                "The file that arrived differs from yours: the checksums disagree. Nothing is stored, upload it again.",
                code="checksum_mismatch",
            )
        upload.completed_at = clock.now()
        with transaction.atomic():
            upload.save(update_fields=["completed_at"])
    whole = upload.parent or upload
    family = [whole, *whole.companions.all()]
    if any(one.completed_at is None for one in family):
        return Arrival(upload=upload)
    return _receive(whole, by)


def store_upload(
    *,
    session: StudySession,
    kind: str,
    filename: str,
    content: bytes,
    by: User,
    companions: Sequence[tuple[str, bytes]] = (),
    acquired_at: datetime.datetime | None = None,
) -> Spectrum:
    """Take in a whole file at once; otherwise as the upload in pieces.

    Raises:
        NotPermitted, InvalidInput, InvalidState: as `announce`.
    """
    file = WholeFile(kind=kind, filename=filename, content=content, companions=tuple(companions))
    (arrival,) = receive(session=session, files=[file], acquired_at=acquired_at, by=by)
    assert arrival.spectrum is not None
    return arrival.spectrum


@transaction.atomic
def receive(
    *, session: StudySession, files: Sequence[WholeFile], acquired_at: datetime.datetime | None = None, by: User
) -> list[Arrival]:
    """Take in whole files: all of them, or none when one is refused.

    Raises:
        NotPermitted, InvalidInput, InvalidState: as `announce`.
    """
    arrivals = [
        announce(
            session=session, kind=file.kind, file=announced(file.filename, file.content), acquired_at=acquired_at,
            by=by, companions=[announced(*companion) for companion in file.companions],
        )
        for file in files
    ]  # fmt: skip
    return [
        arrival if arrival.spectrum is not None else _send_whole(arrival.upload, file, by)
        for arrival, file in zip(arrivals, files, strict=True)
    ]


def _send_whole(upload: Upload, file: WholeFile, by: User) -> Arrival:
    beside = {hashlib.sha256(content).hexdigest(): content for _, content in file.companions}
    for companion in upload.companions.all():
        _send(companion, beside[companion.sha256], by)
    return _send(upload, file.content, by)


def _send(upload: Upload, content: bytes, by: User) -> Arrival:
    for offset in range(upload.received_bytes, len(content), PIECE_LIMIT_BYTES):
        upload = append(upload=upload, offset=offset, content=content[offset : offset + PIECE_LIMIT_BYTES], by=by)
    return finish(upload=upload, by=by)


@transaction.atomic
def _receive(upload: Upload, by: User) -> Arrival:
    """Make the spectrum of an upload that is wholly here, link its water reference and queue its run."""
    session = _locked(upload.session, by)
    known = _known(session, upload.sha256)
    if known is not None and known.status != Spectrum.Status.REJECTED:
        if known.upload_id != upload.pk:
            transaction.on_commit(lambda: originals.remove_raw(upload=upload), robust=True)
        return Arrival(upload=upload, spectrum=known, is_duplicate=known.upload_id != upload.pk)
    spectrum = known or Spectrum(session=session, ordinal=session.spectra.count() + 1, original_sha256=upload.sha256)
    spectrum.upload, spectrum.kind, spectrum.status = upload, upload.kind, Spectrum.Status.RECEIVED
    spectrum.uploaded_by, spectrum.uploaded_at = by, clock.now()
    if spectrum.kind == Upload.Kind.METABOLITE:
        water = session.spectra.filter(kind=Upload.Kind.WATER).exclude(status__in=Spectrum.UNUSED)
        spectrum.water_reference = water.order_by("-ordinal").first()
    spectrum.save()
    events.record("spectrum uploaded", study=session.participant.study.code, target=str(spectrum.pk))
    waiting = [spectrum, *(_without_water(spectrum) if spectrum.kind == Upload.Kind.WATER else ())]
    runs = tuple(quantification.queue(spectrum=one, by=by) for one in waiting)
    return Arrival(upload=upload, spectrum=spectrum, runs=runs)


def _without_water(water: Spectrum) -> Iterator[Spectrum]:
    """Link a water reference that came after its spectrum; yield the spectra that are quantified again with it."""
    lacking = water.session.spectra.filter(kind=Upload.Kind.METABOLITE, water_reference=None)
    for spectrum in lacking.exclude(status__in=Spectrum.UNUSED):
        spectrum.water_reference = water
        spectrum.save(update_fields=["water_reference"])
        yield spectrum


def _mine(upload: Upload, by: User) -> Upload:
    """Lock an upload of this person's.

    Raises:
        NotFound: it is somebody else's.
    """
    locked = Upload.objects.select_for_update(of=("self",)).select_related("session__participant__study").get(
        pk=upload.pk
    )  # fmt: skip
    if locked.created_by_id != by.pk:
        raise NotFound("This upload is not yours.")
    check(by, Permission.SPECTRUM_UPLOAD, locked.session.participant.study, locked.session.participant.site)
    return locked


def _locked(session: StudySession, by: User) -> StudySession:
    """Lock the session for an upload; those who may not upload here do not get so far."""
    locked = (
        StudySession.objects.select_for_update(of=("self",))
        .select_related("participant__study", "participant__site")
        .get(pk=session.pk)
    )
    check(by, Permission.SPECTRUM_UPLOAD, locked.participant.study, locked.participant.site)
    if locked.status not in {StudySession.Status.IN_PROGRESS, StudySession.Status.COMPLETED}:
        raise InvalidState("This session was not held yet: start it before its spectra are uploaded.")
    return locked


def _known(session: StudySession, sha256: str) -> Spectrum | None:
    """Return the session's spectrum made from the same file.

    Raises:
        InvalidState: another session of the study holds it; this one would be the wrong one.
    """
    study = session.participant.study
    found = (
        Spectrum.objects.filter(session__participant__study=study, original_sha256=sha256)
        .exclude(status=Spectrum.Status.WITHDRAWN)
        .select_related("upload", "session__participant__site")
    )
    here = found.filter(session=session).first()
    elsewhere = found.exclude(status=Spectrum.Status.REJECTED).exclude(session=session).first()
    if here is None and elsewhere is not None:
        other = "session" if elsewhere.session.participant_id == session.participant_id else "participant"
        msg = f"This file belongs to another {other}. Check that you chose the right one, or withdraw it there first."
        raise InvalidState(msg, code="file_elsewhere")
    return here


def _row(
    session: StudySession,
    kind: str,
    file: Announced,
    by: User,
    *,
    parent: Upload | None = None,
    acquired_at: datetime.datetime | None = None,
) -> Upload:
    return Upload.objects.create(
        session=session, kind=kind, suffix=suffix_of(file), size_bytes=file.size_bytes, sha256=file.sha256,
        parent=parent, acquired_at=acquired_at, created_by=by, created_at=clock.now(),
    )  # fmt: skip
