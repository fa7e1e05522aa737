"""LCModel on a stored spectrum, where the site has installed it: what it finds stands beside ours, marked as imported.

It runs within the request, in the sandbox: LCModel needs about a second, and after `SECONDS` it is stopped. A row in
the queue would keep a person waiting no less and would need a kind of run that no outcome may read.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from sessions.models import BasisSet, ImportedResult, Spectrum, Upload
from sessions.services import bases, sandbox, store
from sessions.services.workplace import workplace
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput

SECONDS = 30.0
ABSENT = "LCModel is not installed here."
UNSUITABLE = (
    "LCModel needs a .BASIS file of this field strength. Add one under Basis sets; a simulated set will not do for it."
)
TOO_SLOW = "LCModel took longer than 30 seconds and was stopped. Look at the spectrum; choose another basis set."
NO_RESULT = "LCModel ended without a result. Tell the administrator."


def is_installed() -> bool:
    """Tell whether the site named an LCModel that is there (`PORTAL_LCMODEL_BINARY`)."""
    path = settings.PORTAL_LCMODEL_BINARY
    return bool(path) and Path(path).is_absolute() and Path(path).is_file() and os.access(path, os.X_OK)


def is_offered(spectrum: Spectrum) -> bool:
    """Tell whether LCModel can be run on this spectrum at all."""
    is_ready = spectrum.status == Spectrum.Status.STORED and spectrum.withdrawn_at is None
    return spectrum.kind == Upload.Kind.METABOLITE and is_ready and is_installed()


@transaction.atomic
def quantify(*, spectrum: Spectrum, by: User) -> ImportedResult:
    """Let LCModel fit a spectrum with the study's nearest .BASIS file; the same numbers again give the row there is.

    Raises:
        NotPermitted: the role does not include reviews of fits at this site.
        InvalidInput: LCModel is not installed, or cannot be run on this spectrum; nothing is kept.
        NotFound: the stored file is missing or damaged.
    """
    participant = spectrum.session.participant
    check(by, Permission.QUANTIFICATION_REVIEW, participant.study, participant.site)
    if not is_installed():
        raise InvalidInput(ABSENT)
    if not is_offered(spectrum):
        raise InvalidInput("LCModel needs a spectrum that is stored and not withdrawn.")
    basis = _basis(spectrum)
    document = _run(spectrum, basis) | {"computed_here": True, "basis": basis.name, "basis_sha256": basis.stored_sha256}
    told = {key: document[key] for key in ("program", "version", "metabolites", "basis_sha256")}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    try:
        with transaction.atomic():
            made, is_new = ImportedResult.objects.get_or_create(
                spectrum=spectrum, sha256=digest,
                defaults={
                    "program": str(document["program"])[:40], "program_version": str(document["version"])[:60],
                    "document": document, "imported_by": by, "imported_at": clock.now(),
                },
            )  # fmt: skip
    except IntegrityError:  # asked twice at the same time
        return spectrum.imports.get(sha256=digest)
    if is_new:
        events.record("LCModel run", study=participant.study.code, target=str(spectrum.pk))
    return made


def _basis(spectrum: Spectrum) -> BasisSet:
    study = spectrum.session.participant.study
    written = study.basis_sets.filter(kind=BasisSet.Kind.METABOLITES, suffix=".basis").exclude(stored_sha256="")
    among = [str(one.pk) for one in written.order_by("-is_default", "name")]
    try:
        if among:
            return bases.choose(study=study, header=spectrum.header, among=among)
    except sandbox.Refused:
        pass
    raise InvalidInput(UNSUITABLE)


def _run(spectrum: Spectrum, basis: BasisSet) -> dict[str, Any]:
    with workplace() as folder:
        data = folder / "spectrum.nii.gz"
        data.write_bytes(store.get(spectrum.stored_sha256))
        arguments: list[str | Path] = ["lcmodel", data, "--basis", bases.engine_argument(basis, folder), "--json"]
        arguments += ["--binary", settings.PORTAL_LCMODEL_BINARY]
        water = spectrum.water_reference
        if water is not None and water.status == Spectrum.Status.STORED:
            reference = folder / "water.nii.gz"
            reference.write_bytes(store.get(water.stored_sha256))
            arguments += ["--water", reference]
        try:
            return sandbox.engine(arguments, folder=folder, tick=_until(time.monotonic() + SECONDS))
        except sandbox.Refused as refusal:
            raise InvalidInput(refusal.message) from None
        except sandbox.Stopped:
            raise InvalidInput(TOO_SLOW) from None
        except sandbox.Crashed:
            raise InvalidInput(NO_RESULT) from None


def _until(deadline: float) -> Callable[[str, float], bool]:
    def tick(_stage: str, _fraction: float) -> bool:
        return time.monotonic() < deadline

    return tick
