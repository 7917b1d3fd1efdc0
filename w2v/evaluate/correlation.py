"""Pearson's and Spearman's correlation with two-sided p-values. Owns the mathematics; needs no SciPy."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Correlation(NamedTuple):
    """A correlation, -1 to 1, and the chance of one as far from zero if there were none; NaN where undefined."""

    statistic: float
    pvalue: float

    @property
    def correlation(self) -> float:
        """The coefficient, by its older SciPy name."""
        return self.statistic


def pearson(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Linear correlation of two equally long samples. NaN for fewer than two values, or if either is constant.

    >>> round(pearson([1, 2, 3, 4], [1, 3, 2, 4]).statistic, 6)
    0.8
    """
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(a) < 2 or not (np.isfinite(a).all() and np.isfinite(b).all()) or (a == a[0]).all() or (b == b[0]).all():
        return Correlation(math.nan, math.nan)
    a, b = (v / np.abs(v).max() for v in (a - a.mean(), b - b.mean()))  # squares neither overflow nor vanish
    r = float(a @ b / math.sqrt((a @ a) * (b @ b)))
    r = max(-1.0, min(1.0, r))
    return Correlation(r, _two_sided(r, len(a)))


def spearman(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Correlation of ranks; equal values share the mean of their ranks.

    >>> spearman([1, 2, 3, 4], [1, 8, 27, 64]).statistic
    1.0
    """
    return pearson(ranks(x), ranks(y))


def ranks(x: ArrayLike) -> NDArray[np.float64]:
    """The rank of each value, from 1; equal values share the mean of their ranks.

    >>> ranks([20, 10, 20]).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, counts = np.unique(np.asarray(x, np.float64), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: NDArray[np.float64] = ((last - counts + 1 + last) / 2)[place]
    return means


def _two_sided(r: float, n: int) -> float:
    """Under no correlation r * sqrt((n - 2) / (1 - r**2)) follows Student's t with n - 2 degrees of freedom.

    Its two tails are the regularised incomplete beta function at 1 - r**2.
    """
    if math.isnan(r):
        return math.nan
    if n < 3:
        return 1.0  # two points always lie on a line
    return incomplete_beta((n - 2) / 2, 0.5, (1 - r) * (1 + r))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22), Lentz's method."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly its mirror image is quick (DLMF 8.17.4)
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    tiny = 1e-300
    c, d, fraction = 1.0, 0.0, 1.0
    for i in range(1, 10_000):
        m = i // 2
        if i % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / ((1 + term * d) or tiny)
        c = (1 + term / c) or tiny
        fraction *= c * d
        if abs(1 - c * d) < 1e-15:
            break
    return front / fraction
