"""Formats whose header is text: what of it is needed is read here, checked, and written anew for the converter.

The converter thus never sees a name, a date or a comment, and a number that is none is refused before it starts.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sessions.mrs.errors import MrsError
from sessions.mrs.spectrum import SEQUENCES

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][-+]?\d+)?"
LARGEST_POINTS = 65536
EDITED = re.compile(r"MEGA|HERMES|HERCULES|HYPER|ISTHMUS|GABA", re.IGNORECASE)


@dataclass(frozen=True)
class Known:
    """What a person knows of an acquisition whose file does not tell it.

    Parameters
    ----------
    frequency_mhz, dwell_time_s
        Spectrometer frequency and sampling interval.
    """

    frequency_mhz: float | None = None
    dwell_time_s: float | None = None


def number(said: dict[str, str], key: str, name: str, default: float | None = None) -> float:
    """Return a header's number.

    Raises
    ------
    MrsError
        `header-number`, `header-incomplete`.
    """
    text = said.get(key, "").strip().strip('"')
    if not text and default is not None:
        return default
    if not text:
        raise MrsError("header-incomplete", f"The {name} does not say {key}. Export the spectrum again.")
    if not re.fullmatch(NUMBER, text.replace(",", ".")):
        raise MrsError(
            "header-number", f"In the {name}, {key} should be a number and is none. Export the spectrum again."
        )
    return float(text.replace(",", ".").upper().replace("D", "E"))


def _counted(said: dict[str, str], key: str, name: str, most: int) -> int:
    value = number(said, key, name)
    if not 1 <= value <= most or value != int(value):
        raise MrsError("header-number", f"In the {name}, {key} is not between 1 and {most}. Export the spectrum again.")
    return int(value)


def reduced_spar(text: str, data_bytes: int) -> str:
    """Return a .SPAR with the numbers that the converter needs.

    Parameters
    ----------
    text
        As in the file.
    data_bytes
        Size of the .SDAT.

    Raises
    ------
    MrsError
        `companion-invalid`, `companion-mismatch`, `file-truncated`, `header-...`, `edit-condition`.
    """
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    if "samples" not in said:
        raise MrsError(
            "companion-invalid", "The SPAR file is not a Philips parameter file. Send the one of this SDAT file."
        )
    points, rows = (_counted(said, key, "SPAR file", LARGEST_POINTS) for key in ("samples", "rows"))
    expected = points * rows * 8
    if data_bytes < expected:
        raise MrsError("file-truncated", "The SDAT file ends too early: it was not copied completely. Send it again.")
    if data_bytes > expected:
        raise MrsError(
            "companion-mismatch", "The SDAT file holds more than its SPAR file says: they do not belong together. "
            "Send the two files of one scan.",
        )  # fmt: skip
    protocol = said.get("scan_id", "").upper()
    if rows > 1 and EDITED.search(protocol):
        raise MrsError(
            "edit-condition",
            "This is an edited Philips scan, and SDAT does not say which transient has which condition. Send it as "
            "NIfTI-MRS with its edit dimension named.",
        )
    kept = {
        "samples": points,
        "rows": rows,
        "sample_frequency": number(said, "sample_frequency", "SPAR file"),
        "synthesizer_frequency": number(said, "synthesizer_frequency", "SPAR file"),
        "echo_time": number(said, "echo_time", "SPAR file", 0.0),
        "repetition_time": number(said, "repetition_time", "SPAR file", 0.0),
        "spectrum_inversion_time": number(said, "spectrum_inversion_time", "SPAR file", 0.0) / 1000,
        "offset_frequency": number(said, "offset_frequency", "SPAR file", 0.0),
    }
    for key, code in (("sample_frequency", "header-dwell-time"), ("synthesizer_frequency", "header-frequency")):
        if kept[key] <= 0:
            raise MrsError(code, f"The SPAR file gives no valid {key}. Export the spectrum again.")
    nucleus = re.fullmatch(r"\"?(\d{1,3}[A-Za-z]{1,2})\"?", said.get("nucleus", ""))
    words = {
        "nucleus": nucleus[1] if nucleus else "unknown",
        "scan_id": next((word for word in SEQUENCES if word in protocol), "unknown"),
        "patient_position": "unknown",
        "patient_orientation": "unknown",
        "volume_selection_enable": "no",
    }
    return "".join(f"{key} : {value}\n" for key, value in (kept | words).items())


def check_rda(content: bytes) -> None:
    """Refuse an .rda whose header cannot be right.

    Raises
    ------
    MrsError
        `header-...`, `file-truncated`, `data-not-single-voxel`.
    """
    head, end, data = content.partition(b">>> End of header <<<\r\n")
    if not end:
        raise MrsError("file-truncated", "The rda file ends within its header. Send it again.")
    lines = (line.partition(": ") for line in head.decode("latin-1").split("\r\n"))
    said = {key: value for key, _, value in lines}
    points = _counted(said, "VectorSize", "rda file", LARGEST_POINTS)
    for key in ("DwellTime", "MRFrequency", "TE", "TR"):
        number(said, key, "rda file")
    if any(said.get(f"CSIMatrixSize[{axis}]", "1").strip() not in {"", "1"} for axis in range(3)):
        raise MrsError(
            "data-not-single-voxel",
            "The file holds more than one voxel. Only single-voxel spectra are quantified: send those.",
        )
    if len(data) < points * 16:
        raise MrsError("file-truncated", "The rda file ends too early: it was not copied completely. Send it again.")
    if len(data) > points * 16:
        raise MrsError("file-trailing-data", "The rda file holds more than its header says. Export it again.")


def reduced_jmrui(text: str) -> str:
    """Return a jMRUI text file with one signal, its numbers and the header entries that the converter needs.

    Raises
    ------
    MrsError
        `header-...`, `file-truncated`, `file-corrupt`, `dimension-unsupported`.
    """
    head, found, rest = text.partition("Signal number:") if "Signal number:" in text else text.partition("Signal 1 out")
    if not found:
        raise MrsError("file-truncated", "The jMRUI file ends before its signal. Export it again.")
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in head.splitlines())}
    points = _counted(said, "PointsInDataset", "jMRUI file", LARGEST_POINTS)
    if _counted(said | {"DatasetsInFile": said.get("DatasetsInFile", "1")}, "DatasetsInFile", "jMRUI file", 65536) > 1:
        raise MrsError(
            "dimension-unsupported",
            "The jMRUI file holds several signals and does not say what each of them is. Export them one by one.",
        )
    rows = [line.split() for line in rest.splitlines()[1:] if line.strip()]
    if len(rows) < points:
        raise MrsError(
            "file-truncated", "The jMRUI file ends too early: it was not copied completely. Export it again."
        )
    if any(len(row) < 2 or not all(re.fullmatch(NUMBER, cell) for cell in row[:2]) for row in rows[:points]):
        raise MrsError("file-corrupt", "The jMRUI file holds text where numbers should be. Export it again.")
    keys = ("SamplingInterval", "TransmitterFrequency", "MagneticField", "TypeOfNucleus")
    kept = {key: number(said, key, "jMRUI file", 0.0 if key == "TypeOfNucleus" else None) for key in keys}
    lines = ["jMRUI Data Textfile", *(f"{key}: {value!r}" for key, value in kept.items()), "Signal 1 out of 1 in file"]
    lines += [f"{row[0]} {row[1]}" for row in rows[:points]]
    return "\n".join(lines) + "\n"


def read_raw(text: str, known: Known) -> tuple[NDArray[np.complexfloating[Any, Any]], dict[str, Any]]:
    """Read an LCModel .RAW; spec2nii takes its frequency for hertz and needs blanks that Fortran leaves out.

    Returns
    -------
    fid, header
        The decay; frequency, nucleus, dwell time and echo time.

    Raises
    ------
    MrsError
        `raw-incomplete`, `file-truncated`.
    """
    head, _, body = text.rpartition("$END")
    said = {key.lower(): value for key, value in re.findall(rf"(\w+)\s*=\s*({NUMBER})", head)}
    frequency = known.frequency_mhz or number(said, "hzpppm", ".RAW file", 0.0)
    dwell = known.dwell_time_s or next((number(said, key, ".RAW file") for key in DWELL_KEYS if key in said), 0.0)
    if not frequency or not dwell:
        raise MrsError(
            "raw-incomplete",
            "An LCModel .RAW file need not tell its frequency and sampling interval, and this one does not. Send the "
            "scanner's own file.",
        )
    left = re.sub(NUMBER, "", body).strip()
    values = np.array([float(one.upper().replace("D", "E")) for one in re.findall(NUMBER, body)])
    if left or len(values) % 2 or not len(values):
        raise MrsError("file-truncated", "The .RAW file is incomplete or holds text within its numbers. Send it again.")
    header = {"SpectrometerFrequency": [frequency], "ResonantNucleus": ["1H"], "dwell_time_s": dwell}
    if "echot" in said:
        header["EchoTime"] = number(said, "echot", ".RAW file") / 1000
    # LCModel counts frequency the other way.
    return np.asarray(values[::2] - 1j * values[1::2]), header


DWELL_KEYS = ("deltat", "dwelltime", "badelt")


def varian_times(text: str) -> dict[str, float]:
    """Return echo, repetition, mixing and inversion time of a procpar in seconds; spec2nii takes others for them."""
    found = {}
    for key, name in (("te", "EchoTime"), ("tr", "RepetitionTime"), ("tm", "MixingTime"), ("ti", "InversionTime")):
        value = re.search(rf"^{key} .*\n1 ({NUMBER})\s*$", text, re.MULTILINE)
        if value:
            found[name] = float(value[1])
    return found
