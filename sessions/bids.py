"""A session's spectra as a BIDS data set (BIDS 1.10, modality mrs): names, sidecars and events. Pure; no Django.

Labels are the participant's number and a random piece of the session's id: nothing tells one session from another in
time, and no sidecar holds a name, a date or a clock time.
"""

import gzip
import io
import json
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

VERSION = "1.10.0"
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
NIFTI2_DIMS_AT, NIFTI2_PIXDIMS_AT, NIFTI2_HEADER_BYTES = 16, 104, 540
PROTON_MHZ_PER_TESLA = 42.577478
REFERENCE, TASK = "mrsref", "infusion"
RENAMED = {
    "WaterSuppressed": "WaterSuppression", "ExcitationFlipAngle": "FlipAngle", "SequenceName": "PulseSequenceType",
}  # fmt: skip
EVENTS = {
    "onset": {"Description": "Start of the event after the start of the scan; negative: before it", "Units": "s"},
    "duration": {"Description": "Duration of the event", "Units": "s"},
    "trial_type": {
        "Description": "What happened", "Levels": {"infusion": "Infusion of the study treatment, which is not told"},
    },
}  # fmt: skip
README = """De-identified single-voxel spectra of one session, exported by the study portal.

Participant and session labels are codes of the study. Sidecars hold what the scanner's header gave and nothing that
names a person, a place or a date. Times of events count from the start of the scan. The treatment is not in here.
"""
ESTIMATES = """Estimates of metabolites and their ratios by the study portal's own engine, one table for each spectrum.

Columns: block of transients, minutes from the start of the infusion, quantity, name, value, Cramer-Rao bound in %.
"""


@dataclass(frozen=True, slots=True)
class Scan:
    """One stored spectrum.

    Parameters
    ----------
    suffix
        `svs`, or `mrsref` for a water reference.
    header
        The NIfTI-MRS header as it is kept.
    load
        Gives the NIfTI-MRS bytes.
    results
        The tidy rows of our latest result, header first; empty for none.
    events
        What happened on the scan's own clock: onset and duration in seconds, and a word.
    key, reference
        What names this scan among the session's, and the key of its water reference.
    """

    suffix: str
    header: Mapping[str, Any]
    load: Callable[[], bytes]
    results: Sequence[Sequence[object]] = ()
    events: Sequence[tuple[float, float, str]] = ()
    key: object = None
    reference: object = None


def write(to: IO[bytes], *, study: str, participant: str, session: str, scans: Sequence[Scan], engine: str) -> None:
    """Write the data set as a zip archive whose bytes depend on nothing but its content."""
    subject = f"sub-{re.sub('[^A-Za-z0-9]', '', participant)}"
    with zipfile.ZipFile(to, "w") as archive:
        _put(archive, "dataset_description.json", _json({
            "Name": study, "BIDSVersion": VERSION, "DatasetType": "raw", "License": "Study data, not for publication",
            "GeneratedBy": [{"Name": "studyportal", "Version": engine}],
        }))  # fmt: skip
        _put(archive, "README", README.encode())
        _put(archive, "participants.tsv", f"participant_id\n{subject}\n".encode())
        _put(archive, "participants.json", _json({"participant_id": {"Description": "Code of the participant"}}))
        stem = f"{subject}/ses-{session}/mrs/{subject}_ses-{session}"
        results = [*_scans(archive, stem, scans)]
        if results:
            _put(archive, "derivatives/studyportal/dataset_description.json", _json({
                "Name": f"{study}: quantification", "BIDSVersion": VERSION, "DatasetType": "derivative",
                "GeneratedBy": [{"Name": "studyportal", "Version": engine}],
            }))  # fmt: skip
            # BIDS has no name for estimates of metabolites yet.
            _put(archive, "derivatives/studyportal/.bidsignore", b"*_desc-estimates_mrs.tsv\n")
            _put(archive, "derivatives/studyportal/README", ESTIMATES.encode())
        for name, rows in results:
            text = "".join("\t".join("n/a" if cell == "" else str(cell) for cell in row) + "\n" for row in rows)
            _put(archive, f"derivatives/studyportal/{name}_desc-estimates_mrs.tsv", text.encode())


def _scans(
    archive: zipfile.ZipFile, stem: str, scans: Sequence[Scan]
) -> Iterator[tuple[str, Sequence[Sequence[object]]]]:
    """Write each scan with its sidecar and events; yield the name and rows of each result."""
    names = dict(zip(map(id, scans), _names(stem, scans), strict=True))
    places = {scan.key: f"bids::{names[id(scan)]}_{scan.suffix}.nii.gz" for scan in scans if scan.key is not None}
    for scan in scans:
        name, content = names[id(scan)], scan.load()
        # Compressed already: storing it as it is costs no time.
        _put(archive, f"{name}_{scan.suffix}.nii.gz", content, zipfile.ZIP_STORED)
        said = sidecar(scan.header, content, TASK if scan.events else "")
        if scan.suffix == REFERENCE:
            said["WaterSuppression"] = False
        if scan.reference in places:
            said["ReferenceSignal"] = places[scan.reference]
        _put(archive, f"{name}_{scan.suffix}.json", _json(said))
        if scan.events:
            rows = "".join(f"{onset:.1f}\t{duration:.1f}\t{word}\n" for onset, duration, word in scan.events)
            _put(archive, f"{name}_events.tsv", f"onset\tduration\ttrial_type\n{rows}".encode())
            _put(archive, f"{name}_events.json", _json(EVENTS))
        if scan.results:
            yield name, scan.results


def _names(stem: str, scans: Sequence[Scan]) -> Iterator[str]:
    counts: dict[str, int] = {}
    for scan in scans:
        counts[scan.suffix] = number = counts.get(scan.suffix, 0) + 1
        yield f"{stem}{f'_task-{TASK}' if scan.events else ''}_run-{number}"


def sidecar(header: Mapping[str, Any], content: bytes, task: str = "") -> dict[str, Any]:
    """Return the JSON that stands beside a spectrum, from its header and its NIfTI's sampling."""
    width_hz, points = sampling(content)
    known = {
        key: header[key]
        for key in (
            "ResonantNucleus", "SpectrometerFrequency", "EchoTime", "RepetitionTime", "InversionTime", "MixingTime",
            "Manufacturer",
        )
        if key in header
    }  # fmt: skip
    for ours, theirs in RENAMED.items():
        if ours in header:
            known[theirs] = header[ours]
    frequency = header.get("SpectrometerFrequency")
    if frequency and header.get("ResonantNucleus") == ["1H"]:
        known["MagneticFieldStrength"] = round(float(frequency[0]) / PROTON_MHZ_PER_TESLA, 2)
    if (count := _transients(header, content)) > 1:
        # A scanner's average is one transient of unknown many.
        known["NumberOfTransients"] = count
    named = {"TaskName": task} if task else {}
    return {**named, **known, "SpectralWidth": width_hz, "NumberOfSpectralPoints": points}


def _transients(header: Mapping[str, Any], content: bytes) -> int:
    """Return the number of transients that the dimensions of a file hold."""
    dims = _dimensions(content)
    if dims is None:
        return 0
    extents = (dims[0][at] for at in (5, 6, 7) if header.get(f"dim_{at}") not in {None, "DIM_COIL"})
    return math.prod(int(extent) for extent in extents)


def sampling(content: bytes) -> tuple[float, int]:
    """Return spectral width in Hz and number of points of a NIfTI-MRS file that this portal wrote (NIfTI-2).

    Both are 0 for anything else.
    """
    dims = _dimensions(content)
    if dims is None:
        return 0.0, 0
    extents, dwell = dims
    return round(1 / dwell, 3) if dwell > 0 else 0.0, int(extents[4])


def _dimensions(content: bytes) -> tuple[tuple[int, ...], float] | None:
    """Return the eight numbers of a NIfTI-2's `dim` and its sampling interval; None for anything else."""
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            head = stream.read(NIFTI2_HEADER_BYTES)
    except (OSError, EOFError, zlib.error):
        return None
    if len(head) < NIFTI2_HEADER_BYTES:
        return None
    return struct.unpack_from("<8q", head, NIFTI2_DIMS_AT), struct.unpack_from("<8d", head, NIFTI2_PIXDIMS_AT)[4]


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=False) + "\n").encode()


def _put(archive: zipfile.ZipFile, name: str, content: bytes, how: int = zipfile.ZIP_DEFLATED) -> None:
    info = zipfile.ZipInfo(name, ZIP_DATE)
    info.external_attr = 0o644 << 16
    archive.writestr(info, content, how)
