"""NIfTI-MRS files that are wrong in one way each, and small LCModel bases to be spoilt."""

import gzip
import json
import struct
from collections.abc import Callable

import numpy as np

from sessions.mrs.basis_loading import load_basis
from sessions.mrs.io import nifti_mrs_bytes
from sessions.mrs.spectrum import Spectrum
from tests.factories.spectra import DWELL_TIME_S, FREQUENCY_MHZ, brain

FOUND_BY_THE_FIT = {
    "basis-frequency-mismatch", "peaks-not-found", "peaks-spacing", "header-frequency", "orientation-ambiguous",
}  # fmt: skip


def files() -> dict[str, tuple[bytes, str]]:
    """Return bytes and code of the refusal by name."""
    spectrum = brain()
    plain = gzip.decompress(nifti_mrs_bytes(spectrum))
    return _broken(plain) | _headers(spectrum, plain) | _signals(spectrum, plain) | _dimensions()


def _broken(plain: bytes) -> dict[str, tuple[bytes, str]]:
    good = gzip.compress(plain, mtime=0)
    found = {
        "empty": (b"", "file-empty"),
        "one byte": (b"\x1f", "file-not-mrs"),
        "text": (b"patient_name : somebody\n" * 40, "file-not-mrs"),
        "random": (np.random.default_rng(0).bytes(4096), "file-not-mrs"),
        "gzip header only": (good[:10], "file-truncated"),
        "flipped gzip": (_flipped(good), "file-corrupt"),
        "packed twice": (gzip.compress(good), "file-not-mrs"),
        "bomb": (_bomb(plain), "data-too-large"),
        "bomb by its ratio": (_bomb_by_ratio(plain), "data-too-large"),
        "trailing data": (gzip.compress(plain + np.random.default_rng(0).bytes(3 * 1024**2)), "file-trailing-data"),
        "other magic": (patched(plain, 4, b"xxxx"), "header-invalid"),
        "nifti 1 by its size only": (struct.pack("<i", 348) + plain[4:], "header-dimensions"),
        "not mrs": (patched(plain, 508, b"other\0\0\0"), "file-not-mrs"),
    }
    for share in (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999):
        found[f"gzip cut at {share:.1%}"] = (good[: int(len(good) * share)], "file-truncated")
    for place in (4, 200, 539, 700, 800, 2000, len(plain) - 1):
        found[f"nifti cut at byte {place}"] = (plain[:place], "file-truncated")
    return found


def _headers(spectrum: Spectrum, plain: bytes) -> dict[str, tuple[bytes, str]]:
    return {
        "real numbers": (patched(plain, 12, struct.pack("<h", 16)), "data-not-complex"),
        "unknown type": (patched(plain, 12, struct.pack("<h", 2048)), "data-type-unknown"),
        "no dimensions": (patched(plain, 16, struct.pack("<q", 0)), "header-dimensions"),
        "nine dimensions": (patched(plain, 16, struct.pack("<q", 9)), "header-dimensions"),
        "negative dimension": (patched(plain, 48, struct.pack("<q", -5)), "header-dimensions"),
        "huge dimensions": (patched(plain, 24, struct.pack("<4q", *[2**62] * 4)), "data-too-large"),
        "huge header": (patched(plain, 168, struct.pack("<q", 2**40)), "header-invalid"),
        "header before its end": (patched(plain, 168, struct.pack("<q", 12)), "header-invalid"),
        "offset on the signal": (patched(plain, 176, struct.pack("<2d", 2.0, 5.0)), "header-invalid"),
        "voxels": (patched(plain, 24, struct.pack("<q", 2)) + plain[-8192:], "data-not-single-voxel"),
        "no extension": (patched(plain, 540, b"\0"), "header-missing"),
        "foreign extension only": (patched(plain, 548, struct.pack("<i", 4)), "header-invalid"),
        "extension beyond the header": (patched(plain, 544, struct.pack("<i", 10**6)), "header-invalid"),
        "header not json": (patched(plain, 552, b"not json"), "header-invalid"),
        "header a list": (_header_text(plain, b"[1]"), "header-invalid"),
        "header too deep": (_header_text(plain, b"[" * 100_000), "header-invalid"),
        "no nucleus": (headed(spectrum, ResonantNucleus=["XX"]), "header-incomplete"),
        "nucleus a number": (headed(spectrum, ResonantNucleus=1), "header-incomplete"),
        "phosphorus": (headed(spectrum, ResonantNucleus=["31P"]), "nucleus-unsupported"),
        "frequency missing": (headed(spectrum, SpectrometerFrequency=[]), "header-incomplete"),
        "frequency a text": (headed(spectrum, SpectrometerFrequency=["fast"]), "header-incomplete"),
        "frequency nan": (headed(spectrum, SpectrometerFrequency=[float("nan")]), "header-incomplete"),
        "frequency in hertz": (headed(spectrum, SpectrometerFrequency=[127.7e6]), "header-incomplete"),
        "frequency of a toy": (headed(spectrum, SpectrometerFrequency=[3.0]), "header-frequency"),
        "frequency of 7 T": (headed(spectrum, SpectrometerFrequency=[170.0]), "basis-frequency-mismatch"),
        "frequency of 1.5 T": (headed(spectrum, SpectrometerFrequency=[63.8]), "basis-frequency-mismatch"),
        "frequency off by 4 percent": (headed(spectrum, SpectrometerFrequency=[132.8]), "peaks-spacing"),
        "dwell time zero": (patched(plain, 136, struct.pack("<d", 0.0)), "header-dwell-time"),
        "dwell time nan": (patched(plain, 136, struct.pack("<d", float("nan"))), "header-dwell-time"),
        "dwell time negative": (patched(plain, 136, struct.pack("<d", -5e-4)), "header-dwell-time"),
        "dwell time slow": (patched(plain, 136, struct.pack("<d", 0.1)), "header-dwell-time"),
        "dwell time in ms": (patched(plain, 136, struct.pack("<d", 0.5)), "header-dwell-time"),
        "dwell time off by 5 percent": (patched(plain, 136, struct.pack("<d", 5.25e-4)), "peaks-spacing"),
        "folded": (patched(plain, 136, struct.pack("<d", 1 / 520)), "header-dwell-time"),
    }  # fmt: skip


def _signals(spectrum: Spectrum, plain: bytes) -> dict[str, tuple[bytes, str]]:
    shape = spectrum.fids.shape
    times = np.arange(shape[2]) * DWELL_TIME_S
    water = 500 * np.exp(-20 * times)
    return {
        "nan": (_with(spectrum, lambda fids: fids.__setitem__((0, 0, 7), np.nan)), "data-not-finite"),
        "infinite": (_with(spectrum, lambda fids: fids.__setitem__((0, 0, 7), np.inf)), "data-not-finite"),
        "too large to be measured": (_with(spectrum, lambda fids: fids.__imul__(1e35)), "data-not-finite"),
        "zeros": (_with(spectrum, lambda fids: fids.__imul__(0)), "data-no-signal"),
        "real signal": (_with(spectrum, lambda fids: fids.imag.__imul__(0)), "data-not-complex"),
        "magnitude": (nifti_mrs_bytes(replaced(spectrum, fids=np.abs(spectrum.fids) + 0j)), "data-not-complex"),
        "sixteen points": (nifti_mrs_bytes(replaced(spectrum, fids=spectrum.fids[:, :, :16])), "data-too-short"),
        "255 points": (nifti_mrs_bytes(replaced(spectrum, fids=spectrum.fids[:, :, :255])), "data-too-short"),
        "far too many points": (nifti_mrs_bytes(replaced(spectrum, fids=_noise((1, 1, 65537)))), "data-too-long"),
        "noise": (nifti_mrs_bytes(replaced(spectrum, fids=_noise(shape))), "peaks-not-found"),
        "water only": (nifti_mrs_bytes(replaced(spectrum, fids=water + _noise(shape))), "peaks-not-found"),
        "phantom without peaks": (
            nifti_mrs_bytes(replaced(spectrum, fids=water + _one_peak(times) + _noise(shape) / 10)), "peaks-not-found",
        ),
    }  # fmt: skip


def _dimensions() -> dict[str, tuple[bytes, str]]:
    four = brain(transients=4)
    found = {}
    for tag in ("DIM_USER_0", "DIM_INDIRECT_0", "DIM_ISIS", "DIM_METCYCLE", "DIM_SECRET"):
        found[f"dimension {tag}"] = (headed(four, dim_5=tag), "dimension-unsupported")
    found["dimension without a name"] = (headed(four, dim_5=None), "dimension-unsupported")
    found["dimension that is a number"] = (headed(four, dim_5=7), "dimension-unsupported")
    coils = replaced(four, fids=np.repeat(four.fids, 3, axis=1))
    found["two coil dimensions"] = (headed(coils, dim_5="DIM_COIL", dim_6="DIM_COIL"), "header-dimensions")
    nine = brain(transients=9)
    found["nine edit conditions"] = (headed(nine, dim_5="DIM_EDIT"), "dimension-unsupported")
    found["edited without names"] = (headed(four, dim_5="DIM_EDIT"), "edit-condition")
    return found


def patched(content: bytes, position: int, new: bytes) -> bytes:
    """Return bytes with others in their place."""
    return content[:position] + new + content[position + len(new) :]


def replaced(spectrum: Spectrum, **changes: object) -> Spectrum:
    """Return a spectrum with other fields."""
    return Spectrum(**{**{name: getattr(spectrum, name) for name in spectrum.__dataclass_fields__}, **changes})


def headed(spectrum: Spectrum, **keys: object) -> bytes:
    """Write a header that our own writer would refuse to write."""
    return _header_text(
        gzip.decompress(nifti_mrs_bytes(spectrum)), json.dumps(spectrum.header | {"dim_5": "DIM_DYN"} | keys).encode()
    )


def _header_text(plain: bytes, text: bytes) -> bytes:
    size = struct.unpack("<i", plain[544:548])[0]
    extent = -(-(len(text) + 8) // 16) * 16
    extension = struct.pack("<2i", extent, 44) + text.ljust(extent - 8, b"\0")
    return gzip.compress(patched(plain[:544], 168, struct.pack("<q", 544 + extent)) + extension + plain[544 + size :])


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(byte ^ 0xFF for byte in content[middle : middle + 40]) + content[middle + 40 :]


def _bomb(plain: bytes) -> bytes:
    """A few kilobytes that say they hold 64 GB, and would unpack to 64 MB of zeros."""
    return gzip.compress(patched(plain, 40, struct.pack("<q", 2**33)) + bytes(64 * 1024**2), compresslevel=1)


def _bomb_by_ratio(plain: bytes) -> bytes:
    """A few kilobytes that unpack to the 32 MB that they say they hold."""
    return gzip.compress(patched(plain, 40, struct.pack("<q", 2**22)) + bytes(32 * 1024**2), compresslevel=1)


def _with(spectrum: Spectrum, change: Callable[[np.ndarray], object]) -> bytes:
    fids = spectrum.fids.copy()
    change(fids)
    return nifti_mrs_bytes(replaced(spectrum, fids=fids))


def _noise(shape: tuple[int, ...]) -> np.ndarray:
    generator = np.random.default_rng(3)
    return generator.normal(size=shape) + 1j * generator.normal(size=shape)


def _one_peak(times: np.ndarray) -> np.ndarray:
    """Silicone oil at 0.1 ppm, as phantoms hold it."""
    return 40 * np.exp(2j * np.pi * (0.1 - 4.65) * FREQUENCY_MHZ * times - 15 * times)


def lcmodel_basis(
    frequency_mhz: float = FREQUENCY_MHZ,
    names: tuple[str, ...] = ("NAA", "Cr", "PCr", "Glu"),
    *,
    width_hz: float = 2000.0,
) -> str:
    """Return a small .BASIS as LCModel's makebasis writes it."""
    points, dwell_time_s = 512, 1 / width_hz
    parts = {part.name: part for part in load_basis(f"sim:press:14,14@{frequency_mhz / 42.577:.4f}T").components}
    text = f" $SEQPAR\n ECHOT = 28.00\n HZPPPM = {frequency_mhz}\n SEQ = 'PRESS'\n $END\n"
    text += f" $BASIS1\n BADELT = {dwell_time_s}\n NDATAB = {2 * points}\n $END\n"
    damping = np.exp(-8 * np.arange(points) * dwell_time_s)
    for name in names:
        spectrum = np.fft.fft(parts[name].lines.fid(dwell_time_s, points) * damping, 2 * points)
        text += f" $NMUSED\n $END\n $BASIS\n METABO = '{name}'\n ISHIFT = 0\n $END\n"
        text += "\n".join(f" {one.real:.6E} {one.imag:.6E}" for one in spectrum) + "\n"
    return text
