"""Tests of fixed effects in small samples: Satterthwaite's and Kenward and Roger's degrees of freedom.

Contrasts come in the orthonormal basis of the fixed columns, one a row.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from studyportal.reports.analysis.mixed.components import Components
from studyportal.reports.analysis.mixed.table import Array

Method = Literal["satterthwaite", "kenward-roger"]
METHODS: tuple[Method, ...] = ("kenward-roger", "satterthwaite")
EPSILON = float(np.finfo(float).eps) ** 0.5


@dataclass(frozen=True, slots=True)
class FTest:
    """An F statistic and its degrees of freedom."""

    F: float
    df1: int
    df2: float


class Inference(Protocol):
    """A method's covariance of the coefficients and its tests."""

    @property
    def covariance(self) -> Array:
        """Covariance of the coefficients that standard errors come from."""

    def degrees(self, contrast: Array) -> float:
        """Return the degrees of freedom of one contrast, shape (columns,)."""

    def test(self, contrasts: Array, beta: Array) -> FTest:
        """Return the test that all contrasts are zero, shape (contrasts, columns), at least one."""


def inference(parts: Components, method: Method) -> Inference:
    """Return the method at work on a fitted model."""
    return Satterthwaite(parts) if method == "satterthwaite" else KenwardRoger(parts)


class Satterthwaite:
    """Moments of a variance estimate matched by a chi-square, from the observed information.

    Source: Giesbrecht and Burns 1985, Biometrics 41:477; for several contrasts at once Fai and Cornelius 1996, J Stat
    Comput Simul 54:363, as Kuznetsova, Brockhoff and Christensen 2017, J Stat Softw 82(13), use it.

    A component that is estimated as zero says nothing about any variance: it counts as known.
    """

    def __init__(self, parts: Components) -> None:
        self._parts = parts
        self.covariance = parts.residual_variance * parts.covariance
        chosen = list(parts.active)
        observed = parts.observed[np.ix_(chosen, chosen)]
        scale = np.sqrt(np.abs(np.diag(observed))) + np.finfo(float).tiny
        values, vectors = np.linalg.eigh(observed / scale / scale[:, None])
        positive = values > 1e-10
        root = (vectors[:, positive] / np.sqrt(values[positive])) / scale[:, None]
        self._slopes = parts.slopes[chosen]
        self._uncertainty = root @ root.T

    def degrees(self, contrast: Array) -> float:
        """Return the degrees of freedom of one contrast."""
        variance = float(contrast @ self._parts.covariance @ contrast)
        gradient = self._slopes @ contrast @ contrast
        return _ratio(variance**2, float(gradient @ self._uncertainty @ gradient))

    def test(self, contrasts: Array, beta: Array) -> FTest:
        """Return the F test of all contrasts at once."""
        values, vectors = np.linalg.eigh(contrasts @ self.covariance @ contrasts.T)
        values, turned = values[::-1], (vectors.T @ contrasts)[::-1]
        rank = int((values > EPSILON * values[0]).sum())
        statistic = float(((turned[:rank] @ beta) ** 2 / values[:rank]).sum()) / rank
        return FTest(statistic, rank, _joint([self.degrees(one) for one in turned[:rank]]))


def _joint(degrees: list[float]) -> float:
    """Return the degrees of freedom whose F has the mean of the sum of squared t statistics."""
    if max(degrees) - min(degrees) < 1e-8:
        return sum(degrees) / len(degrees)
    if min(degrees) <= 2:
        return 2.0
    mean = sum(one / (one - 2) for one in degrees)
    return _ratio(2 * mean, mean - len(degrees))


class KenwardRoger:
    """An adjusted covariance, and a scaled F with degrees of freedom that fit its first two moments.

    Source: Kenward and Roger 1997, Biometrics 53:983, with the second-order terms that linear components leave; as
    Halekoh and Hojsgaard 2014, J Stat Softw 59(9), put it to work. Components estimated as zero count too.
    """

    def __init__(self, parts: Components) -> None:
        plain = parts.covariance
        self._plain = plain
        self._slopes = parts.slopes
        scale = np.sqrt(np.diag(parts.expected))
        self._uncertainty = 2 * np.linalg.pinv(parts.expected / scale / scale[:, None], rcond=1e-11, hermitian=True)
        self._uncertainty /= scale * scale[:, None]
        information = parts.information
        bias = parts.mixed - np.einsum("iab,bc,jcd->ijad", information, plain, information)
        adjustment = plain @ np.einsum("ij,ijab->ab", self._uncertainty, bias) @ plain
        adjusted = plain + adjustment + adjustment.T
        self.covariance = parts.residual_variance * (adjusted + adjusted.T) / 2

    def degrees(self, contrast: Array) -> float:
        """Return the degrees of freedom of one contrast."""
        # With one contrast the formulae of `test` come down to 2 / A.
        variance = float(contrast @ self._plain @ contrast)
        relative = self._slopes @ contrast @ contrast / variance
        return _ratio(2.0, float(relative @ self._uncertainty @ relative))

    def test(self, contrasts: Array, beta: Array) -> FTest:
        """Return the scaled F test of all contrasts at once."""
        contrasts = _independent(contrasts)
        rank = contrasts.shape[0]
        plain = contrasts @ self._plain @ contrasts.T
        relative = np.linalg.solve(plain, contrasts @ self._slopes @ contrasts.T)
        traces = np.trace(relative, axis1=1, axis2=2)
        a1 = float(traces @ self._uncertainty @ traces)
        a2 = float((self._uncertainty * np.einsum("iab,jba->ij", relative, relative)).sum())
        degrees, scaling = _matched(a1, a2, rank)
        difference = contrasts @ beta
        wald = float(difference @ np.linalg.solve(contrasts @ self.covariance @ contrasts.T, difference))
        return FTest(scaling * wald / rank, rank, degrees)


def _matched(a1: float, a2: float, rank: int) -> tuple[float, float]:
    """Return the degrees of freedom and the scaling of F (Kenward and Roger 1997, equations 4 to 8)."""
    b = (a1 + 6 * a2) / (2 * rank)
    g = ((rank + 1) * a1 - (rank + 4) * a2) / ((rank + 2) * a2)
    below = 3 * rank + 2 * (1 - g)
    c1, c2, c3 = g / below, (rank - g) / below, (rank + 2 - g) / below
    v0, v1, v2 = 1 + c1 * b, 1 - c2 * b, 1 - c3 * b
    v0 = 0.0 if abs(v0) < 1e-10 else v0
    left = 1 - a2 / rank
    # On two degrees of freedom both vanish; their ratio is one.
    ratio = 1.0 if abs(left) < 1e-10 and abs(v1) < 1e-10 else _ratio(left, v1)
    rho = _ratio(ratio**2 * v0, rank * v2)
    degrees = 4 + _ratio(rank + 2, rank * rho - 1)
    scaling = 1.0 if abs(degrees - 2) < 1e-2 else _ratio(degrees * left, degrees - 2)
    return degrees, scaling


def _independent(contrasts: Array) -> Array:
    """Return rows that span the contrasts: the contrasts themselves where none follows from the others."""
    _, values, rows = np.linalg.svd(contrasts, full_matrices=False)
    rank = int((values > EPSILON * values[0]).sum())
    return contrasts if rank == contrasts.shape[0] else rows[:rank]


def _ratio(above: float, below: float) -> float:
    return above / below if below else np.inf
