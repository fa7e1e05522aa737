"""The generator of malformed files: each kind is wrong in one way, with the code of the refusal that it must meet.

`kinds()` gives them by name. A kind may be several files (a pair, an archive beside its companion); `main` is the one
that is opened. Nothing here is random from run to run.
"""

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from tests.factories import malformed_nifti, vendor_files
from tests.factories.spectra import BASIS, brain, nifti_mrs_bytes


@dataclass(frozen=True)
class Malformed:
    """One kind.

    Parameters
    ----------
    files
        Contents by name; a text is the target of a symbolic link.
    main
        The file that is opened.
    code
        Of the refusal.
    basis
        A file of `files`, or a simulation.
    found_by_conversion
        Whether the conversion refuses it already.
    """

    files: dict[str, bytes | str]
    main: str
    code: str
    basis: str = BASIS
    found_by_conversion: bool = True

    def write(self, folder: Path) -> Path:
        """Write the files; return the one to open."""
        for name, content in self.files.items():
            if isinstance(content, str):
                (folder / name).symlink_to(content)
            else:
                (folder / name).write_bytes(content)
        return folder / self.main

    def basis_in(self, folder: Path) -> str:
        """Return the basis as the command line wants it."""
        return str(folder / self.basis) if self.basis in self.files else self.basis


@lru_cache(maxsize=1)
def kinds() -> dict[str, Malformed]:
    """Return all kinds by name."""
    found: dict[str, Malformed] = {}
    for name, (content, code) in malformed_nifti.files().items():
        later = code in malformed_nifti.FOUND_BY_THE_FIT or name.startswith("edited")
        found[name] = Malformed({"scan.nii.gz": content}, "scan.nii.gz", code, found_by_conversion=not later)
    return found | _philips() | _single_files() | _archives() | _pairs_of_varian() | _bases() | _forbidden()


def _philips() -> dict[str, Malformed]:
    good = vendor_files.philips()
    data, description = good["scan.SDAT"], good["scan.SPAR"]

    def pair(sdat: bytes, spar: bytes, code: str) -> Malformed:
        return Malformed({"scan.SDAT": sdat, "scan.SPAR": spar}, "scan.SDAT", code)

    return {
        "sdat and spar swapped": pair(description, data, "companion-swapped"),
        "sdat given for spar": pair(data, data, "companion-swapped"),
        "sdat cut": pair(data[:-800], description, "file-truncated"),
        "sdat cut within a number": pair(data[:-3], description, "file-truncated"),
        "sdat of another scan": pair(data + data, description, "companion-mismatch"),
        "sdat without a spar": Malformed({"scan.SDAT": data}, "scan.SDAT", "companion-missing"),
        "spar without an sdat": Malformed({"scan.SPAR": description}, "scan.SPAR", "companion-missing"),
        "spar that is prose": pair(data, b"patient : somebody\n", "companion-invalid"),
        "spar empty": pair(data, b"", "file-empty"),
        "spar with text for a number": pair(data, vendor_files.spar(samples="many"), "header-number"),
        "spar with a formula for a number": pair(data, vendor_files.spar(rows="10**9"), "header-number"),
        "spar with minus rows": pair(data, vendor_files.spar(rows=-1), "header-number"),
        "spar with a billion rows": pair(data, vendor_files.spar(rows=10**9), "header-number"),
        "spar without a frequency": pair(data, vendor_files.spar(synthesizer_frequency=None), "header-incomplete"),
        "spar with a frequency of zero": pair(data, vendor_files.spar(synthesizer_frequency=0), "header-frequency"),
        "spar with a width of zero": pair(data, vendor_files.spar(sample_frequency=0), "header-dwell-time"),
        "spar of phosphorus": pair(data, vendor_files.spar(nucleus="31P"), "nucleus-unsupported"),
        "spar without a nucleus": pair(data, vendor_files.spar(nucleus=None), "header-incomplete"),
        "philips edited": pair(data * 2, vendor_files.spar(rows=2, scan_id="MEGA GABA"), "edit-condition"),
        "philips of nulls": pair(bytes(len(data)), description, "data-no-signal"),
    }


def _single_files() -> dict[str, Malformed]:
    rda, jmrui, raw = vendor_files.rda(), vendor_files.jmrui(), vendor_files.lcmodel_raw()
    dicom = vendor_files.dicom()
    noise = np.random.default_rng(0).bytes(4096)
    files = {
        "rda cut in its header": ("scan.rda", rda[:700], "file-truncated"),
        "rda cut in its data": ("scan.rda", rda[:-1000], "file-truncated"),
        "rda with more than it says": ("scan.rda", rda + bytes(64), "file-trailing-data"),
        "rda of many voxels": ("scan.rda", vendor_files.rda(**{"CSIMatrixSize[0]": 16}), "data-not-single-voxel"),
        "rda with text for a number": ("scan.rda", vendor_files.rda(DwellTime="fast"), "header-number"),
        "rda without its dwell time": ("scan.rda", rda.replace(b"DwellTime", b"DwellTyme"), "header-incomplete"),
        "rda without its coil": ("scan.rda", rda.replace(b"TransmitCoil", b"TransmitCall"), "conversion-failed"),
        "rda by name only": ("scan.rda", b"x" * 200, "file-not-mrs"),
        "dicom by name only": ("scan.dcm", b"x" * 200, "file-not-mrs"),
        "ima by name only": ("scan.IMA", b"x" * 200, "file-not-mrs"),
        "dicom of an image": ("scan.dcm", dicom, "file-not-mrs"),
        "dicom of an unknown maker": ("scan.dcm", vendor_files.dicom(maker="ACME", sop_class="1.2.3"), "file-not-mrs"),
        "dicom cut": ("scan.dcm", dicom[:140], "file-corrupt"),
        "dicom of siemens without a spectrum": ("scan.IMA", vendor_files.dicom(sop_class="1.2.3"), "conversion-failed"),
        "twix by name only": ("meas.dat", noise, "file-not-mrs"),
        "twix cut": ("meas.dat", struct.pack("<2I", 0, 1) + bytes(1024), "conversion-failed"),
        "p-file of noise": ("P12345.7", noise, "conversion-failed"),
        "p-file empty": ("P12345.7", b"", "file-empty"),
        "jmrui cut": ("scan.txt", jmrui[: len(jmrui) // 2], "file-truncated"),
        "jmrui without a signal": ("scan.txt", jmrui[:200], "file-truncated"),
        "jmrui with text for a number": ("scan.txt", jmrui.replace(b"E+0", b"E+x", 5), "file-corrupt"),
        "jmrui with several signals": ("scan.txt", vendor_files.jmrui(signals=2), "dimension-unsupported"),
        "jmrui with text in its header": ("scan.txt", vendor_files.jmrui(SamplingInterval="often"), "header-number"),
        "raw without a frequency": ("scan.RAW", vendor_files.lcmodel_raw(head=""), "raw-incomplete"),
        "raw with an odd value": ("scan.RAW", raw[:-16], "file-truncated"),
        "raw with text within": ("scan.RAW", raw[:-16] + b"end of file\n", "file-truncated"),
        "raw that is binary": ("scan.RAW", noise, "file-not-mrs"),
        "raw of a toy": ("scan.RAW", raw.replace(b"127.74", b"3.5"), "header-frequency"),
    }  # fmt: skip
    return {name: Malformed({file: content}, file, code) for name, (file, content, code) in files.items()}


def _pairs_of_varian() -> dict[str, Malformed]:
    good = vendor_files.varian()
    fid, procpar = good["fid"], good["procpar"]
    return {
        "fid without its procpar": Malformed({"fid": fid}, "fid", "companion-missing"),
        "fid cut": Malformed({"fid": fid[:-100], "procpar": procpar}, "fid", "file-truncated"),
        "fid cut in its header": Malformed({"fid": fid[:20], "procpar": procpar}, "fid", "file-truncated"),
        "fid with an impossible header": Malformed({"fid": b"\xff" * 200, "procpar": procpar}, "fid", "file-corrupt"),
        "procpar of prose": Malformed({"fid": fid, "procpar": b"no parameters"}, "fid", "conversion-failed"),
    }


def _archives() -> dict[str, Malformed]:
    scan, pair = nifti_mrs_bytes(brain()), vendor_files.philips()
    zipped = vendor_files.zipped
    link = zipfile.ZipInfo("scan.nii.gz")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        packed.writestr(link, "/etc/passwd")
    archive = zipped({"scan.nii.gz": scan})
    files = {
        "zip that leads out": (zipped({"../scan.nii.gz": scan}), "archive-unsafe"),
        "zip that leads out on windows": (zipped({"..\\scan.nii.gz": scan}), "archive-unsafe"),
        "zip with an absolute name": (zipped({"/etc/scan.nii.gz": scan}), "archive-unsafe"),
        "zip with a drive": (zipped({"C:\\scan.nii.gz": scan}), "archive-unsafe"),
        "zip with a link": (content.getvalue(), "archive-unsafe"),
        "zip in a zip": (zipped({"inner.zip": archive}), "archive-nested"),
        "zip in a zip under another name": (zipped({"scan.dat": archive}), "archive-nested"),
        "zip bomb": (zipped({"scan.nii": bytes(64 * 1024**2)}), "archive-too-large"),
        "zip that lies about its size": (_lying(zipped({"scan.nii": bytes(8 * 1024**2)})), "archive-damaged"),
        "zip with a password": (_encrypted(archive), "archive-encrypted"),
        "zip cut": (archive[:-200], "archive-damaged"),
        "zip with a flipped byte": (_flipped(archive), "archive-damaged"),
        "zip of nothing": (zipped({}), "archive-ambiguous"),
        "zip of two spectra": (zipped({"a.nii.gz": scan, "b.nii.gz": scan}), "archive-ambiguous"),
        "zip of several kinds": (zipped({"a.nii.gz": scan, **pair}), "archive-ambiguous"),
        "zip of three halves": (zipped({**pair, "other.SPAR": pair["scan.SPAR"]}), "archive-ambiguous"),
        "zip of half a pair": (zipped({"scan.SDAT": pair["scan.SDAT"]}), "companion-missing"),
        "zip with a program": (zipped({"scan.nii.gz": scan, "run.py": b"print()"}), "file-forbidden"),
        "zip of too many files": (zipped({f"{n}.dcm": b"" for n in range(5000)}), "archive-too-large"),
    }  # fmt: skip
    return {name: Malformed({"scan.zip": content}, "scan.zip", code) for name, (content, code) in files.items()}


def _lying(archive: bytes) -> bytes:
    """Let both headers claim a tenth of the size."""
    return archive.replace(struct.pack("<I", 8 * 1024**2), struct.pack("<I", 800 * 1024))


def _encrypted(archive: bytes) -> bytes:
    local, central = archive.index(b"PK\x03\x04"), archive.index(b"PK\x01\x02")
    changed = bytearray(archive)
    changed[local + 6] |= 1
    changed[central + 8] |= 1
    return bytes(changed)


def _flipped(archive: bytes) -> bytes:
    return archive[:200] + bytes(byte ^ 0xFF for byte in archive[200:240]) + archive[240:]


def _bases() -> dict[str, Malformed]:
    scan = nifti_mrs_bytes(brain())
    good = malformed_nifti.lcmodel_basis()
    changed: dict[str, Callable[[str], str]] = {
        "basis cut in a block": lambda text: text[: len(text) // 2],
        "basis cut in its header": lambda text: text[:40],
        "basis with nan": lambda text: text.replace("E+00", "NaN ", 3),
        "basis without its dwell time": lambda text: text.replace("BADELT", "BADEXT"),
        "basis without its frequency": lambda text: text.replace("HZPPPM", "HZXXXM"),
    }
    found = {
        name: Malformed(
            {"scan.nii.gz": scan, "set.basis": change(good).encode()}, "scan.nii.gz", "basis-unreadable", "set.basis",
            found_by_conversion=False,
        )
        for name, change in changed.items()
    }  # fmt: skip
    basis = malformed_nifti.lcmodel_basis
    others = {
        "basis of another field": ("set.basis", basis(297.2, width_hz=5000).encode(), "basis-frequency-mismatch"),
        "basis too narrow for its field": ("set.basis", basis(297.2).encode(), "basis-unreadable"),
        "basis off by two percent": ("set.basis", basis(130.3).encode(), "basis-frequency-mismatch"),
        "basis without naa": ("set.basis", basis(names=("Cr", "Glu")).encode(), "basis-incomplete"),
        "basis that is a pickle": ("set.pkl", b"\x80\x04\x95", "basis-unreadable"),
        "basis that is a matlab object": ("set.mat", b"MATLAB 5.0 MAT-file", "basis-unreadable"),
        "basis that is a program": ("set.py", b"import os", "basis-unreadable"),
        "basis that is a control file": ("set.control", b" $LCMODL\n $END", "basis-unreadable"),
        "basis that is noise": ("set.basis", np.random.default_rng(1).bytes(2000), "basis-unreadable"),
    }  # fmt: skip
    for name, (file, content, code) in others.items():
        found[name] = Malformed(
            {"scan.nii.gz": scan, file: content}, "scan.nii.gz", code, file, found_by_conversion=False
        )
    found["basis that is not there"] = Malformed(
        {"scan.nii.gz": scan}, "scan.nii.gz", "basis-missing", "/nowhere/set.basis", found_by_conversion=False
    )
    return found


def _forbidden() -> dict[str, Malformed]:
    scan = nifti_mrs_bytes(brain())
    files = {
        "pickle": ("scan.nii.gz", b"\x80\x04\x95\x1a\0\0\0\0\0\0\0cos\nsystem\n"),
        "pickle by name": ("scan.pkl", b"something"),
        "matlab object": ("scan.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64"),
        "hdf5": ("scan.dat", b"\x89HDF\r\n\x1a\n" + bytes(500)),
        "lcmodel control file": ("scan.txt", b" $LCMODL\n filraw='/etc/passwd'\n $END\n"),
        "python configuration": ("scan.txt", b"import os\nos.system('true')\n"),
        "shell script": ("scan.nii", b"#!/bin/sh\ntrue\n"),
        "numpy object": ("scan.npy", b"\x93NUMPY\x01\0"),
    }
    found = {name: Malformed({file: content}, file, "file-forbidden") for name, (file, content) in files.items()}
    found["link"] = Malformed({"real.nii.gz": scan, "scan.nii.gz": "real.nii.gz"}, "scan.nii.gz", "file-link")
    found["link to a secret"] = Malformed({"scan.nii.gz": "/etc/passwd"}, "scan.nii.gz", "file-link")
    found["missing"] = Malformed({}, "scan.nii.gz", "file-missing")
    return found
