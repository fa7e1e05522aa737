"""An independent fit of FSL-MRS' model (Clarke, Stagg, Jbabdi 2021), written anew with scipy and nothing of the engine.

Both parts of the plain spectrum over 0.2-4.2 ppm; per group (metabolites, macromolecules) Lorentzian and Gaussian width
and shift; phases of order 0 and 1; a complex polynomial of order 2; non-negative concentrations.
"""

import numpy as np
from scipy.optimize import least_squares, nnls

STARTS = ((15.0, 8.0), (10.0, 3.0), (5.0, 15.0))


def fsl_equivalent(fid, basis_fids, names, is_macromolecule, *, dwell_time_s, frequency_mhz) -> dict[str, float]:
    """Return the concentrations of the best of a few starts."""
    times = np.arange(len(fid)) * dwell_time_s
    ppm = 4.65 + np.fft.fftfreq(len(fid), dwell_time_s) / frequency_mhz
    inside = np.flatnonzero((ppm > 0.2) & (ppm < 4.2))
    inside = inside[np.argsort(ppm[inside])]
    polynomials = np.polynomial.legendre.legvander(np.linspace(-1, 1, len(inside)), 2)
    baseline, _ = np.linalg.qr(np.kron(np.eye(2), polynomials))
    data = np.fft.fft(fid)[inside]
    size = np.abs(data).max()
    y = np.concatenate([data.real, data.imag]) / size
    y -= baseline @ (baseline.T @ y)
    groups = np.array(is_macromolecule, dtype=int)

    def solve(p):
        gamma, sigma, turn = (p[2 + 3 * groups + index][:, None] for index in range(3))
        damped = np.array(basis_fids) * np.exp((-np.abs(gamma) + 1j * turn) * times - (sigma * times) ** 2)
        spectra = np.fft.fft(damped, axis=1)[:, inside] * np.exp(-1j * (p[0] + p[1] * (ppm[inside] - 3)))
        a = np.concatenate([spectra.real, spectra.imag], axis=1).T
        a -= baseline @ (baseline.T @ a)
        norms = np.linalg.norm(a, axis=0)
        found, _ = nnls(a / norms, y)
        return found / norms * size, (a / norms) @ found - y

    scale = np.concatenate([[1, 0.1], np.tile([10.0, 10.0, 5.0], 2)])
    fits = [
        least_squares(
            lambda p: solve(p)[1], np.concatenate([[0, 0], np.tile([*start, 0], 2)]), x_scale=scale, max_nfev=100
        )
        for start in STARTS
    ]
    best = min(fits, key=lambda one: one.cost)
    return dict(zip(names, solve(best.x)[0], strict=True))
