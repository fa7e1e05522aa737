"""Files made on request from what is stored: a run's NIfTI-MRS and reporting table, a session as BIDS.

Nothing is computed anew: data, fit and residual are the stored curves, whose window a decay represents exactly.
"""

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from django.db.models import Prefetch

from sessions import bids, fits, mrsinmrs, quality
from sessions.models import MetaboliteEstimate, QuantificationRun, Spectrum, StudySession, Upload
from sessions.mrs import ENGINE_VERSION
from sessions.mrs.io import nifti_mrs_bytes
from sessions.mrs.pictures import window_decay
from sessions.mrs.spectrum import Spectrum as Decays
from sessions.policies import infusion_start
from sessions.services import store
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events

LABEL_LENGTH = 8


def curves_of(run: QuantificationRun) -> dict[str, Any]:
    """Return what pages draw of a run: curves of the fit, and pictures of the transients where they were kept.

    Raises:
        NotFound: the file is missing, or no longer what it was.
    """
    return dict(json.loads(store.get(run.result.curves_sha256)))


def nifti_archive(run: QuantificationRun) -> bytes:
    """Return processed data, fit and residual as NIfTI-MRS in a zip archive.

    Raises:
        NotFound: the curves are missing, or no longer what they were.
    """
    curves = curves_of(run)
    name = f"{run.spectrum.session.participant.number}_{str(run.spectrum_id)[:LABEL_LENGTH]}_run-{run.ordinal}"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for kind, content in _decays(curves, run.spectrum.header).items():
            archive.writestr(zipfile.ZipInfo(f"{name}_{kind}.nii.gz", bids.ZIP_DATE), content)
    return packed.getvalue()


def reporting_table(run: QuantificationRun) -> list[mrsinmrs.Line]:
    """Return the MRSinMRS lines of a run."""
    study = run.spectrum.session.participant.study
    document = dict(run.result.document)
    document.setdefault("header", run.spectrum.header)
    width_hz, points = 0.0, None
    if run.spectrum.stored_sha256:
        width_hz, points = bids.sampling(store.get(run.spectrum.stored_sha256))
    if width_hz:
        document["dwell_time_s"] = 1 / width_hz
    judged = quality.verdict(document, study.mrs_settings.get("quality", {}), study.mrs_primary_ratio)
    thresholds = [f"{one.name} {one.rule}" for one in judged.criteria]
    return mrsinmrs.table(document, basis=_basis_words(run), thresholds=thresholds, points=points or None)


def session_label(session: StudySession) -> str:
    """Return a session's label in file names: a piece of its random id, which says nothing about its place in time."""
    return session.pk.hex[:LABEL_LENGTH]


def bids_archive(session: StudySession, *, by: User) -> IO[bytes]:
    """Return the stored spectra of a session as a BIDS data set in a zip archive; the download is in the trail.

    Raises:
        NotPermitted: the role does not include metabolites at this site.
        NotFound: a file is missing, or no longer what it was.
    """
    participant = session.participant
    check(by, Permission.METABOLITE_VIEW, participant.study, participant.site)
    done = QuantificationRun.objects.filter(state=QuantificationRun.State.DONE).order_by("-ordinal")
    stored = (
        Spectrum.objects.filter(session=session, status=Spectrum.Status.STORED)
        .select_related("upload", "session")
        .prefetch_related(Prefetch("runs", done, to_attr="finished"), "session__doses__planned")
        .order_by("ordinal")
    )
    scans = [_scan(one) for one in stored]
    whole = tempfile.SpooledTemporaryFile(max_size=16 * 1024**2)  # noqa: SIM115 - the response closes it
    bids.write(
        whole, study=participant.study.name, participant=participant.number, session=session_label(session),
        scans=scans, engine=ENGINE_VERSION,
    )  # fmt: skip
    whole.seek(0)
    events.record("session exported", study=participant.study.code, target=str(session.pk), data={"format": "BIDS"})
    return whole


def _scan(spectrum: Spectrum) -> bids.Scan:
    run = next(iter(spectrum.finished), None)  # type: ignore[attr-defined]  # the prefetch above names it
    is_water = spectrum.kind == Upload.Kind.WATER
    found = MetaboliteEstimate.objects.filter(result__run=run).order_by("block", "quantity", "name") if run else ()
    return bids.Scan(
        suffix="mrsref" if is_water else "svs", header=spectrum.header, load=lambda: store.get(spectrum.stored_sha256),
        results=() if is_water or not run else [*fits.csv_rows(found)],
        events=() if is_water else _events(spectrum), key=spectrum.pk, reference=spectrum.water_reference_id,
    )  # fmt: skip


def _events(spectrum: Spectrum) -> list[tuple[float, float, str]]:
    """Return the infusion on the scan's own clock, where both are on record."""
    began, scan = infusion_start(spectrum.session), spectrum.upload.acquired_at
    minutes = fits.infusion_minutes(spectrum.session)
    return [((began - scan).total_seconds(), minutes * 60, "infusion")] if began and scan and minutes else []


def _decays(curves: Mapping[str, Any], header: Mapping[str, Any]) -> dict[str, bytes]:
    frequency = header.get("SpectrometerFrequency")
    frequency_mhz = float(frequency[0]) if isinstance(frequency, list) and frequency else 0.0
    ppm = np.array(curves["ppm"])
    order = np.argsort(ppm)
    kept = {key: value for key, value in header.items() if not key.startswith("dim_")}

    def written(fid: np.ndarray[Any, Any], dwell_time_s: float) -> bytes:
        return nifti_mrs_bytes(Decays(fid[None, None], dwell_time_s, frequency_mhz, "1H", kept))

    files = {}
    if (processed := curves.get("processed")) is not None:
        fid = np.array(processed["real"]) + 1j * np.array(processed["imaginary"])
        files["processed"] = written(fid, processed["dwell_time_s"])
    for kind in ("data", "fit", "residual"):
        files[kind] = written(*window_decay(ppm[order], np.array(curves[kind])[order], frequency_mhz))
    return files


def _basis_words(run: QuantificationRun) -> str:
    if run.basis is None:
        return ""
    return f"{run.basis.name} ({run.basis.simulation or 'SHA-256 ' + run.basis.stored_sha256[:12]})"
