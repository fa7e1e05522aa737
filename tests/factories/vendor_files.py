"""Files as scanners and programs write them, made from a spectrum where no real file can be in the repository.

Each returns bytes by file name. The identifiers in them are those of `SEEDED`: none may survive a conversion.
"""

import io
import struct
import zipfile

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from sessions.mrs.spectrum import Spectrum
from tests.factories.spectra import brain

SEEDED = {
    "name": "SEEDED^TEST^NAME", "born": "19010203", "identity": "SEEDED-ID-77", "serial": "SERIAL-004711",
    "institution": "Seeded Infirmary", "address": "1 Seeded Street", "operator": "SEEDED-OPERATOR",
    "when": "2021.01.15 17:02:07", "comment": "seeded comment of Seedling",
}  # fmt: skip


def vax(fid: np.ndarray) -> bytes:
    """Return complex numbers as VAX single-precision floats, which SDAT holds."""
    pairs = np.column_stack([fid.real, fid.imag]).astype("<f4").ravel() * np.float32(4)
    return pairs.view(np.uint8).reshape(-1, 4)[:, [2, 3, 0, 1]].tobytes()


def spar(**changes: object) -> bytes:
    """Return a .SPAR of `brain()`; a value of None leaves its line out."""
    said = {
        "examination_name": SEEDED["identity"], "scan_id": f"PRESS {SEEDED['name']}", "scan_date": SEEDED["when"],
        "patient_name": SEEDED["name"], "patient_birth_date": SEEDED["born"], "patient_position": '"head_first"',
        "patient_orientation": '"supine"', "samples": 1024, "rows": 1, "synthesizer_frequency": 127740000,
        "offset_frequency": 0, "sample_frequency": 2000, "nucleus": "1H", "echo_time": 28, "repetition_time": 2000,
        "spectrum_inversion_time": 0, "volume_selection_enable": '"yes"',
    } | changes  # fmt: skip
    lines = [f"!  {SEEDED['institution']}", ""]
    return "\n".join(lines + [f"{key} : {value}" for key, value in said.items() if value is not None]).encode()


def philips(spectrum: Spectrum | None = None, **changes: object) -> dict[str, bytes]:
    """Return an SDAT with its SPAR."""
    fids = (spectrum or brain()).fids[:, 0]
    # The converter conjugates, as the standard asks.
    return {"scan.SDAT": vax(fids.ravel()), "scan.SPAR": spar(**({"rows": len(fids)} | changes))}


def rda(spectrum: Spectrum | None = None, **changes: object) -> bytes:
    """Return a Siemens .rda."""
    fid = (spectrum or brain()).fids[0, 0]
    said = {
        "PatientName": SEEDED["name"], "PatientID": SEEDED["identity"], "PatientSex": "F",
        "PatientBirthDate": SEEDED["born"], "StudyDate": "20210115", "StudyDescription": SEEDED["comment"],
        "PatientWeight": "61.500000", "ProtocolName": f"press {SEEDED['name']}", "PatientPosition": "HFS",
        "InstitutionName": SEEDED["institution"], "ModelName": "Skyra", "DeviceSerialNumber": SEEDED["serial"],
        "SoftwareVersion[0]": "syngo MR E11", "SequenceName": "*svs_se", "TR": "2000.0", "TE": "28.0", "TM": "0.0",
        "TI": "0.0", "DwellTime": "500", "MRFrequency": "127.74", "Nucleus": "1H", "FlipAngle": "90.0",
        "VectorSize": len(fid), "CSIMatrixSize[0]": 1, "CSIMatrixSize[1]": 1, "CSIMatrixSize[2]": 1,
        "TransmitCoil": SEEDED["operator"], "SliceThickness": "20.0", "PositionVector[0]": "1.0",
        "PositionVector[1]": "2.0", "PositionVector[2]": "3.0", "RowVector[0]": "1.0", "RowVector[1]": "0.0",
        "RowVector[2]": "0.0", "ColumnVector[0]": "0.0", "ColumnVector[1]": "1.0", "ColumnVector[2]": "0.0",
        "PixelSpacingRow": "20.0", "PixelSpacingCol": "20.0",
    } | changes  # fmt: skip
    head = "".join(f"{key}: {value}\r\n" for key, value in said.items())
    # The scanner's direction of frequency is the other one.
    data = np.column_stack([fid.real, -fid.imag]).astype("<f8").tobytes()
    return b">>> Begin of header <<<\r\n" + head.encode() + b">>> End of header <<<\r\n" + data


def jmrui(spectrum: Spectrum | None = None, *, signals: int = 1, **changes: object) -> bytes:
    """Return a jMRUI text file."""
    fid = (spectrum or brain()).fids[0, 0]
    said = {
        "Filename": f"{SEEDED['name']}.txt", "PointsInDataset": len(fid), "DatasetsInFile": signals,
        "SamplingInterval": "5E-1", "ZeroOrderPhase": "0E0", "BeginTime": "0E0", "TransmitterFrequency": "1.2774E8",
        "MagneticField": "3E0", "TypeOfNucleus": "1E0", "NameOfPatient": SEEDED["name"],
        "DateOfExperiment": SEEDED["when"], "Spectrometer": SEEDED["serial"], "AdditionalInfo": SEEDED["comment"],
        "SignalNames": SEEDED["name"],
    } | changes  # fmt: skip
    lines = ["jMRUI Data Textfile", "", *(f"{key}: {value}" for key, value in said.items()), "", "Signal and FFT"]
    lines.append("sig(real)\tsig(imag)\tfft(real)\tfft(imag)")
    for index in range(signals):
        lines.append(f"Signal {index + 1} out of {signals} in file")
        lines += [f"{one.real:.8E}\t{one.imag:.8E}\t0.0E0\t0.0E0" for one in fid]
    return "\n".join(lines).encode() + b"\n"


def lcmodel_raw(
    spectrum: Spectrum | None = None, *, head: str = " HZPPPM=127.74, DELTAT=5.0E-04, ECHOT=28.\n"
) -> bytes:
    """Return an LCModel .RAW whose header may tell frequency and sampling interval."""
    fid = (spectrum or brain()).fids[0, 0]
    lines = [
        f" $SEQPAR\n{head} $END" if head else "",
        f" $NMID\n ID='{SEEDED['name']}', FMTDAT='(2E15.6)'\n VOLUME=8 $END",
    ]
    # As LCModel has them: frequency counts the other way.
    lines += [f"{one.real:15.6E}{-one.imag:15.6E}" for one in fid]
    return "\n".join(line for line in lines if line).encode() + b"\n"


def varian(spectrum: Spectrum | None = None) -> dict[str, bytes]:
    """Return a Varian fid with its procpar."""
    fid = (spectrum or brain()).fids[0, 0]
    size = len(fid) * 8
    head = struct.pack(">6i2hi", 1, 1, 2 * len(fid), 4, size, size + 28, 0, 0x8 | 0x1 | 0x10, 1)
    data = np.column_stack([fid.real, -fid.imag]).astype(">f4").tobytes()
    parameters = {
        "np": f"1 {2 * len(fid)}", "sw": "1 2000", "sfrq": "1 127.74", "te": "1 0.028", "tr": "1 2", "arraydim": "1 1",
        "tn": '1 "H1"', "rcvrs": '1 "y"', "seqfil": '1 "press"', "comment": f'1 "{SEEDED["name"]}"', "p1": "1 100",
        "alfa": "1 10", "operator_": f'1 "{SEEDED["operator"]}"',
    }  # fmt: skip
    # Two numbers in the first line tell text from numbers.
    kinds = {key: "2 2" if '"' in value else "1 1" for key, value in parameters.items()}
    text = "".join(f"{key} {kinds[key]} 100 0 0 2 1 0 1 64\n{value}\n0\n" for key, value in parameters.items())
    block = struct.pack(">4h5i", 0, 0x8, 0, 0, 0, 0, 0, 0, 0)
    return {
        "fid": head + block + data, "procpar": text.encode(), "text": f"Subject: {SEEDED['name']}".encode(),
    }  # fmt: skip


def dicom(*, maker: str = "SIEMENS", sop_class: str = "1.2.840.10008.5.1.4.1.1.4") -> bytes:
    """Return a small DICOM file that holds no spectrum."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    data = pydicom.Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = sop_class, "1.2.3.4"
    data.Manufacturer, data.PatientName, data.PatientBirthDate = maker, SEEDED["name"], SEEDED["born"]
    content = io.BytesIO()
    pydicom.dcmwrite(content, data, enforce_file_format=True)
    return content.getvalue()


def zipped(members: dict[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive; names are taken as they are."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as packed:
        for name, data in members.items():
            packed.writestr(zipfile.ZipInfo(name), data, compression)
    return content.getvalue()
