"""Every format in, as each scanner writes it: the same decay comes out, with what the header says and nothing more."""

import dataclasses
import gzip
import itertools
import json
import struct

import nibabel
import numpy as np
import pytest
from nifti_mrs.create_nmrs import gen_nifti_mrs

from sessions.mrs import MrsError, convert, quantify
from sessions.mrs.__main__ import main
from sessions.mrs.checks import check_basis
from sessions.mrs.conversion import read_acquisition, read_spectrum
from sessions.mrs.editing import selected
from sessions.mrs.io import nifti_mrs_bytes, read_nifti_mrs
from sessions.mrs.singlets import oriented
from sessions.mrs.spectrum import Spectrum
from sessions.mrs.text_formats import Known
from tests.factories import vendor_files
from tests.factories.ge_pfile import WATER_FRAMES, p_file
from tests.factories.malformed_nifti import headed, patched
from tests.factories.philips_dicom import philips_dicom
from tests.factories.spectra import BASIS, DWELL_TIME_S, FREQUENCY_MHZ, brain, shared_data, write
from tests.factories.twix import twix

DATA = shared_data()
WATER = 300 * np.exp((20j - 20) * np.arange(1024) * DWELL_TIME_S)
TWO_COILS = dataclasses.replace(brain(transients=4), fids=brain(transients=4).fids * np.array([1, 0.5j])[None, :, None])
FORMATS = {
    "sdat": (vendor_files.philips(brain(transients=3)), "scan.SDAT", brain(transients=3), ("DIM_DYN",)),
    "spar": (vendor_files.philips(), "scan.SPAR", brain(), ()),
    "rda": ({"scan.rda": vendor_files.rda()}, "scan.rda", brain(), ()),
    "jmrui": ({"scan.txt": vendor_files.jmrui()}, "scan.txt", brain(), ()),
    "raw": ({"scan.RAW": vendor_files.lcmodel_raw()}, "scan.RAW", brain(), ()),
    "varian": (vendor_files.varian(), "fid", brain(), ()),
    "twix": ({"meas.dat": twix(brain(transients=4))}, "meas.dat", brain(transients=4), ("DIM_DYN",)),
    "ge": ({"P12345.7": p_file(TWO_COILS, WATER)}, "P12345.7", TWO_COILS, ("DIM_COIL", "DIM_DYN")),
    "philips dicom": ({"scan.dcm": philips_dicom(brain(), WATER)}, "scan.dcm", brain(), ()),
    "zip of a pair": ({"a.zip": vendor_files.zipped(vendor_files.philips())}, "a.zip", brain(), ()),
    "zip of a nifti": ({"a.zip": vendor_files.zipped({"x/a.nii.gz": nifti_mrs_bytes(brain())})}, "a.zip", brain(), ()),
    "folder of a varian": (vendor_files.varian(), ".", brain(), ()),
}  # fmt: skip
MAKERS = {
    "sdat": "Philips",
    "rda": "Siemens",
    "twix": "Siemens",
    "ge": "GE",
    "varian": "Varian",
    "philips dicom": "Philips",
}


def place(files: dict[str, bytes], folder) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.fixture(scope="module")
def acquisitions(tmp_path_factory):
    """Each format read once: most start a process."""
    found = {}
    for kind, (files, opened, *_) in FORMATS.items():
        folder = tmp_path_factory.mktemp("format")
        place(files, folder)
        found[kind] = read_acquisition(folder / opened)
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_the_decays_come_out_as_they_were(kind, acquisitions) -> None:
    _, _, expected, tags = FORMATS[kind]
    spectrum = acquisitions[kind].spectrum
    assert spectrum.fids.shape == expected.fids.shape
    assert [tag for tag in spectrum.tags if tag != "DIM_MEAS"] == list(tags)
    # A P-file counts in units of its own.
    scale = np.abs(spectrum.fids).max() / np.abs(expected.fids).max()
    assert scale == pytest.approx(2.0**20 if kind == "ge" else 1.0, rel=1e-5)
    np.testing.assert_allclose(spectrum.fids / scale, expected.fids, atol=2e-6 * np.abs(expected.fids).max())
    assert spectrum.dwell_time_s == pytest.approx(DWELL_TIME_S, rel=1e-9)
    assert spectrum.frequency_mhz == pytest.approx(FREQUENCY_MHZ, rel=1e-9)
    assert spectrum.nucleus == "1H"
    assert oriented(spectrum)[1] is False
    if kind in MAKERS:
        assert spectrum.header["Manufacturer"] == MAKERS[kind]
        assert spectrum.header["EchoTime"] == pytest.approx(0.028)
        assert spectrum.header["RepetitionTime"] == pytest.approx(2.0)
        assert spectrum.header["SequenceName"] == "PRESS"


def test_a_water_reference_that_comes_along_is_kept_apart(acquisitions, tmp_path) -> None:
    assert acquisitions["ge"].water.fids.shape == (WATER_FRAMES, 2, 1024)
    np.testing.assert_allclose(acquisitions["philips dicom"].water.fids[0, 0], WATER, rtol=1e-5)
    assert acquisitions["rda"].water is None
    place(FORMATS["philips dicom"][0], tmp_path)
    converted = convert(tmp_path / "scan.dcm", out=tmp_path / "out.nii.gz", water_out=tmp_path / "water.nii.gz")
    assert len(converted.water_sha256) == 64
    np.testing.assert_allclose(read_nifti_mrs(tmp_path / "water.nii.gz").fids[0, 0], WATER, rtol=1e-5)
    place({"b.nii.gz": nifti_mrs_bytes(brain())}, tmp_path)
    converted = convert(tmp_path / "b.nii.gz", out=tmp_path / "c.nii.gz", water_out=tmp_path / "none.nii.gz")
    assert converted.water_sha256 == ""
    assert not (tmp_path / "none.nii.gz").exists()


def test_a_raw_without_its_frequency_takes_what_is_known(tmp_path) -> None:
    place({"a.h2o": vendor_files.lcmodel_raw(head="")}, tmp_path)
    spectrum = read_spectrum(tmp_path / "a.h2o", known=Known(FREQUENCY_MHZ, DWELL_TIME_S))
    np.testing.assert_allclose(spectrum.fids, brain().fids, atol=1e-4)
    converted = convert(tmp_path / "a.h2o", out=tmp_path / "out.nii.gz", known=Known(FREQUENCY_MHZ, DWELL_TIME_S))
    assert converted.header["SpectrometerFrequency"] == [FREQUENCY_MHZ]


def test_the_command_line_takes_what_is_known_and_keeps_the_water(tmp_path, capsys) -> None:
    place({"a.raw": vendor_files.lcmodel_raw(head="")}, tmp_path)
    command = ["convert", str(tmp_path / "a.raw"), "--out", str(tmp_path / "out.nii.gz"), "--json"]
    command += ["--water-out", str(tmp_path / "water.nii.gz")]
    assert main([*command, "--frequency", str(FREQUENCY_MHZ), "--dwell", str(DWELL_TIME_S)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["conditions"] == []
    assert answer["water_sha256"] == ""
    assert not (tmp_path / "water.nii.gz").exists()
    assert main([*command, "--frequency", "fast"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"].startswith("options")


def test_the_other_half_of_a_pair_may_lie_elsewhere(tmp_path) -> None:
    files = vendor_files.philips()
    (tmp_path / "other").mkdir()
    place({"a.sdat": files["scan.SDAT"]}, tmp_path)
    place({"b.spar": files["scan.SPAR"]}, tmp_path / "other")
    assert read_spectrum(tmp_path / "a.sdat", companion=tmp_path / "other" / "b.spar").points == 1024


# Dimensions


def library_file(tmp_path, data: np.ndarray, tags: list[str | None], name: str = "scan.nii.gz", **header: object):
    """Write a NIfTI-MRS with the library of the standard's authors."""
    image = gen_nifti_mrs(data, DWELL_TIME_S, FREQUENCY_MHZ, nucleus="1H", dim_tags=tags, no_conj=True)
    for key, value in header.items():
        position = int(key[4]) - 5
        image.set_dim_tag(position + 4, tags[position], header=value)
    image.save(tmp_path / name)
    return tmp_path / name


NAMES = ("DIM_COIL", "DIM_DYN", "DIM_PHASE_CYCLE")
EXTENTS = {"DIM_COIL": 2, "DIM_DYN": 3, "DIM_PHASE_CYCLE": 4, "DIM_EDIT": 2, "DIM_MEAS": 2}


@pytest.mark.parametrize("order", list(itertools.permutations(NAMES)))
def test_dimensions_are_read_by_their_names_in_whatever_order_they_stand(order, tmp_path) -> None:
    points = 300
    # Each number tells where it belongs: point, coil, dynamic, phase cycle.
    at = np.meshgrid(np.arange(points), *(np.arange(EXTENTS[name]) for name in NAMES), indexing="ij")
    values = at[0] + 1000j * at[1] + 10000 * at[2] + 100000j * at[3] + 1
    stored = np.transpose(values, [0, *(NAMES.index(name) + 1 for name in order)])
    path = library_file(tmp_path, stored[None, None, None].astype(np.complex64), list(order))
    spectrum = read_nifti_mrs(path)
    assert spectrum.tags == order
    assert spectrum.fids.shape == (12, 2, points)
    # Time runs over phase cycles first, then over dynamics.
    for transient, (dynamic, cycle) in enumerate(itertools.product(range(3), range(4))):
        for coil in range(2):
            expected = np.conj(values[:, coil, dynamic, cycle])
            np.testing.assert_array_equal(spectrum.fids[transient, coil], expected.astype(np.complex64))


def edited(points: int = 1024, *, pairs: int = 3, first: str = "EDIT_ON", second: str = "OFF"):
    """Return data (points, dynamics, conditions): the second condition is a brain, the first one without NAA."""
    off = brain(transients=pairs, points=points, seed=4)
    on = brain(transients=pairs, points=points, seed=5, concentrations={"Cr": 4.0, "PCr": 4.0, "GPC": 1.5, "GABA": 3.0})
    data = np.stack([on.fids[:, 0].T, off.fids[:, 0].T], axis=-1).conj()
    return data[None, None, None].astype(np.complex64), off, on, {"EditCondition": [first, second]}


def test_of_edited_data_the_condition_without_the_pulse_is_taken_and_named(tmp_path) -> None:
    data, off, on, header = edited()
    path = library_file(tmp_path, data, ["DIM_DYN", "DIM_EDIT"], dim_6_header=header)
    whole = read_nifti_mrs(path)
    assert whole.conditions == ("ON", "OFF") * 3
    spectrum = read_spectrum(path)
    assert spectrum.header["SelectedEditCondition"]["Value"] == "OFF"
    np.testing.assert_allclose(spectrum.fids, off.fids, atol=1e-4)
    np.testing.assert_allclose(read_spectrum(path, condition="on").fids, on.fids, atol=1e-4)
    document = quantify(path, basis=BASIS).document
    assert document["header"]["SelectedEditCondition"]["Value"] == "OFF"
    assert document["transients"]["count"] == 3
    with pytest.raises(MrsError) as refusal:
        read_spectrum(path, condition="C")
    assert refusal.value.code == "edit-condition"
    assert "ON, OFF" in refusal.value.message


def test_edited_data_are_stored_whole(tmp_path) -> None:
    data, _, _, header = edited()
    path = library_file(tmp_path, data, ["DIM_DYN", "DIM_EDIT"], dim_6_header=header)
    converted = convert(path, out=tmp_path / "out.nii.gz")
    assert converted.conditions == ("ON", "OFF")
    again = read_nifti_mrs(tmp_path / "out.nii.gz")
    assert again.conditions == ("ON", "OFF") * 3
    np.testing.assert_array_equal(again.fids, read_nifti_mrs(path).fids)
    image = nibabel.load(tmp_path / "out.nii.gz")
    assert image.shape == (1, 1, 1, 1024, 2, 3)


def test_dimensions_of_one_entry_have_no_say(tmp_path) -> None:
    data = np.conj(brain(transients=2).fids[:, 0].T)[None, None, None, :, None, :, None].astype(np.complex64)
    path = library_file(tmp_path, data, ["DIM_USER_0", "DIM_DYN", "DIM_EDIT"])
    spectrum = read_nifti_mrs(path)
    assert spectrum.fids.shape == (2, 1, 1024)
    assert spectrum.conditions == ()


@pytest.mark.parametrize(
    ("names", "conditions"),
    [
        (["OFF", "ON"], ("OFF", "ON")), (["edit-off", "Edit_On"], ("OFF", "ON")), (["A", "B"], ("A", "B")),
        (["SEEDED^TEST^NAME", "OFF"], ("A", "B")), (["ON", "ON"], ("A", "B")), ("ON", ("A", "B")), (["ON"], ("A", "B")),
        ([1, 2], ("A", "B")),
    ],
)  # fmt: skip
def test_only_known_words_name_a_condition(names, conditions, tmp_path) -> None:
    header = {"dim_5": "DIM_EDIT", "dim_5_header": {"EditCondition": names}}
    (tmp_path / "scan.nii.gz").write_bytes(headed(brain(transients=2, points=300), **header))
    assert read_nifti_mrs(tmp_path / "scan.nii.gz").conditions == conditions


def test_the_difference_is_that_of_the_means_and_is_not_quantified(tmp_path) -> None:
    data, off, on, header = edited()
    two = np.stack([data, 0.5j * data], axis=4)  # two coils
    path = library_file(tmp_path, two, ["DIM_COIL", "DIM_DYN", "DIM_EDIT"], dim_7_header=header)
    spectrum = read_spectrum(path, condition="DIFF")
    assert spectrum.fids.shape == (1, 1, 1024)
    assert spectrum.header["SelectedEditCondition"]["Value"] == "DIFF"
    expected = (on.fids - off.fids).mean(axis=(0, 1))
    found = spectrum.fids[0, 0]
    alike = abs(np.vdot(expected, found)) / np.linalg.norm(expected) / np.linalg.norm(found)
    assert alike > 0.999
    with pytest.raises(MrsError) as refusal:
        check_basis(spectrum, None)
    assert refusal.value.code == "edit-condition"


def test_a_condition_of_plain_data_is_refused() -> None:
    with pytest.raises(MrsError) as refusal:
        selected(brain(), "ON")
    assert refusal.value.code == "edit-condition"
    assert selected(brain()).conditions == ()
    four = Spectrum(brain(transients=4).fids, DWELL_TIME_S, FREQUENCY_MHZ, "1H", {}, conditions=("A", "B", "C", "D"))
    with pytest.raises(MrsError) as refusal:
        selected(four, "DIFF")
    assert refusal.value.code == "edit-condition"


# Layouts


def test_nifti_1_and_big_endian_and_scaled_files(tmp_path) -> None:
    spectrum = brain(transients=2)
    data = np.conj(spectrum.fids[:, 0].T)[None, None, None].astype(np.complex64)
    image = gen_nifti_mrs(
        data, DWELL_TIME_S, FREQUENCY_MHZ, dim_tags=["DIM_DYN", None, None], nifti_version=1, no_conj=True
    )
    image.save(tmp_path / "one.nii.gz")
    first = read_nifti_mrs(tmp_path / "one.nii.gz")
    np.testing.assert_allclose(first.fids, spectrum.fids, atol=1e-4)
    assert first.dwell_time_s == pytest.approx(DWELL_TIME_S, rel=1e-6)
    plain = gzip.decompress(nifti_mrs_bytes(spectrum))
    begin = struct.unpack("<q", plain[168:176])[0]
    big = nibabel.Nifti2Header(plain[:540]).as_byteswapped(">").binaryblock
    extension = struct.pack(">2i", *struct.unpack("<2i", plain[544:552])) + plain[552:begin]
    content = big + plain[540:544] + extension + np.frombuffer(plain[begin:], "<f4").astype(">f4").tobytes()
    (tmp_path / "big.nii").write_bytes(content)
    np.testing.assert_allclose(read_nifti_mrs(tmp_path / "big.nii").fids, spectrum.fids, atol=1e-4)
    (tmp_path / "scaled.nii").write_bytes(patched(plain, 176, struct.pack("<2d", 3.0, 0.0)))
    np.testing.assert_allclose(read_nifti_mrs(tmp_path / "scaled.nii").fids, 3 * spectrum.fids, atol=1e-3)


def test_foreign_extensions_and_gaps_are_passed_over(tmp_path) -> None:
    plain = gzip.decompress(nifti_mrs_bytes(brain()))
    size = struct.unpack("<i", plain[544:548])[0]
    foreign = struct.pack("<2i", 32, 6) + b"SEEDED^TEST^NAME".ljust(24, b"\0")
    gap = b"SEEDED^TEST^NAME"
    moved = patched(plain[:544], 168, struct.pack("<q", 544 + 32 + size + len(gap)))
    path = tmp_path / "scan.nii"
    path.write_bytes(moved + foreign + plain[544 : 544 + size] + gap + plain[544 + size :])
    convert(path, out=tmp_path / "out.nii.gz")
    stored = (tmp_path / "out.nii.gz").read_bytes()
    assert stored == nifti_mrs_bytes(brain())


def test_conversion_leaves_the_direction_of_frequency_alone(tmp_path) -> None:
    path = write(tmp_path, brain().conjugated())
    convert(path, out=tmp_path / "out.nii.gz")
    np.testing.assert_allclose(read_nifti_mrs(tmp_path / "out.nii.gz").fids, brain().fids.conj(), atol=1e-4)


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared reference data are not on this machine")
@pytest.mark.parametrize(
    ("folder", "mixing_s"), [("7T_MM_human_STEAM_CMRR.fid", 0.032), ("3T_MM_human_STEAM_CMRR.fid", 0.02)]
)
def test_real_varian_macromolecules(folder, mixing_s) -> None:
    spectrum = read_spectrum(DATA / "mm" / folder)
    assert spectrum.fids.shape == (1, 1, 2048)
    assert spectrum.header["MixingTime"] == mixing_s
    assert spectrum.header["SequenceName"] == "STEAM"
    assert oriented(spectrum)[1] is False
