"""Basis sets: readers, what is refused, and how a set is placed on a grid."""

import json

import numpy as np
import pytest

from sessions.mrs.basis import Basis, Component, canonical_name, kind_of
from sessions.mrs.basis_loading import basis_identity, load_basis
from sessions.mrs.errors import MrsError
from sessions.mrs.grid import make_grid
from sessions.mrs.macromolecules import default_macromolecules

MHZ, DWELL, POINTS = 127.74, 1 / 4000, 1024
NAMES = ("NAA", "Cr", "Glu", "PCho", "Scyllo")


def decays(reference_peak: float = 0.0) -> dict[str, np.ndarray]:
    simulated = load_basis("sim:press:14,14@3T", frequency_mhz=MHZ)
    lines = {part.name: part.lines for part in simulated.components}
    times = np.arange(POINTS) * DWELL
    damping = np.exp(-6 * times)
    peak = reference_peak * np.exp(2j * np.pi * -4.65 * MHZ * times)
    return {name: (lines[canonical_name(name)].fid(DWELL, POINTS) + peak) * damping for name in NAMES}


def lcmodel_text(*, short_by: int = 0, key: str = "BADELT", reference_peak: float = 0.0) -> str:
    text = f" $SEQPAR\n HZPPPM = {MHZ},\n SEQ = 'press'\n $END\n"
    text += f" $BASIS1\n {key} = {DWELL},\n NDATAB = {2 * POINTS}\n $END\n"
    for name, fid in decays(reference_peak).items():
        spectrum = np.fft.fft(fid, 2 * POINTS)
        values = np.stack([spectrum.real, spectrum.imag], axis=1).ravel()[: 4 * POINTS - 2 * short_by]
        # Six columns without blanks between, as Fortran writes them.
        rows = ["".join(f"{value:13.5E}" for value in values[i : i + 6]) for i in range(0, len(values), 6)]
        text += f" $NMUSED\n XTRASH = 0\n $END\n $BASIS\n ID = '{name}',\n METABO = '{name}',\n ISHIFT = 0\n $END\n"
        text += "\n".join(rows) + "\n"
    return text


def likeness(basis: Basis) -> dict[str, float]:
    """Compare each spectrum with the simulated one on a 3 T grid."""
    grid = make_grid(MHZ, 1 / 2000, 1024)
    simulated = load_basis("sim:press:14,14@3T", frequency_mhz=MHZ)
    damping = np.exp(-15 * grid.times_s)
    ours = dict(zip(basis.names, basis.on(grid) * damping, strict=True))
    theirs = dict(zip(simulated.names, simulated.on(grid) * damping * np.exp(-6 * grid.times_s), strict=True))
    found = {}
    for name, fid in ours.items():
        a, b = np.fft.fft(fid, grid.size), np.fft.fft(theirs[name], grid.size)
        inside = (grid.ppm > 0.2) & (grid.ppm < 4.2)
        found[name] = float(
            np.abs(np.vdot(a[inside], b[inside])) / np.linalg.norm(a[inside]) / np.linalg.norm(b[inside])
        )
    return found


@pytest.mark.parametrize("short_by", [0, 1])
@pytest.mark.parametrize("reference_peak", [0.0, 4.0])
def test_reads_an_lcmodel_basis(short_by, reference_peak, tmp_path) -> None:
    path = tmp_path / "set.BASIS"
    path.write_text(lcmodel_text(short_by=short_by, reference_peak=reference_peak))
    basis = load_basis(path)
    assert (basis.source, basis.frequency_mhz, basis.dwell_time_s) == ("lcmodel-basis", MHZ, DWELL)
    assert basis.names == ("NAA", "Cr", "Glu", "PCh", "sIns")
    for name, value in likeness(basis).items():
        assert value > 0.995, name


def test_reads_a_folder_of_raw_files(tmp_path) -> None:
    (tmp_path / "set.basis").write_text(lcmodel_text())
    for name, fid in decays().items():
        numbers = "\n".join(f" {value.real:.6E} {value.imag:.6E}" for value in fid)
        (tmp_path / f"{name}.RAW").write_text(f" $NMID ID='{name}', FMTDAT='(2E15.6)' $END\n{numbers}\n")
    basis = load_basis(tmp_path)
    assert basis.source == "lcmodel-raw"
    assert min(likeness(basis).values()) > 0.998
    (tmp_path / "NAA.RAW").write_text(" $NMID $END\n 1 2\n")
    with pytest.raises(MrsError, match="holds no decay"):
        load_basis(tmp_path)


def test_reads_a_folder_of_fsl_json_files_in_either_direction(tmp_path) -> None:
    for name, fid in decays().items():
        content = {
            "basis_re": fid.real.tolist(), "basis_im": (-fid.imag).tolist(), "basis_dwell": DWELL, "basis_centre": MHZ,
            "basis_name": name,
        }  # fmt: skip
        (tmp_path / f"{name}.json").write_text(json.dumps({"basis": content}))
    basis = load_basis(tmp_path)
    assert basis.source == "fsl-json"
    assert min(likeness(basis).values()) > 0.998
    (tmp_path / "Cr.json").write_text("{}")
    with pytest.raises(MrsError, match="not an FSL basis"):
        load_basis(tmp_path)


def test_a_lone_basis_file_in_a_folder(tmp_path) -> None:
    (tmp_path / "set.basis").write_text(lcmodel_text())
    assert len(load_basis(tmp_path).names) == 5


def test_json_files_of_different_grids_are_refused(tmp_path) -> None:
    for name, dwell in (("NAA", DWELL), ("Cr", 2 * DWELL)):
        content = {"basis_re": [1.0, 0.0], "basis_im": [0.0, 1.0], "basis_dwell": dwell, "basis_centre": MHZ}
        (tmp_path / f"{name}.json").write_text(json.dumps({"basis": content}))
    with pytest.raises(MrsError, match="differ in dwell time"):
        load_basis(tmp_path)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (lcmodel_text(short_by=9), "basis-unreadable"),
        (lcmodel_text(key="OTHER"), "basis-unreadable"),
        (lcmodel_text().replace(f"HZPPPM = {MHZ}", "HZPPPM = 3.0"), "basis-unreadable"),
        (lcmodel_text().replace(f"HZPPPM = {MHZ}", "HZPPPM = 140.0"), "basis-frequency-mismatch"),
        (lcmodel_text().replace("METABO = 'Glu'", "METABO = 'NAA'"), "basis-unreadable"),
        (lcmodel_text().replace("'NAA'", "'X1'").replace("'Cr'", "'X2'"), "basis-incomplete"),
        (lcmodel_text() + " 1.0", "basis-unreadable"),
    ],
    ids=["short", "no dwell time", "toy", "wrong field", "twice", "no reference", "odd"],
)
def test_refuses_damaged_lcmodel_bases(text, code, tmp_path) -> None:
    path = tmp_path / "set.BASIS"
    path.write_text(text)
    with pytest.raises(MrsError) as refusal:
        load_basis(path)
    assert refusal.value.code == code


def test_refuses_what_is_no_basis(tmp_path, monkeypatch) -> None:
    (tmp_path / "control.mat").write_bytes(b"MATLAB 5.0")
    for spec, code in (
        (tmp_path / "none", "basis-missing"),
        (tmp_path / "control.mat", "basis-unreadable"),
        (tmp_path, "basis-unreadable"),
    ):
        with pytest.raises(MrsError) as refusal:
            load_basis(spec)
        assert refusal.value.code == code
    monkeypatch.setattr("sessions.mrs.basis_loading.LARGEST_BASIS_BYTES", 3)
    for spec in (tmp_path, tmp_path / "control.mat"):
        with pytest.raises(MrsError) as refusal:
            load_basis(spec)
        assert refusal.value.code == "basis-too-large"


def test_names_a_basis(tmp_path) -> None:
    assert basis_identity("SIM:press:14,14@3T") == "sim:press:14,14@3t"
    (tmp_path / "a.json").write_text("{}")
    folder, file = basis_identity(tmp_path), basis_identity(tmp_path / "a.json")
    assert len(folder) == len(file) == 64
    (tmp_path / "a.json").write_text("{ }")
    assert basis_identity(tmp_path) != folder
    assert basis_identity(tmp_path / "a.json") != file
    with pytest.raises(MrsError, match="not found"):
        basis_identity(tmp_path / "none")


def test_kinds_and_names() -> None:
    assert [kind_of(name) for name in ("Mac", "MM", "MM09", "Lip13a", "NAA")] == [
        "measured", "measured", "modelled", "modelled", "metabolite",
    ]  # fmt: skip
    assert [canonical_name(name) for name in ("PEth", "Glth", "mI", "Unknown")] == ["PE", "GSH", "Ins", "Unknown"]


def test_macromolecules_come_on_the_scale_of_the_basis() -> None:
    grid = make_grid(MHZ, 1 / 2000, 1024)
    simulated = load_basis("sim:press:14,14@3T", frequency_mhz=MHZ)
    times = np.arange(2048) / 4000
    fids = {part.name: 1e-3 * part.lines.fid(1 / 4000, 2048) for part in simulated.components}
    small = Basis(
        tuple(Component(n, "metabolite", fid=f * np.exp(-3 * times)) for n, f in fids.items()), MHZ, 1 / 4000, "test"
    )
    one = default_macromolecules(simulated, grid)
    two = default_macromolecules(small, grid)
    assert np.abs(one[0].lines.amplitudes[0]) == pytest.approx(3.0, rel=0.1)
    assert np.abs(two[0].lines.amplitudes[0]) == pytest.approx(3e-3, rel=0.25)
    without = simulated.without(("Cr", "PCr", "NAA"))
    assert np.abs(default_macromolecules(without, grid)[0].lines.amplitudes[0]) == 3.0
