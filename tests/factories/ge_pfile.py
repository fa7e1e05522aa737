"""A GE P-file made with the structures by which spec2nii reads one: no real one could be shared."""

import ctypes

import numpy as np
from spec2nii.GE.ge_hdr_fields import get_pfile_hdr_fields

from sessions.mrs.spectrum import Spectrum
from tests.factories.spectra import DWELL_TIME_S, FREQUENCY_MHZ
from tests.factories.vendor_files import SEEDED

REVISION, DATA_BEGIN = 26.002, 213684
WATER_FRAMES = 8
UNITS = 2.0**20


class _Header(ctypes.LittleEndianStructure):
    _pack_ = 1
    _fields_ = get_pfile_hdr_fields(REVISION)


def p_file(spectrum: Spectrum, water: np.ndarray, *, sequence: bytes = b"PROBE-P") -> bytes:
    """Return a PROBE-P file: for each coil a blank frame, eight of water, and the transients.

    Parameters
    ----------
    spectrum
        Transients and coils.
    water
        One decay.
    """
    transients, coils, points = spectrum.fids.shape
    header = _Header()
    said = {
        "rhr_rh_rdbm_rev": REVISION, "rhr_rdb_hdr_off_data": DATA_BEGIN, "rhr_rh_frame_size": points,
        "rhr_rh_point_size": 4, "rhr_rh_da_xres": points, "rhr_rh_dab[0]_start_rcv": 0,
        "rhr_rh_dab[0]_stop_rcv": coils - 1, "rhr_spectral_width": 1 / DWELL_TIME_S,
        "rhr_rh_raw_pass_size": coils * (1 + WATER_FRAMES + transients) * points * 8,
        "rhr_rh_ps_mps_freq": round(FREQUENCY_MHZ * 1e7), "rhe_magstrength": 30000, "rhi_nex": 2.0, "rhi_numecho": 1,
        "rhi_user4": 2.0 * transients, "rhi_te": 28000, "rhi_tr": 2000000, "rhi_mr_flip": 90, "rhi_freq_dir": 1,
        "rhi_user8": 20.0, "rhi_user9": 20.0, "rhi_user10": 20.0, "rhi_trhc_R": 1.0, "rhi_brhc_A": 1.0,
        "rhi_brhc_R": 1.0, "rhi_psdname": sequence, "rhe_patname": SEEDED["name"].encode(),
        "rhe_patid": SEEDED["identity"].encode(), "rhe_dateofbirth": SEEDED["born"].encode(),
        "rhe_hospname": SEEDED["institution"].encode(), "rhe_uniq_sys_id": SEEDED["serial"].encode(),
        "rhs_se_desc": f"press {SEEDED['name']}".encode(),
    }  # fmt: skip
    for key, value in said.items():
        setattr(header, key, value)
    frames = np.zeros((coils, 1 + WATER_FRAMES + transients, points), dtype=complex)
    frames[:, 1 : 1 + WATER_FRAMES] = water
    frames[:, 1 + WATER_FRAMES :] = spectrum.fids.transpose(1, 0, 2)
    # The scanner counts frequency the other way.
    pairs = np.stack([frames.real, -frames.imag], axis=-1) * UNITS
    return bytes(header).ljust(DATA_BEGIN, b"\0") + np.round(pairs).astype("<i4").tobytes()
