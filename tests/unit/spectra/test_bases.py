"""Basis sets: what may be added, and which of them a spectrum gets."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sessions.models import BasisSet, Spectrum
from sessions.mrs.basis import Basis, Component
from sessions.mrs.basis_summary import lcmodel_text
from sessions.services import bases, basis_library, store
from sessions.services.sandbox import Refused
from studyportal.errors import InvalidInput, NotPermitted
from tests.factories import scans
from tests.factories.spectra import shared_data
from tests.factories.world import World

pytestmark = pytest.mark.django_db

PARTS = ("NAA", "Cr", "Glu")


def basis_set(names: tuple[str, ...] = PARTS) -> Basis:
    """Return a small set with decays: lines at their shifts."""
    times = np.arange(512) * 5e-4
    fids = {name: np.exp(2j * np.pi * (SHIFTS[name] - 4.65) * 127.7 * times - 20 * times) for name in names}
    return Basis(tuple(Component(name, "metabolite", fid=fid) for name, fid in fids.items()), 127.7, 5e-4, "lcmodel")


SHIFTS = {"NAA": 2.008, "Cr": 3.027, "Glu": 2.35, "Xyz": 2.6}


def basis_text(names: tuple[str, ...] = PARTS) -> bytes:
    return lcmodel_text(basis_set(names)).replace(" FWHMBA", " ECHOT = 35.0\n FWHMBA").encode()


BASIS = basis_text()


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def fsl_json(name: str, fid: np.ndarray) -> bytes:
    basis = {
        "basis_re": fid.real.tolist(), "basis_im": fid.imag.tolist(), "basis_dwell": 5e-4, "basis_centre": 127.7,
        "basis_width": 0.0, "basis_name": name,
    }  # fmt: skip
    return json.dumps({"basis": basis}).encode()


def add(world: World, content: bytes = BASIS, filename: str = "my basis.BASIS", **more) -> BasisSet:
    values = {"name": "Scanner", "by": world.imaging_analyst} | more
    return basis_library.add(
        study=world.study, files=[basis_library.Part(filename=filename, content=content)], **values
    )


def test_an_uploaded_basis_says_what_it_holds(world: World, tmp_path: Path) -> None:
    basis = add(world)
    assert (basis.field_tesla, basis.echo_time_ms, basis.suffix, basis.is_default) == (3.0, 35.0, ".basis", False)
    assert (basis.metabolites, basis.dwell_time_s, basis.points) == (list(PARTS), 5e-4, 512)
    assert Path(bases.engine_argument(basis, tmp_path)).read_bytes() == BASIS
    preview = basis_library.preview_of(basis)
    naa = preview["spectra"]["NAA"]
    assert preview["ppm"][naa.index(1.0)] == pytest.approx(2.01, abs=0.03)
    with pytest.raises(InvalidInput, match="is here already: Scanner"):
        add(world, name="Again")


def test_an_archive_of_fsl_json_becomes_one_basis_file(world: World, tmp_path: Path) -> None:
    files = {f"set/{part.name}.json": fsl_json(part.name, part.fid) for part in basis_set().components}
    basis = add(world, zipped(files), "set.zip", echo_time_ms=28.0)
    assert (basis.suffix, basis.echo_time_ms, sorted(basis.metabolites)) == (".basis", 28.0, sorted(PARTS))
    text = Path(bases.engine_argument(basis, tmp_path)).read_bytes()
    assert text.startswith(b" $SEQPAR")
    assert hashlib.sha256(text).hexdigest() == basis.stored_sha256


def test_an_archive_of_raw_files_needs_the_basis_made_from_them(world: World) -> None:
    raw = {
        f"{part.name}.RAW": b" $NMID\n $END\n"
        + b"".join(f" {value.real:.6E} {value.imag:.6E}\n".encode() for value in part.fid)
        for part in basis_set().components
    }
    with pytest.raises(InvalidInput, match=r"with the \.BASIS file made from them"):
        add(world, zipped(raw), "raw.zip")
    basis = add(world, zipped({**raw, "set.basis": BASIS}), "raw.zip")
    assert (basis.metabolites, basis.points) == (sorted(PARTS), 512)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"filename": "a.txt"}, "Choose one file: .BASIS"),
        ({"content": b""}, "does not say BADELT"),
        ({"content": b"\x00 no basis"}, "does not say BADELT"),
        ({"content": BASIS.replace(b"HZPPPM = 127.7", b"")}, "HZPPPM"),
        ({"content": basis_text(("NAA", "Cr", "Xyz"))}, "no Glu"),
        ({"content": BASIS + b" " * basis_library.LIMIT_BYTES}, "larger than 32 MB"),
        ({"content": zipped({"../out.json": b"{}"}), "filename": "a.zip"}, "somewhere else"),
        ({"content": b"PK no archive", "filename": "a.zip"}, "damaged"),
        ({"name": " "}, "Give the basis a name"),
        ({"name": "x" * 81}, "80 characters"),
        ({"name": "Simulated 3 T"}, "has this name"),
        ({"kind": "macromolecules"}, "macromolecule scan"),
    ],
)
def test_what_is_no_basis_is_refused(world: World, change: dict, sentence: str) -> None:
    scans.make_basis(world)
    with pytest.raises(InvalidInput) as refusal:
        add(world, **change)
    assert sentence in "".join(refusal.value.fields.values())
    assert BasisSet.objects.count() == 1
    with pytest.raises(InvalidInput, match="Say whether"):
        add(world, kind="secret")
    with pytest.raises(InvalidInput, match="Choose a file"):
        basis_library.add(study=world.study, name="n", files=[], by=world.imaging_analyst)


def test_measured_macromolecules_are_kept_as_nifti_and_fitted_beside_a_basis(world: World) -> None:
    folder = shared_data() / "philips3t_sdat" / "with_metabolite_nulled" / "sub-02" / "ses-01" / "mrs"
    if not folder.is_dir():
        pytest.skip("the reference spectra are not beside the checkout")

    def mm(scan: str, name: str) -> BasisSet:
        pair = sorted((folder / scan).iterdir(), reverse=True)
        files = [basis_library.Part(filename=one.name, content=one.read_bytes()) for one in pair]
        return basis_library.add(
            study=world.study, name=name, files=files, kind="macromolecules", by=world.imaging_analyst
        )

    with pytest.raises(InvalidInput, match="does not look like one"):
        mm("sub-02_ses-01_press", "No MM")
    basis = mm("sub-02_ses-01_press-inverted", "MM")
    assert (basis.suffix, basis.kind, basis.field_tesla, len(basis.metabolites)) == (
        ".nii.gz",
        "macromolecules",
        3.0,
        1,
    )
    with pytest.raises(InvalidInput, match="chosen in the analysis protocol"):
        bases.make_default(basis=basis, by=world.imaging_analyst)
    with pytest.raises(Refused, match="no basis set yet"):
        bases.choose(study=world.study, header={})


def test_a_set_of_another_field_or_echo_time_is_refused_with_a_sentence(world: World) -> None:
    basis = scans.make_basis(world)
    assert basis_library.mismatch(basis, scans.HEADER) == ""
    assert basis_library.mismatch(basis, {}) == ""
    assert basis_library.mismatch(basis, scans.HEADER | {"EchoTime": 0.144}) == (
        "Simulated 3 T is made for an echo time of 35 ms; the spectrum has 144 ms."
    )
    assert basis_library.mismatch(basis, {"SpectrometerFrequency": [297.2]}) == (
        "Simulated 3 T is made for 3.0 T; the spectrum was measured at 7.0 T."
    )
    basis_library.refuse_mismatch(None, Spectrum(header={}))
    with pytest.raises(InvalidInput, match=r"measured at 7\.0 T"):
        basis_library.refuse_mismatch(basis, Spectrum(header={"SpectrometerFrequency": [297.2]}))


def test_a_simulated_set_is_drawn_when_somebody_looks(world: World) -> None:
    basis = scans.make_basis(world)
    assert basis_library.preview_of(basis) == {}
    with pytest.raises(NotPermitted):
        basis_library.look_into(basis=basis, by=world.statistician)
    basis_library.look_into(basis=basis, by=world.imaging_analyst)
    spectra = basis_library.preview_of(BasisSet.objects.get())["spectra"]
    assert list(spectra) == BasisSet.objects.get().metabolites
    assert {"NAA", "Cr", "Glu", "Gln"} <= set(spectra)
    assert basis_library.look_into(basis=basis, by=world.imaging_analyst) == basis
    broken = BasisSet.objects.create(
        study=world.study, name="Gone wrong", stored_sha256=store.put(b"no basis"), suffix=".basis",
        uploaded_by=world.imaging_analyst,
    )  # fmt: skip
    with pytest.raises(InvalidInput, match="Gone wrong cannot be read"):
        basis_library.look_into(basis=broken, by=world.imaging_analyst)


def test_simulations_are_written_in_one_way(world: World, tmp_path: Path) -> None:
    def simulated(text: str, name: str = "S") -> BasisSet:
        return bases.add_simulated(study=world.study, name=name, simulation=text, by=world.imaging_analyst)

    press, steam = simulated("press:11,24@3T", "P"), simulated("sim:steam:11,17@7T", "S")
    assert (press.simulation, press.field_tesla, press.echo_time_ms) == ("sim:press:11,24@3T", 3.0, 35.0)
    assert (steam.echo_time_ms, bases.engine_argument(steam, tmp_path)) == (11.0, "sim:steam:11,17@7T")
    steam.simulation = "steam:11,17@7T"
    assert bases.engine_argument(steam, tmp_path) == "sim:steam:11,17@7T"
    for wrong in ("press:11@3T", "laser:1,2@3T", "press:11,24@99T", "press:11,24@0T"):
        with pytest.raises(InvalidInput, match="Write the sequence like"):
            simulated(wrong, "W")
    assert BasisSet.objects.count() == 2


def test_only_reviewers_add_and_choose_the_default(world: World) -> None:
    three, seven = scans.make_basis(world), scans.make_basis(world, tesla=7, is_default=False)
    for act in (
        lambda: add(world, by=world.coordinator),
        lambda: bases.add_simulated(study=world.study, name="x", simulation="press:1,2@3T", by=world.statistician),
        lambda: bases.make_default(basis=seven, by=world.coordinator),
    ):
        with pytest.raises(NotPermitted):
            act()
    assert BasisSet.objects.count() == 2
    bases.make_default(basis=seven, by=world.imaging_analyst)
    three.refresh_from_db()
    assert (seven.is_default, three.is_default) == (True, False)


def test_the_basis_follows_the_field_strength(world: World) -> None:
    with pytest.raises(Refused, match="no basis set yet"):
        bases.choose(study=world.study, header={})
    three = scans.make_basis(world)
    assert bases.choose(study=world.study, header=scans.HEADER) == three
    seven_tesla = {"SpectrometerFrequency": [297.2], "EchoTime": 0.011}
    with pytest.raises(Refused, match=r"measured at 7\.0 T and the study has no basis set"):
        bases.choose(study=world.study, header=seven_tesla)
    seven = scans.make_basis(world, tesla=7, is_default=False)
    near = bases.add_simulated(
        study=world.study, name="near", simulation="sim:steam:11,32@7T", by=world.imaging_analyst
    )
    assert bases.choose(study=world.study, header=seven_tesla) == near
    assert bases.choose(study=world.study, header={"SpectrometerFrequency": 297.2}) in {seven, near}
    assert bases.choose(study=world.study, header={}) == three
    short = bases.add_simulated(study=world.study, name="28", simulation="press:14,14@3T", by=world.imaging_analyst)
    assert bases.choose(study=world.study, header=scans.HEADER | {"EchoTime": 0.028}) == short
    assert bases.choose(study=world.study, header=scans.HEADER | {"EchoTime": 0.144}) == three
