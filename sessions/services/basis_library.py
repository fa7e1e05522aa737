"""The study's library of basis sets: what an upload must be, what it holds, and whether it suits a spectrum.

Files are read in the sandbox only. What an archive holds is kept as one .BASIS text and a macromolecule scan as its
de-identified NIfTI-MRS, so that the hash shown names exactly what is fitted with.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction

from sessions.models import BasisSet, Spectrum
from sessions.services import bases, sandbox, store
from sessions.services.workplace import workplace
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput
from studyportal.studies.models import Study

LIMIT_BYTES = 32 * 1024 * 1024
FREQUENCY_TOLERANCE = 0.06
SCANS = (".nii.gz", ".nii", ".sdat", ".rda", ".ima", ".dcm", ".dat", ".7", ".zip")
ACCEPTED = ".BASIS, a .zip of .RAW files with their .BASIS, or a .zip of FSL .json files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file as it was sent."""

    filename: str
    content: bytes


@transaction.atomic
def add(
    *,
    study: Study,
    name: str,
    files: Sequence[Part],
    kind: str = BasisSet.Kind.METABOLITES,
    echo_time_ms: float | None = None,
    by: User,
) -> BasisSet:
    """Keep a basis set, or a measured macromolecule spectrum, after the sandbox has read all of it.

    Raises:
        NotPermitted: the role does not include reviews of fits.
        InvalidInput: the name is taken or empty, or the file is not what it should be; with what is wrong.
    """
    check(by, Permission.QUANTIFICATION_REVIEW, study)
    bases.refuse_name(study, name)
    _refuse_files(files, kind)
    with workplace() as folder:
        content, suffix, said = _read(files, kind, folder)
    digest = store.put(content)
    if (same := study.basis_sets.filter(stored_sha256=digest).first()) is not None:
        msg = f"This file is here already: {same.name}."
        raise _wrong(msg)
    echo = bases.echo_time_in(content) if suffix == ".basis" else said.get("echo_time_ms")
    basis = BasisSet.objects.create(
        study=study, name=name.strip(), kind=kind, stored_sha256=digest, suffix=suffix,
        field_tesla=said["field_tesla"], echo_time_ms=echo or echo_time_ms, dwell_time_s=said["dwell_time_s"],
        points=said["points"], metabolites=said["metabolites"], preview_sha256=_preview(said), uploaded_by=by,
        uploaded_at=clock.now(),
    )  # fmt: skip
    events.record("basis set added", study=study.code, target=str(basis.pk))
    return basis


@transaction.atomic
def look_into(*, basis: BasisSet, by: User) -> BasisSet:
    """Fill in what a set holds that was added before anybody looked, or that is simulated; once.

    Raises:
        NotPermitted: the role does not include reviews of fits.
        InvalidInput: the set cannot be read any more.
    """
    check(by, Permission.QUANTIFICATION_REVIEW, basis.study)
    if basis.preview_sha256:
        return basis
    with workplace() as folder:
        given = bases.engine_argument(basis, folder)
        is_measured = basis.kind == BasisSet.Kind.MACROMOLECULES
        try:
            said = _engine(["basis", given, *(["--macromolecules"] if is_measured else []), "--json"], folder)
        except (sandbox.Refused, sandbox.Crashed) as refusal:
            msg = f"{basis.name} cannot be read: {getattr(refusal, 'message', 'the engine gave no answer')}"
            raise _wrong(msg) from None
    basis.metabolites, basis.preview_sha256 = said["metabolites"], _preview(said)
    basis.dwell_time_s, basis.points = said["dwell_time_s"], said["points"]
    basis.save(update_fields=["metabolites", "preview_sha256", "dwell_time_s", "points"])
    return basis


def preview_of(basis: BasisSet) -> Mapping[str, Any]:
    """Return the small spectra of a set: `ppm` (descending) and `spectra` by name; empty before anybody looked."""
    return dict(json.loads(store.get(basis.preview_sha256))) if basis.preview_sha256 else {}


def mismatch(basis: BasisSet, header: Mapping[str, Any]) -> str:
    """Return the sentence that says why a set does not suit a spectrum, or nothing where it does."""
    tesla, echo = bases.field_of(header), bases.echo_time_of(header)
    if tesla and basis.field_tesla and abs(basis.field_tesla / tesla - 1) > FREQUENCY_TOLERANCE:
        return f"{basis.name} is made for {basis.field_tesla:.1f} T; the spectrum was measured at {tesla:.1f} T."
    is_timed = basis.kind == BasisSet.Kind.METABOLITES and echo is not None and basis.echo_time_ms is not None
    if is_timed and abs((basis.echo_time_ms or 0) - (echo or 0)) > bases.SAME_ECHO_MS:
        return f"{basis.name} is made for an echo time of {basis.echo_time_ms:g} ms; the spectrum has {echo:g} ms."
    return ""


def refuse_mismatch(basis: BasisSet | None, spectrum: Spectrum) -> None:
    """Refuse to fit a spectrum with a set that was made for another field strength or echo time.

    Raises:
        InvalidInput: with the sentence that says why.
    """
    sentence = mismatch(basis, spectrum.header) if basis is not None else ""
    if sentence:
        raise InvalidInput(sentence, fields={"basis": sentence}, code="basis_mismatch")


def _read(files: Sequence[Part], kind: str, folder: Path) -> tuple[bytes, str, dict[str, Any]]:
    """Return the bytes that are kept, their suffix, and what the engine says of them."""
    paths = []
    for file in files:
        place = folder / f"given{_suffix(file, (*SCANS, '.basis', '.spar'))}"
        place.write_bytes(file.content)
        paths.append(place)
    try:
        if kind == BasisSet.Kind.MACROMOLECULES:
            main, *beside = sorted(paths, key=lambda path: path.suffix == ".spar")
            out = folder / "kept.nii.gz"
            companion: list[str | Path] = ["--companion", beside[0]] if beside else []
            _engine(["convert", main, *companion, "--out", out, "--json"], folder)
            return out.read_bytes(), ".nii.gz", _engine(["basis", out, "--macromolecules", "--json"], folder)
        out = folder / "kept.basis"
        said = _engine(["basis", paths[0], "--out", out, "--json"], folder)
        return (out if out.exists() else paths[0]).read_bytes(), ".basis", said
    except sandbox.Refused as refusal:
        raise _wrong(refusal.message) from None
    except sandbox.Crashed:
        raise _wrong("The file could not be read as a basis set.") from None


def _engine(arguments: Sequence[str | Path], folder: Path) -> dict[str, Any]:
    return sandbox.engine(arguments, folder=folder, tick=_patient)


def _patient(stage: str, fraction: float) -> bool:
    del stage, fraction
    return True


def _preview(said: Mapping[str, Any]) -> str:
    return store.put(json.dumps(said["preview"]).encode())


def _refuse_files(files: Sequence[Part], kind: str) -> None:
    if kind not in BasisSet.Kind.values:
        raise InvalidInput("Say whether this is a basis set or measured macromolecules.", code="unknown_kind")
    if not files:
        raise _wrong("Choose a file.")
    if sum(len(file.content) for file in files) > LIMIT_BYTES:
        msg = f"The file is larger than {LIMIT_BYTES // 1024**2} MB, the largest that is taken."
        raise _wrong(msg)
    if kind == BasisSet.Kind.METABOLITES:
        if len(files) != 1 or not _suffix(files[0], (".basis", ".zip")):
            msg = f"Choose one file: {ACCEPTED}."
            raise _wrong(msg)
        return
    pair = sorted(_suffix(file, (*SCANS, ".spar")) for file in files)
    if not all(pair) or (pair != [".sdat", ".spar"] and len(pair) > 1):
        raise _wrong("Choose the macromolecule scan as NIfTI-MRS, or as the scanner wrote it (.SDAT with its .SPAR).")


def _suffix(file: Part, known: Sequence[str]) -> str:
    return next((one for one in known if file.filename.lower().endswith(one)), "")


def _wrong(message: str) -> InvalidInput:
    return InvalidInput(message, fields={"file": message}, code="not_a_basis")
