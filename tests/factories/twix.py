"""A Siemens twix file (VB) with one coil, in the layout that pymapVBVD reads: no real one could be shared."""

import struct

import numpy as np

from sessions.mrs.spectrum import Spectrum
from tests.factories.spectra import DWELL_TIME_S, FREQUENCY_MHZ
from tests.factories.vendor_files import SEEDED

HEADER_BYTES = 16384
ACQUISITION_END = 1
ON_LINE = 1 << 3


def twix(spectrum: Spectrum) -> bytes:
    """Return the averages of an acquisition, each a scan with its own header."""
    texts = {
        "Config": _parameters(SequenceFileName="svs_se"),
        "Dicom": _parameters(
            SoftwareVersions="syngo MR B17", Manufacturer="SIEMENS", ManufacturersModelName="Trio",
            DeviceSerialNumber=SEEDED["serial"], InstitutionName=SEEDED["institution"],
            InstitutionAddress=SEEDED["address"], tProtocolName=f"press {SEEDED['name']}",
        ),
        "Meas": _parameters(
            tSequenceString="svs_se", tSequenceFileName="svs_se", lFinalMatrixSizePhase=1, lFinalMatrixSizeRead=1,
            lFinalMatrixSizeSlice=1, Frequency=FREQUENCY_MHZ * 1e6, ResonantNucleus="1H", TR=2000000, FlipAngle=90,
            PatientPosition="HFS", PatientName=SEEDED["name"], PatientBirthDay=SEEDED["born"], PatientSex=2,
            flUsedPatientWeight=61.5, tICEProgramName="svs", PatientID=SEEDED["identity"],
        ),
        "MeasYaps": _protocol({"sRXSPEC.alDwellTime[0]": DWELL_TIME_S * 1e9, "alTE[0]": 28000}),
        "Phoenix": _protocol({"alTE[0]": 28000}),
        "Spice": _parameters(Nothing=1),
    }  # fmt: skip
    head = struct.pack("<2I", HEADER_BYTES, len(texts))
    for name, text in texts.items():
        content = text.encode() + b"\0"
        head += name.encode() + b"\0" + struct.pack("<I", len(content)) + content
    body = b"".join(_scan(index, fid) for index, fid in enumerate(spectrum.fids[:, 0]))
    end = _scan(len(spectrum.fids), np.zeros(16, dtype=complex), mask=ACQUISITION_END)
    return head.ljust(HEADER_BYTES, b"\0") + body + end.ljust(1024, b"\0")


def _parameters(**values: object) -> str:
    lines = []
    for key, value in values.items():
        kind, text = ("String", f'"{value}"') if isinstance(value, str) else ("Double", str(value))
        lines.append(f'<Param{kind}."{key}"> {{ {text} }}')
    return "<XProtocol>\n" + "\n".join(lines) + "\n"


def _protocol(values: dict[str, object]) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    return f"### ASCCONV BEGIN ###\n{lines}\n### ASCCONV END ###\n"


def _scan(average: int, fid: np.ndarray, *, mask: int = ON_LINE) -> bytes:
    counters = [0] * 14
    counters[6] = average  # repetition
    size = 128 + 8 * len(fid)
    head = struct.pack("<7I2H14H", size, 1, average + 1, 0, 0, mask, 0, len(fid), 1, *counters)
    pairs = np.column_stack([fid.real, fid.imag]).astype("<f4")
    return head.ljust(128, b"\0") + pairs.tobytes()
