"""Results of other programs beside our own: read in the sandbox, every number as its file has it, marked as imported.

An imported result never becomes an estimate of the study: it stands in a table of its own, and no export, dashboard or
outcome reads it.
"""

import hashlib
from pathlib import Path

from django.db import IntegrityError, transaction

from sessions.models import ImportedResult, Spectrum, Upload
from sessions.services import sandbox
from sessions.services.workplace import workplace
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput

LIMIT_BYTES = 16 * 1024 * 1024
UNREADABLE = "This is not a result that can be imported: choose a file of LCModel, FSL-MRS, Osprey or Tarquin."


@transaction.atomic
def attach(*, spectrum: Spectrum, filename: str, content: bytes, by: User) -> ImportedResult:
    """Attach a result file to a spectrum; the same file attached again gives the one that is there.

    Raises:
        NotPermitted: the role does not include reviews of fits at this site.
        InvalidInput: the file is empty, too large or no result; nothing is kept.
    """
    participant = spectrum.session.participant
    check(by, Permission.QUANTIFICATION_REVIEW, participant.study, participant.site)
    if spectrum.kind != Upload.Kind.METABOLITE:
        raise _wrong("A water reference has no result.")
    if not content or len(content) > LIMIT_BYTES:
        raise _wrong("The file is empty." if not content else "The file is larger than 16 MB: this is no result file.")
    digest = hashlib.sha256(content).hexdigest()
    if (there := spectrum.imports.filter(sha256=digest).first()) is not None:
        return there
    document = _read(filename, content)
    try:
        with transaction.atomic():
            made = ImportedResult.objects.create(
                spectrum=spectrum, program=str(document["program"])[:40], program_version=str(document["version"])[:60],
                sha256=digest, document=document, imported_by=by, imported_at=clock.now(),
            )  # fmt: skip
    except IntegrityError:  # sent twice at the same time
        return spectrum.imports.get(sha256=digest)
    events.record("result imported", study=participant.study.code, target=str(spectrum.pk))
    return made


def _read(filename: str, content: bytes) -> dict[str, object]:
    """Let the sandbox read a result; the file's own name says what an Osprey table holds, and is not kept."""
    with workplace() as folder:
        place = folder / "result"
        place.write_bytes(content)
        arguments: list[str | Path] = ["import", place, "--name", Path(filename).name[:200], "--json"]
        try:
            return sandbox.engine(arguments, folder=folder, tick=lambda _stage, _fraction: True)
        except sandbox.Refused as refusal:
            raise _wrong(refusal.message) from None
        except sandbox.Crashed:
            raise _wrong(UNREADABLE) from None


def _wrong(message: str) -> InvalidInput:
    return InvalidInput(message, fields={"file": message}, code="not_a_result")
