"""Quantiles of the normal and beta distributions in numpy alone: `scipy.special` takes a quarter of a second to import.

normal   algorithm AS 241 (PPND16) of Wichura 1988, Applied Statistics 37, 477-484: relative error about 1e-16
beta     the distribution function by the midpoint rule on 4,000 cells of the angle t, x = sin(t)^2, inverted by linear
         interpolation: error below 1e-5 for a, b >= 0.5, below 2e-3 for 0.25
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125,
     1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077,
     687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_MIDDLE = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip
_CELLS = 4000


def normal_quantile(u: Array) -> Array:
    """The standard normal value below which the share `u` (0 < u < 1) lies."""
    u = np.asarray(u, dtype=float)
    q = u - 0.5
    near = np.abs(q) <= 0.425
    r = 0.180625 - q * q
    centre = q * np.polyval(_CENTRE[0], r) / np.polyval(_CENTRE[1], r)
    if near.all():
        return np.asarray(centre)
    far = np.sqrt(-np.log(np.where(near, 0.25, np.minimum(u, 1.0 - u))))
    middle = np.polyval(_MIDDLE[0], far - 1.6) / np.polyval(_MIDDLE[1], far - 1.6)
    tail = np.polyval(_TAIL[0], far - 5.0) / np.polyval(_TAIL[1], far - 5.0)
    outside = np.copysign(np.where(far <= 5.0, middle, tail), q)
    return np.where(near, centre, outside)


def beta_quantile(a: float, b: float, u: Array) -> Array:
    """The value of a beta(a, b) variable below which the share `u` lies."""
    edges, below = _beta_table(a, b)
    return np.interp(u, below, edges)


@lru_cache(maxsize=64)
def _beta_table(a: float, b: float) -> tuple[Array, Array]:
    # In the angle t with x = sin(t)^2 the density is sin^(2a-1) cos^(2b-1), without the poles at 0 and 1.
    angles = np.linspace(0.0, 0.5 * np.pi, _CELLS + 1)
    middle = 0.5 * (angles[1:] + angles[:-1])
    log_density = (2.0 * a - 1.0) * np.log(np.sin(middle)) + (2.0 * b - 1.0) * np.log(np.cos(middle))
    below = np.concatenate([[0.0], np.cumsum(np.exp(log_density - log_density.max()))])
    return np.sin(angles) ** 2, below / below[-1]
