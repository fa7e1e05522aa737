"""The bridge between a job row and the engine: de-identify, choose the basis, fit, store, once.

Every write goes through the lease. The child process works in a folder of its own; nothing of a file or a name reaches
a log line. Bytes are put into the store before the rows that name them, so that a row never points at nothing.
"""

import datetime
import json
import uuid
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from django.db import transaction

from sessions import functional_tables
from sessions.fits import WATER_LEFT_OUT, minutes_to_scan
from sessions.models import (
    BasisSet,
    FunctionalResult,
    MetaboliteEstimate,
    QuantificationResult,
    QuantificationRun,
    Spectrum,
    Upload,
)
from sessions.quality import Verdict, verdict
from sessions.services import bases, jobs, originals, sandbox, store
from sessions.services.analysis_protocols import terms_of
from sessions.services.workplace import workplace
from studyportal import clock
from studyportal.errors import NotFound

State = QuantificationRun.State
DOSE_LEFT_OUT = "The infusion's times do not fit this file: what changed after it was left out."
LEFT_OUT: Mapping[str, tuple[tuple[str, str], ...]] = {
    "water-mismatch": (("--water", WATER_LEFT_OUT),),
    "series-invalid": (
        ("--window", "The analysis protocol's sliding window does not fit this file: it was left out."),
        ("--dose", ""),  # one averaged spectrum: nobody expects a course of it
    ),
    "blocks-invalid": (
        ("--blocks", "The analysis protocol's number of blocks does not fit this file: it was left out."),
    ),
    "dose-invalid": (("--dose", DOSE_LEFT_OUT),),
    "design-invalid": (("--dose", DOSE_LEFT_OUT),),
    "clock-missing": (("--dose", "The file does not say how long a transient takes: what changed was left out."),),
}
"""The options that a refusal may be about, and what the result says when it is asked without."""
STAGES = {"preprocessing": State.PREPROCESSING, "fitting": State.FITTING}


def process(*, run_id: uuid.UUID) -> None:
    """Do the work of a run, if it is there to be taken; a lost lease ends it without a trace."""
    lease = jobs.claim(run_id)
    if lease is None:
        return
    try:
        with workplace() as folder:
            _work(lease, folder)
    except (jobs.LeaseLost, sandbox.Stopped):
        return
    except sandbox.Refused as refusal:
        _end(lease, refusal)
    except NotFound as damage:
        # A stored file is missing or no longer what it was: no number is computed from it, and trying again is no use.
        _end(lease, sandbox.Refused(damage.reason_code, damage.message))
    except sandbox.Crashed:
        _put_back(lease)


def _work(lease: jobs.Lease, folder: Path) -> None:
    with transaction.atomic():
        spectrum = jobs.held(lease).spectrum
    _store(lease, spectrum, folder)
    if spectrum.kind == Upload.Kind.WATER:
        with transaction.atomic():
            _done(jobs.held(lease))
        return
    run = _with_basis(lease)
    water = run.spectrum.water_reference
    if water is not None and water.status == Spectrum.Status.RECEIVED:
        _store_water(lease, water, folder)
    _commit(lease, *_fit(lease, run, water, folder))


def _store(lease: jobs.Lease, spectrum: Spectrum, folder: Path) -> None:
    """Make the de-identified file of a spectrum, once, and let the raw bytes go."""
    if spectrum.status == Spectrum.Status.STORED:
        return
    upload = spectrum.upload
    raw = folder / f"raw-{spectrum.pk}{upload.suffix}"
    store.copy_upload(upload.pk, raw)
    if raw.stat().st_size != upload.size_bytes:
        # Another run stored this file a moment ago, or a disk lost it: not the file's fault.
        raise sandbox.Crashed("the raw upload is not whole")
    arguments: list[str | Path] = ["convert", raw, "--out", folder / f"{spectrum.pk}.nii.gz", "--json"]
    for companion in upload.companions.all():
        beside = raw.with_suffix(companion.suffix)
        store.copy_upload(companion.pk, beside)
        arguments += ["--companion", beside]
    jobs.renew(lease, State.CONVERTING, 0.1)
    try:
        answer = sandbox.engine(arguments, folder=folder, tick=partial(_tick, lease, State.CONVERTING))
    except sandbox.Refused:
        _reject(lease, spectrum)
        raise
    content = (folder / f"{spectrum.pk}.nii.gz").read_bytes()
    digest = store.put(content)
    with transaction.atomic():
        jobs.held(lease)
        spectrum.status, spectrum.header = Spectrum.Status.STORED, answer.get("header", {})
        spectrum.stored_sha256, spectrum.stored_bytes = digest, len(content)
        spectrum.save(update_fields=["status", "header", "stored_sha256", "stored_bytes"])
        transaction.on_commit(lambda: originals.remove_raw(upload=upload), robust=True)


def _store_water(lease: jobs.Lease, water: Spectrum, folder: Path) -> None:
    """Store the water reference too; an unusable one is left out of the fit, and says so on its own page."""
    try:
        _store(lease, water, folder)
    except sandbox.Refused:
        water.refresh_from_db()


def _reject(lease: jobs.Lease, spectrum: Spectrum) -> None:
    with transaction.atomic():
        jobs.held(lease)
        spectrum.status = Spectrum.Status.REJECTED
        spectrum.save(update_fields=["status"])
        transaction.on_commit(lambda: originals.remove_raw(upload=spectrum.upload), robust=True)


def _with_basis(lease: jobs.Lease) -> QuantificationRun:
    """Write down the basis that fits the spectrum's field strength, unless the person chose one."""
    with transaction.atomic():
        run = jobs.held(lease)
        if run.basis is None:
            run.basis = bases.choose(
                study=run.spectrum.session.participant.study, header=run.spectrum.header,
                among=run.settings.get("bases", ()),
            )  # fmt: skip
            run.save(update_fields=["basis"])
        return run


def _fit(
    lease: jobs.Lease, run: QuantificationRun, water: Spectrum | None, folder: Path
) -> tuple[dict[str, Any], bytes]:
    assert run.basis is not None
    data, curves = folder / "spectrum.nii.gz", folder / "curves.json"
    data.write_bytes(store.get(run.spectrum.stored_sha256))
    arguments: list[str | Path] = ["quantify", data, "--basis", bases.engine_argument(run.basis, folder), "--json"]
    if water is not None and water.status == Spectrum.Status.STORED:
        reference = folder / "water.nii.gz"
        reference.write_bytes(store.get(water.stored_sha256))
        arguments += ["--water", reference]
    arguments += ["--settings", json.dumps(run.settings["engine"]), "--curves", curves, "--progress"]
    arguments += ["--blocks", run.settings.get("blocks", "auto")]
    if window := run.settings.get("window"):
        arguments += ["--window", str(window)]
    if dose := run.settings.get("dose"):
        arguments += ["--dose", "{:g},{:g}".format(*dose)]
    if measured := run.settings.get("macromolecules"):
        arguments += ["--macromolecules", _measured(measured, folder)]
    jobs.renew(lease, State.PREPROCESSING, 0.0)
    document = _quantified(arguments, folder, partial(_tick, lease, State.PREPROCESSING))
    return document, curves.read_bytes()


def _quantified(arguments: list[str | Path], folder: Path, tick: sandbox.Tick) -> dict[str, Any]:
    """Run the engine; what the file cannot give is left out of the question, and the result says so.

    The session's newest water was linked before either file could be read, and a protocol asks the same of every file:
    another scan's water, or a series where there is none, must not fail a spectrum.
    """
    flags: list[str] = []
    while True:
        try:
            document = sandbox.engine(arguments, folder=folder, tick=tick)
        except sandbox.Refused as refusal:
            asked = [each for each in LEFT_OUT.get(refusal.code, ()) if each[0] in arguments]
            if not asked:
                raise
            option, flag = asked[0]
            at = arguments.index(option)
            arguments = arguments[:at] + arguments[at + 2 :]
            flags += [flag] if flag else []
        else:
            document["flags"] += flags
            return document


def _measured(basis_id: str, folder: Path) -> Path:
    """Write the measured macromolecules of the protocol beside the spectrum."""
    found = BasisSet.objects.get(pk=basis_id)
    place = folder / f"macromolecules{found.suffix}"
    place.write_bytes(store.get(found.stored_sha256))
    return place


def _tick(lease: jobs.Lease, fallback: str, stage: str, fraction: float) -> bool:
    """Heartbeat of the lease; a run that was cancelled or taken over stops the child."""
    try:
        jobs.renew(lease, STAGES.get(stage, fallback), fraction)
    except jobs.LeaseLost:
        return False
    return True


def _commit(lease: jobs.Lease, document: dict[str, Any], curves: bytes) -> None:
    """Write result, estimates and the end of the run in one transaction that only the lease's holder can make."""
    curves_sha256 = store.put(curves)
    series, outcomes = document.pop("series", []), document.pop("functional", {})
    with transaction.atomic():
        run = jobs.held(lease)
        judged, now = judge(run, document), clock.now()
        result = QuantificationResult.objects.create(
            run=run, document=document, curves_sha256=curves_sha256, seconds=float(document["seconds"]),
            is_usable=judged.is_usable, verdict=judged.document(), seconds_to_verdict=_since_last_byte(run, now),
            created_at=now,
        )  # fmt: skip
        MetaboliteEstimate.objects.bulk_create(_estimates(result, document, minutes_to_scan(run.spectrum)))
        if series or outcomes:
            FunctionalResult.objects.create(
                result=result, series=series, outcomes=outcomes, rows=functional_tables.count(series)
            )
        _done(run)


def judge(run: QuantificationRun, document: Mapping[str, Any]) -> Verdict:
    """Judge a document by the thresholds that the run was asked with: its protocol's, else the study's own."""
    study = run.spectrum.session.participant.study
    planned = terms_of(run.protocol).thresholds() if run.protocol else study.mrs_settings.get("quality", {})
    return verdict(document, planned, study.mrs_primary_ratio)


def verdict_of(run: QuantificationRun) -> Verdict:
    """Return the verdict that was recorded with a result; results of earlier versions of the portal are judged now."""
    recorded = run.result.verdict
    return Verdict.from_document(recorded) if recorded else judge(run, run.result.document)


def _since_last_byte(run: QuantificationRun, now: datetime.datetime) -> float | None:
    """Return the seconds from the upload's last byte to the verdict; later runs of a spectrum are nobody's waiting."""
    upload = run.spectrum.upload
    arrived = upload.last_byte_at or upload.completed_at
    is_first = not QuantificationResult.objects.filter(run__spectrum=run.spectrum_id).exists()
    return round((now - arrived).total_seconds(), 1) if arrived is not None and is_first else None


def _estimates(
    result: QuantificationResult, document: Mapping[str, Any], scan_minutes: float | None
) -> Iterable[MetaboliteEstimate]:
    """Yield a tidy row for each number of the document, of the whole spectrum and of each block."""
    for part in (document, *document.get("blocks", ())):
        block = part.get("block")
        start = part.get("minutes_from_start")
        minutes = None if start is None or scan_minutes is None else round(scan_minutes + start, 3)
        for name, found in part.get("ratios", {}).items():
            yield MetaboliteEstimate(
                result=result, block=block, minutes_from_infusion=minutes, name=name,
                quantity=MetaboliteEstimate.Quantity.RATIO, value=found["value"], crlb_percent=found["crlb_percent"],
            )  # fmt: skip
        for name, found in part.get("metabolites", {}).items():
            yield MetaboliteEstimate(
                result=result, block=block, minutes_from_infusion=minutes, name=name, value=found["amplitude"],
                quantity=MetaboliteEstimate.Quantity.AMPLITUDE, crlb_percent=found["crlb_percent"],
            )  # fmt: skip


def _done(run: QuantificationRun) -> None:
    run.state, run.progress, run.finished_at, run.lease_expires_at = State.DONE, 1.0, clock.now(), None
    run.save(update_fields=["state", "progress", "finished_at", "lease_expires_at"])


def _end(lease: jobs.Lease, refusal: sandbox.Refused) -> None:
    try:
        jobs.fail(lease, refusal.code, refusal.message)
    except jobs.LeaseLost:
        return


def _put_back(lease: jobs.Lease) -> None:
    try:
        jobs.release(lease)
    except jobs.LeaseLost:
        return
