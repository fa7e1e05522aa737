"""NIfTI-MRS files: what is written can be read by others, holds no identity, and is always the same."""

import dataclasses
import gzip
import json

import nibabel
import numpy as np
import pytest

from sessions.mrs import convert
from sessions.mrs.io import nifti_mrs_bytes, read_nifti_mrs
from sessions.mrs.spectrum import kept_header
from tests.factories.spectra import brain, write

IDENTIFIERS = {
    "PatientName": "SEEDED^TEST^NAME", "PatientID": "A-77", "PatientDoB": "19010203", "PatientSex": "F",
    "PatientWeight": 61.5, "InstitutionName": "House", "InstitutionAddress": "1 Street", "DeviceSerialNumber": "S-1",
    "ProtocolName": "SEEDED^TEST^NAME",
    "ConversionTime": "2021-01-15T17:02:07.856", "OriginalFile": ["SEEDED.dat"], "Free": {"Value": "SEEDED^TEST^NAME"},
    "RxCoil": "SEEDED^TEST^NAME", "SequenceName": "SEEDED^TEST^NAME", "Manufacturer": "SEEDED^TEST^NAME",
    "ResonantNucleus": ["1H", "SEEDED^TEST^NAME"], "dim_5_header": {"name": "SEEDED^TEST^NAME"}, "EchoTime": "SEEDED",
    "SYNTHETIC": {"Value": True, "Description": "SEEDED^TEST^NAME"},
    "BlockStartMinutes": {"Value": [0, 1], "Description": "SEEDED^TEST^NAME"},
}  # fmt: skip


@pytest.mark.parametrize(("transients", "coils"), [(1, 1), (4, 1), (1, 3), (4, 3)])
def test_round_trip_and_readable_by_others(transients, coils, tmp_path) -> None:
    spectrum = brain(transients=transients)
    weights = np.arange(1, coils + 1)[None, :, None]
    spectrum = dataclasses.replace(spectrum, fids=spectrum.fids * weights)
    path = write(tmp_path, spectrum)
    again = read_nifti_mrs(path)
    assert again.fids.shape == (transients, coils, 1024)
    np.testing.assert_allclose(again.fids, spectrum.fids, rtol=1e-6, atol=1e-6 * np.abs(spectrum.fids).max())
    image = nibabel.load(path)
    np.testing.assert_allclose(
        np.asarray(image.dataobj)[0, 0, 0].reshape(1024, -1)[:, 0], spectrum.fids[0, 0].conj(), rtol=1e-5
    )
    assert image.header["pixdim"][4] == spectrum.dwell_time_s
    assert bytes(image.header["descrip"]).strip(b"\0") == bytes(image.header["aux_file"]).strip(b"\0") == b""
    assert [extension.get_code() for extension in image.header.extensions] == [44]


def test_the_same_spectrum_gives_the_same_bytes_without_name_or_time() -> None:
    content = nifti_mrs_bytes(brain())
    assert content == nifti_mrs_bytes(brain())
    assert content[3] == 0  # gzip flags: no name
    assert content[4:8] == bytes(4)  # no time


def test_nothing_that_identifies_survives(tmp_path) -> None:
    spectrum = brain(transients=2)
    plain = gzip.decompress(nifti_mrs_bytes(spectrum))
    text = json.dumps(spectrum.header | {"dim_5": "DIM_DYN"} | IDENTIFIERS).encode()
    extent = -(-(len(text) + 8) // 16) * 16
    old = int.from_bytes(plain[544:548], "little")
    head = bytearray(plain[:544])
    head[168:176] = (544 + extent).to_bytes(8, "little")
    head[240:256] = b"SEEDED^TEST^NAME"  # descrip
    head[320:336] = b"SEEDED^TEST^NAME"  # aux_file
    block = extent.to_bytes(4, "little") + (44).to_bytes(4, "little") + text.ljust(extent - 8, b"\0")
    source = tmp_path / "SEEDED^TEST^NAME.nii"
    source.write_bytes(bytes(head) + block + plain[544 + old :] + b"SEEDED^TEST^NAME")
    converted = convert(source, out=tmp_path / "out.nii.gz")
    kept = (tmp_path / "out.nii.gz").read_bytes()
    everything = gzip.decompress(kept) + kept + json.dumps(converted.header).encode()
    for word in (b"SEEDED", b"A-77", b"19010203", b"House", b"Street", b"61.5", b"2021", b"S-1"):
        assert word not in everything, word
    assert set(converted.header) == {
        "SpectrometerFrequency", "ResonantNucleus", "dim_5", "RepetitionTime", "SYNTHETIC", "BlockStartMinutes",
    }  # fmt: skip
    assert converted.header["BlockStartMinutes"]["Value"] == [0.0, 1.0]


def test_known_words_and_believable_numbers_are_kept() -> None:
    kept = kept_header({
        "SpectrometerFrequency": [127.7], "ResonantNucleus": ["1H"], "EchoTime": 0.03, "RepetitionTime": 900.0,
        "Manufacturer": "SIEMENS Healthineers", "SequenceName": "svs_slaser_dkd", "WaterSuppressed": True,
        "dim_6": "DIM_X", "InversionTime": True, "MixingTime": float("nan"), "BlockStartMinutes": {"Value": []},
        "SYNTHETIC": {"Value": "yes"},
    })  # fmt: skip
    assert kept == {
        "SpectrometerFrequency": [127.7], "ResonantNucleus": ["1H"], "EchoTime": 0.03, "Manufacturer": "Siemens",
        "SequenceName": "sLASER", "WaterSuppressed": True,
    }  # fmt: skip
    assert kept_header({"SpectrometerFrequency": 3, "ResonantNucleus": "1H"})["SpectrometerFrequency"] == []
