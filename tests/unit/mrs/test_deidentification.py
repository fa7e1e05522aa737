"""De-identification fails closed: no string that identifies survives in a file, an output, an error or a leftover."""

import gzip
import json
import logging
import re
import tempfile
from pathlib import Path

import pytest

from sessions.mrs.__main__ import main
from tests.factories import vendor_files
from tests.factories.ge_pfile import p_file
from tests.factories.identifiers import forms, identifiers
from tests.factories.malformed_nifti import headed
from tests.factories.philips_dicom import philips_dicom
from tests.factories.spectra import brain, shared_data
from tests.factories.twix import twix

DATA = shared_data()
KEYS = {
    "SpectrometerFrequency", "ResonantNucleus", "dim_5", "dim_6", "dim_7", "EchoTime", "RepetitionTime",
    "InversionTime", "MixingTime", "ExcitationFlipAngle", "TxOffset", "Manufacturer", "SequenceName", "WaterSuppressed",
}  # fmt: skip
SEEDS = ("SEEDED", "19010203", "00000.0")
REAL = {
    "rda": ["vendor/SVS_30.rda"],
    "ima": ["vendor/SVS_30.IMA"],
    "xa dicom": ["vendor/SVS_XA60.dcm"],
    "philips": [
        "philips3t_sdat/sub-01/ses-01/mrs/sub-01_ses-01_press/sub-01_PRESS_35_act.sdat",
        "philips3t_sdat/sub-01/ses-01/mrs/sub-01_ses-01_press/sub-01_PRESS_35_act.spar",
    ],
    "varian": [f"mm/7T_MM_human_STEAM_CMRR.fid/{name}" for name in ("fid", "procpar", "text")],
    **{
        f"nifti {name}": [f"steam7t_nifti/{name}.nii.gz"]
        for name in ("metab", "metab_raw", "wref_raw", "quant_raw", "ecc", "metab_int_freq")
    },
}
MADE = {
    "philips made": vendor_files.philips(),
    "rda made": {"scan.rda": vendor_files.rda()},
    "jmrui made": {"scan.txt": vendor_files.jmrui()},
    "raw made": {"scan.RAW": vendor_files.lcmodel_raw()},
    "varian made": vendor_files.varian(),
    "twix made": {"meas.dat": twix(brain())},
    "ge made": {"P12345.7": p_file(brain(), brain().fids[0, 0])},
    "philips dicom made": {"scan.dcm": philips_dicom(brain(), brain().fids[0, 0])},
    "nifti made": {
        "scan.nii.gz": headed(
            brain(transients=2),
            **{f"Key{index}": value for index, value in enumerate(vendor_files.SEEDED.values())},
            PatientName=vendor_files.SEEDED["name"], SequenceName=f"press {vendor_files.SEEDED['name']}",
            dim_5="DIM_EDIT", dim_5_header={"EditCondition": [vendor_files.SEEDED["name"], "OFF"]},
        )
    },
}  # fmt: skip


@pytest.fixture
def own_temporary_folder(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def place(files: dict[str, bytes], folder: Path) -> list[Path]:
    """Write files under their names in a folder whose own name identifies."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def source_of(kind: str, folder: Path) -> list[Path]:
    if kind in MADE:
        return place(MADE[kind], folder)
    if not DATA.is_dir():
        pytest.skip("the shared reference data are not on this machine")
    return place({Path(name).name: (DATA / name).read_bytes() for name in REAL[kind]}, folder)


def header_of(plain: bytes) -> bytes:
    """Return all but the signal: numbers may hold any four bytes by chance."""
    return plain[: int.from_bytes(plain[168:176], "little")]


@pytest.mark.parametrize("kind", [*REAL, *MADE])
def test_no_identifying_string_survives(kind, tmp_path, capfd, caplog, own_temporary_folder) -> None:
    folder = tmp_path / "SEEDED^TEST^NAME 19010203"
    folder.mkdir()
    files = source_of(kind, folder)
    words = identifiers(files)
    assert len(words) > 3
    out = tmp_path / "stored.nii.gz"
    with caplog.at_level(logging.DEBUG):
        assert main(["convert", str(files[0]), "--out", str(out), "--json"]) == 0
    printed = capfd.readouterr()
    packed = out.read_bytes()
    plain = gzip.decompress(packed)
    assert packed[3] == 0  # no name, no comment in the gzip header
    assert packed[4:8] == bytes(4)  # no time
    said = printed.out + printed.err + caplog.text
    everywhere = header_of(plain) + said.encode() + packed[:10]
    for word in words:
        if word.lower() in " ".join((*KEYS, "header")).lower():
            continue  # a coil named head is found in the word header
        for form in forms(word):
            assert form not in everywhere, (word, form)
    for seed in SEEDS:
        for form in forms(seed):
            assert form not in plain + packed, seed
    assert printed.err == caplog.text == ""
    assert list(own_temporary_folder.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {folder.name, "temporary", "stored.nii.gz"}
    kept = json.loads(printed.out)["header"]
    assert set(kept) <= KEYS


@pytest.mark.parametrize("kind", ["rda made", "philips made", "jmrui made", "raw made", "varian made", "nifti made"])
@pytest.mark.parametrize("share", [0.2, 0.9])
def test_no_refusal_repeats_what_is_in_the_file(kind, share, tmp_path, capfd, caplog, own_temporary_folder) -> None:
    files = place(MADE[kind], tmp_path)
    content = files[0].read_bytes()
    files[0].write_bytes(content[: int(len(content) * share)])
    words = {word for word in vendor_files.SEEDED.values() if len(word) > 3}
    with caplog.at_level(logging.DEBUG):
        assert main(["convert", str(files[0]), "--out", str(tmp_path / "out.nii.gz"), "--json"]) == 2
    printed = capfd.readouterr()
    said = (printed.out + printed.err + caplog.text).encode()
    for word in words | identifiers(files[1:]):
        assert word.encode() not in said, word
    assert not (tmp_path / "out.nii.gz").exists()
    assert list(own_temporary_folder.iterdir()) == []


def test_a_converter_that_quotes_the_header_is_not_repeated(tmp_path, capfd) -> None:
    path = tmp_path / "scan.IMA"
    path.write_bytes(vendor_files.dicom(sop_class="1.2.3"))
    assert main(["convert", str(path), "--out", str(tmp_path / "out.nii.gz"), "--json"]) == 2
    printed = capfd.readouterr()
    assert json.loads(printed.out)["error"]["code"] == "conversion-failed"
    assert not re.search(r"SEEDED|1\.2\.3|Traceback|\.py", printed.out + printed.err)
    assert printed.err == ""


def test_the_collector_finds_what_is_seeded(tmp_path) -> None:
    for kind, files in MADE.items():
        folder = tmp_path / kind
        folder.mkdir()
        found = " ".join(identifiers(place(files, folder)))
        assert vendor_files.SEEDED["name"] in found, kind
    assert "SEEDED" in " ".join(identifiers(place({"a.dcm": vendor_files.dicom()}, tmp_path)))
