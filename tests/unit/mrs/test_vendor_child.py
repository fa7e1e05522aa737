"""The child in which spec2nii works: what it refuses, what it picks, and what is made of its answers."""

import io
import shutil
import socket
import subprocess
import sys

import pydicom
import pytest

from sessions.mrs import MrsError, spec2nii_child, vendor
from sessions.mrs.conversion import read_acquisition
from sessions.mrs.io import read_nifti_mrs
from sessions.mrs.singlets import find_singlets, oriented
from tests.factories import vendor_files
from tests.factories.philips_dicom import philips_dicom
from tests.factories.spectra import brain, shared_data

DATA = shared_data()
real = pytest.mark.skipif(not DATA.is_dir(), reason="the shared reference data are not on this machine")


@pytest.mark.parametrize(
    ("maker", "command"),
    [
        ("SIEMENS", "dicom"),
        ("Siemens Healthineers", "dicom"),
        ("Philips Medical Systems", "philips_dcm"),
        ("UIH", "uih"),
    ],
)
def test_the_maker_of_the_scanner_picks_the_reader(maker, command, tmp_path) -> None:
    (tmp_path / "a.dcm").write_bytes(vendor_files.dicom(maker=maker, sop_class="1.2.3"))
    assert spec2nii_child.dicom_command(tmp_path / "a.dcm") == command


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (vendor_files.dicom(), spec2nii_child.NOT_A_SPECTRUM),
        (vendor_files.dicom(maker="ACME", sop_class="1.2.3"), spec2nii_child.UNKNOWN_MAKER),
        (b"no dicom", spec2nii_child.NOT_DICOM),
    ],
)
def test_what_is_no_spectrum_ends_with_its_own_exit_code(content, code, tmp_path) -> None:
    (tmp_path / "a.dcm").write_bytes(content)
    with pytest.raises(SystemExit) as left:
        spec2nii_child.dicom_command(tmp_path / "a.dcm")
    assert left.value.code == code
    assert vendor.REASONS[code].code in {"file-not-mrs", "file-corrupt"}


@pytest.mark.parametrize(("kind", "points"), [("rda", 1024), ("varian", 1024), ("dicom", 1024)])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_conversion_in_this_process(kind, points, tmp_path, monkeypatch) -> None:
    if kind == "rda":
        (tmp_path / "input.rda").write_bytes(vendor_files.rda())
    elif kind == "dicom":
        (tmp_path / "input").mkdir()
        (tmp_path / "input" / "0.dcm").write_bytes(philips_dicom(brain(), brain().fids[0, 0]))
    else:
        (tmp_path / "input.fid").mkdir()
        for name, content in vendor_files.varian().items():
            (tmp_path / "input.fid" / name).write_bytes(content)
    monkeypatch.setattr(sys, "argv", [])
    spec2nii_child.main(kind, tmp_path)
    assert read_nifti_mrs(tmp_path / "out" / "output.nii.gz").points == points


def test_neither_network_nor_programs_nor_pickles() -> None:
    code = f"import runpy; child = runpy.run_path({str(vendor.CHILD)!r}); child['limit']()\n"
    for attempt in (
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import pickle; pickle.loads(b'cos\\nsystem\\n.')",
    ):
        finished = subprocess.run(
            [sys.executable, "-I", "-c", code + attempt], capture_output=True, check=False, text=True
        )
        assert finished.returncode == 1
        assert "PermissionError" in finished.stderr, attempt
    with pytest.raises(PermissionError):
        spec2nii_child._refuse("os.system", ())
    assert spec2nii_child._refuse("open", ()) is None
    assert socket


def test_a_converter_that_works_too_long_is_stopped(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(vendor, "CONVERSION_SECONDS", 0.01)
    (tmp_path / "a.rda").write_bytes(vendor_files.rda())
    with pytest.raises(MrsError) as refusal:
        read_acquisition(tmp_path / "a.rda")
    assert refusal.value.code == "conversion-timeout"


def copy_of(source, instance: int, series: int | None = None) -> bytes:
    data = pydicom.dcmread(source)
    data.InstanceNumber = instance
    if series is not None:
        data.SeriesNumber = series
    content = io.BytesIO()
    data.save_as(content)
    return content.getvalue()


@real
def test_the_files_of_a_series_are_its_transients(tmp_path) -> None:
    source = DATA / "vendor" / "SVS_30.IMA"
    members = {f"series/{index}.IMA": copy_of(source, index) for index in (1, 2, 3)}
    (tmp_path / "series.zip").write_bytes(vendor_files.zipped(members))
    spectrum = read_acquisition(tmp_path / "series.zip").spectrum
    assert spectrum.fids.shape == (3, 1, 1024)
    assert spectrum.tags == ("DIM_DYN",)


@real
def test_two_series_are_not_taken_for_one(tmp_path) -> None:
    source = DATA / "vendor" / "SVS_30.IMA"
    for index in (1, 2):
        (tmp_path / f"{index}.IMA").write_bytes(copy_of(source, 1, series=index))
    with pytest.raises(MrsError) as refusal:
        read_acquisition(tmp_path)
    assert refusal.value.code == "conversion-ambiguous"


@real
def test_a_series_larger_than_any_is_refused_before_it_is_read(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(vendor, "LARGEST_VENDOR_BYTES", 200_000)
    for name in ("a.IMA", "b.IMA"):
        shutil.copyfile(DATA / "vendor" / "SVS_30.IMA", tmp_path / name)
    with pytest.raises(MrsError) as refusal:
        read_acquisition(tmp_path)
    assert refusal.value.code == "file-too-large"


@real
def test_a_phantom_of_ethanol_is_told_from_a_brain_with_a_wrong_frequency() -> None:
    spectrum, _ = oriented(read_acquisition(DATA / "vendor" / "SVS_XA60.dcm").spectrum)
    with pytest.raises(MrsError) as refusal:
        find_singlets(spectrum.fids[0, 0], spectrum.dwell_time_s, spectrum.frequency_mhz)
    assert refusal.value.code == "peaks-not-found"


@real
@pytest.mark.parametrize("name", ["SVS_30.IMA", "SVS_XA60.dcm"])
def test_a_byte_added_on_the_way_is_noticed(name, tmp_path) -> None:
    content = (DATA / "vendor" / name).read_bytes()
    (tmp_path / "whole.dcm").write_bytes(content)
    assert spec2nii_child.is_whole(tmp_path / "whole.dcm")
    (tmp_path / "copied as text.dcm").write_bytes(content[:-4000] + b"\r" * 8 + content[-4000:])
    assert not spec2nii_child.is_whole(tmp_path / "copied as text.dcm")
    with pytest.raises(MrsError) as refusal:
        read_acquisition(tmp_path / "copied as text.dcm")
    assert refusal.value.code == "file-corrupt"
