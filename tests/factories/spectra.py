"""Spectra for tests: small synthetic acquisitions, and files that are wrong in one way each.

`malformed()` gives, by name, the bytes of a file and the code of the refusal that it must meet.
"""

import gzip
import json
import struct
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from sessions.mrs.basis_loading import load_basis
from sessions.mrs.io import nifti_mrs_bytes
from sessions.mrs.spectrum import Spectrum

BASIS = "sim:press:14,14@3T"
FREQUENCY_MHZ = 127.74
DWELL_TIME_S = 1 / 2000
CONCENTRATIONS = {"NAA": 10.0, "Cr": 4.0, "PCr": 4.0, "GPC": 1.5, "Glu": 9.0, "Gln": 2.5, "Ins": 6.0, "NAAG": 1.0}


def shared_data() -> Path:
    """Return the folder of reference spectra beside the checkout (it may be absent)."""
    return Path(__file__).resolve().parents[3] / "shared" / "data" / "mrs"


def brain(
    *, seed: int = 1, noise: float = 0.02, transients: int = 1, points: int = 1024, header: dict | None = None,
    concentrations: dict[str, float] | None = None,
) -> Spectrum:  # fmt: skip
    """Return a plausible 3 T spectrum without macromolecules."""
    generator = np.random.default_rng(seed)
    fid = _clean(points, tuple((concentrations or CONCENTRATIONS).items()))
    fids = np.repeat(fid[None, None], transients, axis=0)
    fids = fids + noise * (generator.normal(size=fids.shape) + 1j * generator.normal(size=fids.shape))
    known = {
        "SpectrometerFrequency": [FREQUENCY_MHZ],
        "ResonantNucleus": ["1H"],
        "EchoTime": 0.028,
        "RepetitionTime": 2.0,
    }
    return Spectrum(fids, DWELL_TIME_S, FREQUENCY_MHZ, "1H", known | (header or {}))


@lru_cache(maxsize=8)
def _clean(points: int, amounts: tuple[tuple[str, float], ...]) -> np.ndarray:
    basis = load_basis(BASIS, frequency_mhz=FREQUENCY_MHZ)
    decays = {part.name: part.lines.fid(DWELL_TIME_S, points) for part in basis.components}
    times = np.arange(points) * DWELL_TIME_S
    return sum(amount * decays[name] for name, amount in amounts) * np.exp(-12 * times - 30 * times**2)


def write(folder: Path, spectrum: Spectrum, name: str = "spectrum.nii.gz") -> Path:
    """Write a spectrum as NIfTI-MRS."""
    path = folder / name
    path.write_bytes(nifti_mrs_bytes(spectrum))
    return path


def malformed() -> dict[str, tuple[bytes, str]]:
    """Return files that are wrong in one way each, with the code of the refusal."""
    good = nifti_mrs_bytes(brain())
    plain = gzip.decompress(good)
    spectrum = brain()
    files: dict[str, tuple[bytes, str]] = {
        "empty": (b"", "file-empty"),
        "text": (b"patient_name : somebody\n" * 40, "file-not-mrs"),
        "random": (np.random.default_rng(0).bytes(4096), "file-not-mrs"),
        "cut gzip": (good[: len(good) // 2], "file-truncated"),
        "cut nifti": (plain[:-4000], "file-truncated"),
        "cut header": (plain[:300], "file-truncated"),
        "flipped gzip": (_flipped(good), "file-corrupt"),
        "other magic": (_patched(plain, 4, b"xxxx"), "header-invalid"),
        "nifti 1": (struct.pack("<i", 348) + plain[4:], "file-not-mrs"),
        "not mrs": (_patched(plain, 508, b"other\0\0\0"), "file-not-mrs"),
        "real numbers": (_patched(plain, 12, struct.pack("<h", 16)), "data-not-complex"),
        "unknown type": (_patched(plain, 12, struct.pack("<h", 2048)), "data-type-unknown"),
        "no dimensions": (_patched(plain, 16, struct.pack("<q", 0)), "header-dimensions"),
        "negative dimension": (_patched(plain, 48, struct.pack("<q", -5)), "header-dimensions"),
        "bomb": (_bomb(plain), "data-too-large"),
        "huge header": (_patched(plain, 168, struct.pack("<q", 2**40)), "header-invalid"),
        "trailing data": (gzip.compress(plain + bytes(3 * 1024**2)), "file-trailing-data"),
        "voxels": (_patched(plain, 24, struct.pack("<q", 2)) + plain[-8192:], "data-not-single-voxel"),
        "no extension": (_patched(plain, 540, b"\0"), "header-missing"),
        "header not json": (_patched(plain, 552, b"not json"), "header-invalid"),
        "nan": (_with(spectrum, lambda fids: fids.__setitem__((0, 0, 7), np.nan)), "data-not-finite"),
        "infinite": (_with(spectrum, lambda fids: fids.__setitem__((0, 0, 7), np.inf)), "data-not-finite"),
        "zeros": (_with(spectrum, lambda fids: fids.__imul__(0)), "data-no-signal"),
        "real signal": (_with(spectrum, lambda fids: fids.imag.__imul__(0)), "data-not-complex"),
        "sixteen points": (nifti_mrs_bytes(_replaced(spectrum, fids=spectrum.fids[:, :, :16])), "data-too-short"),
        "dwell time zero": (_patched(plain, 136, struct.pack("<d", 0.0)), "header-dwell-time"),
        "dwell time nan": (_patched(plain, 136, struct.pack("<d", float("nan"))), "header-dwell-time"),
        "dwell time slow": (_patched(plain, 136, struct.pack("<d", 0.1)), "header-dwell-time"),
        "folded": (_patched(plain, 136, struct.pack("<d", 1 / 520)), "header-dwell-time"),
        "phosphorus": (_headed(spectrum, ResonantNucleus=["31P"]), "nucleus-unsupported"),
        "no nucleus": (_headed(spectrum, ResonantNucleus=["XX"]), "header-incomplete"),
        "frequency missing": (_headed(spectrum, SpectrometerFrequency=[]), "header-incomplete"),
        "frequency of a toy": (_headed(spectrum, SpectrometerFrequency=[3.0]), "header-frequency"),
        "frequency of 7 T": (_headed(spectrum, SpectrometerFrequency=[170.0]), "basis-frequency-mismatch"),
        "frequency of 1.5 T": (_headed(spectrum, SpectrometerFrequency=[63.8]), "basis-frequency-mismatch"),
        "noise": (nifti_mrs_bytes(_replaced(spectrum, fids=_noise(spectrum.fids.shape))), "peaks-not-found"),
    }
    return files


def _patched(content: bytes, position: int, new: bytes) -> bytes:
    return content[:position] + new + content[position + len(new) :]


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(byte ^ 0xFF for byte in content[middle : middle + 40]) + content[middle + 40 :]


def _bomb(plain: bytes) -> bytes:
    """A few kilobytes that say they hold 64 GB, and would unpack to 64 MB of zeros."""
    return gzip.compress(_patched(plain, 40, struct.pack("<q", 2**33)) + bytes(64 * 1024**2), compresslevel=1)


def _replaced(spectrum: Spectrum, **changes: object) -> Spectrum:
    return Spectrum(**{**{name: getattr(spectrum, name) for name in spectrum.__dataclass_fields__}, **changes})


def _with(spectrum: Spectrum, change: Callable[[np.ndarray], object]) -> bytes:
    fids = spectrum.fids.copy()
    change(fids)
    return nifti_mrs_bytes(_replaced(spectrum, fids=fids))


def _headed(spectrum: Spectrum, **keys: object) -> bytes:
    """Write a header that our own writer would refuse to write."""
    plain = gzip.decompress(nifti_mrs_bytes(spectrum))
    size = struct.unpack("<i", plain[544:548])[0]
    text = json.dumps(spectrum.header | keys).encode()
    extent = -(-(len(text) + 8) // 16) * 16
    extension = struct.pack("<2i", extent, 44) + text.ljust(extent - 8, b"\0")
    return gzip.compress(_patched(plain[:544], 168, struct.pack("<q", 544 + extent)) + extension + plain[544 + size :])


def _noise(shape: tuple[int, ...]) -> np.ndarray:
    generator = np.random.default_rng(3)
    return generator.normal(size=shape) + 1j * generator.normal(size=shape)
