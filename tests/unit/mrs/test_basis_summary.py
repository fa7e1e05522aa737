"""What a basis set says of itself, read as the command line reads it."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sessions.mrs.basis import Basis, Component
from sessions.mrs.basis_files import read_lcmodel_basis
from sessions.mrs.basis_summary import describe_basis, describe_macromolecules, lcmodel_text
from sessions.mrs.errors import MrsError
from tests.factories import spectra

SHIFTS = {"NAA": 2.008, "Cr": 3.027, "Glu": 2.35}


def basis() -> Basis:
    times = np.arange(512) * 5e-4
    parts = [
        Component(name, "metabolite", fid=np.exp(2j * np.pi * (shift - 4.65) * 127.7 * times - 20 * times))
        for name, shift in SHIFTS.items()
    ]
    return Basis(tuple(parts), 127.7, 5e-4, "fsl-json")


def packed(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def fsl(part: Component) -> bytes:
    assert part.fid is not None
    said = {
        "basis_re": part.fid.real.tolist(), "basis_im": part.fid.imag.tolist(), "basis_dwell": 5e-4,
        "basis_centre": 127.7, "basis_name": part.name,
    }  # fmt: skip
    return json.dumps({"basis": said}).encode()


def test_a_set_written_as_basis_text_is_read_back() -> None:
    back = read_lcmodel_basis(lcmodel_text(basis()))
    assert (back.names, back.dwell_time_s, back.frequency_mhz) == (tuple(SHIFTS), 5e-4, 127.7)
    for one, other in zip(basis().components, back.components, strict=True):
        assert abs(np.vdot(one.fid, other.fid)) / np.linalg.norm(one.fid) / np.linalg.norm(other.fid) > 0.999


def test_an_archive_is_described_and_written_as_one_file(tmp_path: Path) -> None:
    archive = packed(tmp_path, {f"a/{part.name}.json": fsl(part) for part in basis().components} | {"notes.md": b"x"})
    found = describe_basis(archive, out=tmp_path / "out.basis")
    assert (sorted(found["metabolites"]), found["field_tesla"], found["points"]) == (sorted(SHIFTS), 3.0, 512)
    again = describe_basis(tmp_path / "out.basis")
    assert sorted(again["metabolites"]) == sorted(SHIFTS)
    for name, shift in SHIFTS.items():
        row = again["preview"]["spectra"][name]
        assert again["preview"]["ppm"][row.index(1.0)] == pytest.approx(shift, abs=0.04)


def test_what_is_no_set_is_refused(tmp_path: Path) -> None:
    lacking = packed(tmp_path, {"NAA.json": fsl(basis().components[0])})
    with pytest.raises(MrsError, match="no Glu"):
        describe_basis(lacking)
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(MrsError, match="damaged"):
        describe_basis(tmp_path / "broken.zip")
    with pytest.raises(MrsError, match="does not look like one"):
        describe_macromolecules(spectra.write(tmp_path, spectra.brain()))


def test_a_measured_macromolecule_scan_is_described() -> None:
    folder = spectra.shared_data() / "philips3t_sdat/with_metabolite_nulled/sub-02/ses-01/mrs"
    scan = folder / "sub-02_ses-01_press-inverted/sub-02_ses-01_PRESS-Inverted_TI-600_raw-act_noID.SDAT"
    if not scan.is_file():
        pytest.skip("the reference spectra are not beside the checkout")
    found = describe_macromolecules(scan)
    assert (len(found["metabolites"]), found["field_tesla"], found["points"] > 512) == (1, 3.0, True)
