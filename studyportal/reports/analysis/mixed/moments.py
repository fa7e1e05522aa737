"""Everything that a likelihood, its derivatives and the degrees of freedom need, at given variance ratios.

With V = I + sum_k gamma_k Z_k Z_k' and its inverse over the blocks alone, V_b^-1, each quantity is a small matrix:

    M      [border, X, y]' V_b^-1 [border, X, y]
    F_k    B_k' B_k           with B_k = Z_k' V_b^-1 [border, X, y]
    J_kl   B_k' A_kl B_l      with A_kl = Z_k' V_b^-1 Z_l
    a_kl   |A_kl|^2

and P = V^-1 - V^-1 X (X'V^-1X)^-1 X'V^-1 is V_b^-1 less a matrix of the rank of [border, X].
"""

from dataclasses import dataclass

import numpy as np

from studyportal.reports.analysis.mixed.blocks import CrossProducts, Stack
from studyportal.reports.analysis.mixed.table import Array


@dataclass(frozen=True, slots=True)
class _Parts:
    """log|V_b|, M, F, J, a and tr(A_kk)."""

    log_blocks: float
    whole: Array
    first: Array
    second: Array
    norms: Array
    diagonals: Array


@dataclass(frozen=True, slots=True)
class Moments:
    """The quantities at one point.

    Attributes
    ----------
    gamma
        Variance ratios, one for each random intercept.
    log_v, log_xvx
        log|V| and log|X'V^-1X|.
    residual
        y'Py.
    beta, covariance
        Generalised least squares and (X'V^-1X)^-1.
    traces, products
        tr(P G_k) and tr(P G_k P G_l), G_k = Z_k Z_k'; with V^-1 for P when maximum likelihood is asked for.
    squares, mixed_squares
        y'P G_k P y and y'P G_k P G_l P y.
    information, mixed_information
        X'V^-1 G_k V^-1 X and X'V^-1 G_k V^-1 G_l V^-1 X.
    """

    gamma: Array
    log_v: float
    log_xvx: float
    residual: float
    beta: Array
    covariance: Array
    traces: Array
    products: Array
    squares: Array
    mixed_squares: Array
    information: Array
    mixed_information: Array


def moments(cross: CrossProducts, gamma: Array, *, restricted: bool = True) -> Moments:
    """Return the quantities at the variance ratios, each at least zero."""
    parts = _blocks(cross, gamma)
    _border(cross, parts)
    whole, first, second = parts.whole, parts.first, parts.second
    width = whole.shape[0] - 1
    outer = width - cross.fixed
    scale = np.ones(width)
    for place, columns in cross.border.items():
        scale[columns] = np.sqrt(gamma[place])
    system = whole[:width, :width] * scale * scale[:, None]
    system[:outer, :outer] += np.eye(outer)
    lower = np.linalg.cholesky(system)
    log_system = 2 * np.log(np.diag(lower))
    # N of P = V_b^-1 - [border, X] N [border, X]', with a row and a column of zeros for y.
    inverse = np.zeros_like(whole)
    inverse[:width, :width] = np.linalg.inv(system) * scale * scale[:, None]
    within = np.zeros_like(whole)
    if outer:
        within[:outer, :outer] = np.linalg.inv(system[:outer, :outer]) * scale[:outer] * scale[:outer, None]
    used = inverse if restricted else within
    weights = -inverse @ whole[:, width]
    weights[width] = 1.0
    to_fixed = np.vstack([np.zeros((outer, cross.fixed)), np.eye(cross.fixed), np.zeros((1, cross.fixed))])
    to_fixed -= within @ whole @ to_fixed
    reached = used @ first
    to_outcome, to_columns = first @ weights, first @ to_fixed
    products = parts.norms - 2 * (second * used).sum(axis=(2, 3)) + np.einsum("kij,lji->kl", reached, reached)
    mixed_information = to_fixed.T @ second @ to_fixed
    mixed_information -= to_columns.transpose(0, 2, 1)[:, None] @ (within @ to_columns)[None]
    return Moments(
        gamma=gamma,
        log_v=parts.log_blocks + float(log_system[:outer].sum()),
        log_xvx=float(log_system[outer:].sum()),
        residual=float(whole[width] @ weights),
        beta=inverse[outer:width, outer:width] @ (to_fixed.T @ whole[:, width]),
        covariance=inverse[outer:width, outer:width],
        traces=parts.diagonals - (first * used).sum(axis=(1, 2)),
        products=products,
        squares=to_outcome @ weights,
        mixed_squares=second @ weights @ weights - to_outcome @ inverse @ to_outcome.T,
        information=to_fixed.T @ to_columns,
        mixed_information=mixed_information,
    )


def _blocks(cross: CrossProducts, gamma: Array) -> _Parts:
    """Return the parts, those of the border still without value."""
    count, width = cross.factors, cross.others.shape[0]
    whole = cross.others.copy()
    first, second = np.zeros((count, width, width)), np.zeros((count, count, width, width))
    norms, diagonals, log_blocks = np.zeros((count, count)), np.zeros(count), 0.0
    for stack in cross.stacks:
        ratio = gamma[stack.factor]
        log_stack, solved = _solve(stack, ratio)
        size = stack.factor.shape[1]
        a, b = solved[:, :, :size], solved[:, :, size:]
        log_blocks += log_stack
        flat = b.reshape(-1, width)
        whole -= (stack.others * ratio[:, :, None]).reshape(-1, width).T @ flat
        own = {place: (stack.factor == place).astype(float) for place in cross.inner}
        for at, one in enumerate(cross.inner):
            b_one = (b * own[one][:, :, None]).reshape(-1, width)
            first[one] += b_one.T @ flat
            diagonals[one] += float((np.einsum("nii->ni", a) * own[one]).sum())
            for other in cross.inner[at:]:
                a_part = a * own[one][:, :, None] * own[other][:, None, :]
                second[one, other] += b_one.T @ (a_part @ b).reshape(-1, width)
                norms[one, other] += float((a_part**2).sum())
    for at, one in enumerate(cross.inner):
        for other in cross.inner[at + 1 :]:
            second[other, one], norms[other, one] = second[one, other].T, norms[one, other]
    return _Parts(log_blocks, whole, first, second, norms, diagonals)


def _solve(stack: Stack, ratio: Array) -> tuple[float, Array]:
    """Return log|I + S D| over the blocks and (I + S D)^-1 [S, U]: free of cancellation for large ratios."""
    right = np.concatenate([stack.levels, stack.others], axis=2)
    system = stack.levels * ratio[:, None, :]
    if system.shape[1] == 1:
        system = system + 1
        return float(np.log(system).sum()), right / system
    system = system + np.eye(system.shape[1])
    return float(np.linalg.slogdet(system)[1].sum()), np.linalg.solve(system, right)


def _border(cross: CrossProducts, parts: _Parts) -> None:
    """Fill in the parts of the factors in the border, for whom A and B are parts of M."""
    whole, first, second, norms, diagonals = parts.whole, parts.first, parts.second, parts.norms, parts.diagonals
    for one, columns in cross.border.items():
        first[one] = whole[:, columns] @ whole[columns]
        diagonals[one] = float(np.trace(whole[columns, columns]))
        for place in cross.inner:
            second[place, one] = first[place][:, columns] @ whole[columns]
            second[one, place] = second[place, one].T
            norms[place, one] = norms[one, place] = float(np.trace(first[place][columns, columns]))
        for other, others in cross.border.items():
            second[one, other] = whole[:, columns] @ whole[columns, others] @ whole[others]
            norms[one, other] = float((whole[columns, others] ** 2).sum())
