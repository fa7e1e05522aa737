"""Files damaged at random places: read as what they are, or refused with a code; never a crash, never a warning."""

import gzip
import random

import pytest

from sessions.mrs import MrsError
from sessions.mrs.basis_loading import load_basis
from sessions.mrs.checks import check_numbers
from sessions.mrs.conversion import read_spectrum
from sessions.mrs.importers import read_results
from sessions.mrs.io import nifti_mrs_bytes
from sessions.mrs.singlets import find_singlets, oriented
from tests.factories import foreign_results, vendor_files
from tests.factories.malformed_nifti import lcmodel_basis
from tests.factories.spectra import brain

ROUNDS = 60
PIECES = b"0123456789-+.eE:= \n\x00\xffNaNinf"


def spectrum(path) -> None:
    found = read_spectrum(path)
    check_numbers(found)
    turned, _ = oriented(found)
    find_singlets(turned.fids[0, 0], found.dwell_time_s, found.frequency_mhz)


FILES = {
    "scan.nii": (gzip.decompress(nifti_mrs_bytes(brain(transients=2))), spectrum),
    "scan.nii.gz": (nifti_mrs_bytes(brain()), spectrum),
    "scan.raw": (vendor_files.lcmodel_raw(), spectrum),
    "scan.zip": (vendor_files.zipped({"scan.nii.gz": nifti_mrs_bytes(brain())}), spectrum),
    "result.table": (foreign_results.lcmodel_table().encode(), read_results),
    "result.csv": (foreign_results.TARQUIN_CSV.encode(), read_results),
    "summary.csv": (foreign_results.FSL_SUMMARY.encode(), read_results),
    "A_tCr_Voxel_1.tsv": (foreign_results.OSPREY["A_tCr_Voxel_1.tsv"].encode(), read_results),
    "set.basis": (lcmodel_basis().encode(), load_basis),
}


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return a file cut, flipped, overwritten, shortened or lengthened, mostly in its header."""
    kind = chance.randrange(5)
    if kind == 0:
        return content[: chance.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(chance.choice([1, 2, 5, 20])):
        at = chance.randrange(min(len(content) - 20, 900) if chance.random() < 0.8 else len(content) - 20)
        if kind == 1:
            changed[at % len(changed)] ^= 1 << chance.randrange(8)
        elif kind == 2:
            changed[at : at + 8] = chance.choice([b"\xff" * 8, bytes(8), b"\x7f" * 8])
        elif kind == 3 and len(changed) > 40:
            del changed[at : at + chance.randrange(1, 4)]
        else:
            changed[at:at] = bytes(chance.choices(PIECES, k=chance.randrange(1, 9)))
    return bytes(changed)


@pytest.mark.parametrize("name", FILES)
def test_damage_is_met_with_a_code(name, tmp_path) -> None:
    content, read = FILES[name]
    chance = random.Random(name)
    refusals = []
    for _ in range(ROUNDS):
        (tmp_path / name).write_bytes(damaged(content, chance))
        try:
            read(tmp_path / name)
        except MrsError as refusal:
            refusals.append(refusal.message)
    assert len(refusals) > 5
    assert all(message.endswith(".") for message in refusals)
