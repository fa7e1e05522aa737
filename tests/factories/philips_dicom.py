"""A Philips enhanced MR spectroscopy DICOM with its water, written with pydicom: no real one could be shared."""

import io

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from sessions.mrs.spectrum import Spectrum
from tests.factories.spectra import DWELL_TIME_S, FREQUENCY_MHZ
from tests.factories.vendor_files import SEEDED

SPECTROSCOPY_STORAGE = "1.2.840.10008.5.1.4.1.1.4.2"


def philips_dicom(spectrum: Spectrum, water: np.ndarray) -> bytes:
    """Return one file: an averaged decay, and a water reference behind it."""
    fid = spectrum.fids[0, 0]
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = SPECTROSCOPY_STORAGE, "1.2.3.4"
    data = Dataset()
    data.file_meta = meta
    for key, value in {
        "SOPClassUID": SPECTROSCOPY_STORAGE, "SOPInstanceUID": "1.2.3.4", "Manufacturer": "Philips Medical Systems",
        "ManufacturerModelName": "Ingenia", "DeviceSerialNumber": SEEDED["serial"], "SoftwareVersions": "5.3",
        "InstitutionName": SEEDED["institution"], "InstitutionAddress": SEEDED["address"],
        "PatientName": SEEDED["name"], "PatientID": SEEDED["identity"], "PatientBirthDate": SEEDED["born"],
        "PatientSex": "F", "PatientPosition": "HFS", "OperatorsName": SEEDED["operator"],
        "ProtocolName": f"press {SEEDED['name']}", "PulseSequenceName": "PRESS", "SeriesDescription": SEEDED["comment"],
        "AcquisitionContrast": "SPECTROSCOPY", "Rows": 1, "Columns": 1, "NumberOfFrames": 2,
        "SpectroscopyAcquisitionDataColumns": len(fid), "SpectralWidth": 1 / DWELL_TIME_S,
        "TransmitterFrequency": FREQUENCY_MHZ, "ResonantNucleus": "1H", "VolumeLocalizationTechnique": "PRESS",
        "WaterReferencedPhaseCorrection": "YES",
    }.items():  # fmt: skip
        setattr(data, key, value)
    echo, timing, frame = Dataset(), Dataset(), Dataset()
    echo.EffectiveEchoTime, timing.RepetitionTime, timing.FlipAngle = 28.0, 2000.0, 90.0
    frame.MREchoSequence, frame.MRTimingAndRelatedParametersSequence = [echo], [timing]
    data.PerFrameFunctionalGroupsSequence = [frame]
    data.VolumeLocalizationSequence = [_slab(axis) for axis in range(3)]
    values = np.concatenate([fid, water])
    pairs = np.column_stack([values.real, values.imag]).astype("<f4")
    data.add_new((0x5600, 0x0020), "OF", pairs.tobytes())
    content = io.BytesIO()
    pydicom.dcmwrite(content, data, enforce_file_format=True)
    return content.getvalue()


def _slab(axis: int) -> Dataset:
    slab = Dataset()
    slab.SlabThickness, slab.MidSlabPosition = 20.0, [1.0, 2.0, 3.0]
    slab.SlabOrientation = [float(axis == other) for other in range(3)]
    return slab
