"""The watch over stored files: each one read again, its hash compared, and an alert for each that is not what it was.

Reading verifies too (`store.get`), so that a damaged file never becomes a silent result; the sweep finds it before
anybody needs it. Alerts carry a hash and a kind, never a participant.
"""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.mail import send_mail
from django.db import transaction

from sessions.models import BasisSet, FileAlert, FixityCheck, QuantificationResult, Spectrum, Upload
from sessions.services import store
from studyportal import clock
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import people_with
from studyportal.errors import NotFound
from studyportal.studies.models import Study

Holds, Problem = FileAlert.Holds, FileAlert.Problem
BODY = """{count} stored file{s} of {study} {are} missing or changed.

Sign in and open Stored files: it names each by its hash and says what it holds. Restore it from the backup; nothing is
computed from it until then.
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A file that a row names."""

    study_id: uuid.UUID
    sha256: str
    holds: str
    place: str


def sweep() -> FixityCheck:
    """Read every file that a row names; open an alert for each that is missing or changed, close those that are whole.

    One file after another and one transaction for each finding, so that a sweep that is killed loses nothing.
    """
    with transaction.atomic():
        run = FixityCheck.objects.create(started_at=clock.now())
    fresh: dict[uuid.UUID, int] = {}
    for held in _everything():
        size, problem = _state(held)
        run.files, run.size_bytes = run.files + 1, run.size_bytes + size
        run.missing += problem == Problem.MISSING
        run.changed += problem == Problem.CHANGED
        if _noted(held, problem):
            fresh[held.study_id] = fresh.get(held.study_id, 0) + 1
    run.finished_at = clock.now()
    with transaction.atomic():
        run.save()
    for study in Study.objects.filter(pk__in=fresh).order_by("code"):
        _tell(study, fresh[study.pk])
    return run


def _state(held: Held) -> tuple[int, str]:
    """Return a file's size and what is wrong with it, or nothing."""
    digest, size = hashlib.sha256(), 0
    try:
        for piece in store.pieces_of(held.place):
            digest.update(piece)
            size += len(piece)
    except (NotFound, OSError):
        return 0, Problem.MISSING
    return size, "" if digest.hexdigest() == held.sha256 else Problem.CHANGED


@transaction.atomic
def _noted(held: Held, problem: str) -> bool:
    """Write down what was found; whether it is new."""
    known = FileAlert.objects.filter(study_id=held.study_id, sha256=held.sha256, holds=held.holds, mended_at=None)
    if not problem:
        known.update(mended_at=clock.now())
        return False
    if known.exclude(problem=problem).update(problem=problem) or known.exists():
        return False
    FileAlert.objects.create(
        study_id=held.study_id, sha256=held.sha256, holds=held.holds, problem=problem, found_at=clock.now()
    )
    return True


def _everything() -> Iterator[Held]:
    """Yield each stored file once for each study and kind."""
    seen = set()
    for held in _named():
        key = (held.study_id, held.sha256, held.holds)
        if key not in seen:
            seen.add(key)
            yield held


def _named() -> Iterator[Held]:
    participant = "session__participant__study_id"
    spectra = Spectrum.objects.exclude(stored_sha256="").values_list(participant, "stored_sha256")
    results = QuantificationResult.objects.values_list(f"run__spectrum__{participant}", "curves_sha256")
    bases = BasisSet.objects.exclude(stored_sha256="").values_list("study_id", "stored_sha256")
    for holds, rows in ((Holds.SPECTRUM, spectra), (Holds.CURVES, results), (Holds.BASIS, bases)):
        for study_id, digest in rows.order_by("pk").iterator():
            yield Held(study_id, digest, holds, store.content_name(digest))
    originals = Upload.objects.exclude(quarantine_sha256="").values_list(participant, "quarantine_sha256", "pk")
    for study_id, digest, upload_id in originals.order_by("pk").iterator():
        yield Held(study_id, digest, Holds.ORIGINAL, store.original_name(upload_id))


def _tell(study: Study, count: int) -> None:
    """Write to those who watch over the study's files; mail that fails takes no alert back."""
    to = sorted({person.email for person in people_with(Permission.STORED_FILES_WATCH, study) if person.email})
    words = {"count": count, "study": study.name, "s": "" if count == 1 else "s", "are": "is" if count == 1 else "are"}
    if to:
        send_mail("Stored files need a look", BODY.format(**words), None, to, fail_silently=True)
