"""What is assumed about a fact while nobody has answered: a distribution with its source.

Draws are inverse distribution functions of uniform numbers, so that quasi-random (Sobol) samples keep their structure:

    lognormal   median * exp(sigma * z),  z = Phi^-1(u);  sigma = ln(p90 / p10) / (2 * 1.2815515655)
    loguniform  low * (high / low)^u
    beta        I^-1(u; a, b) with a = m * k, b = (1 - m) * k, k = m (1 - m) / sd^2 - 1
                (Johnson, Kotz, Balakrishnan 1995, Continuous univariate distributions, ch. 25)
"""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from advisor.base.quantiles import Z90
from rules.schema import Line, Prose, Strict

if TYPE_CHECKING:
    import numpy as np

Kind = Literal["none", "fixed", "choice", "uniform", "loguniform", "lognormal", "normal", "beta"]
_NEEDS: dict[str, tuple[frozenset[str], ...]] = {
    "none": (frozenset(),),
    "fixed": (frozenset({"value"}),),
    "choice": (frozenset({"weights"}),),
    "uniform": (frozenset({"low", "high"}),),
    "loguniform": (frozenset({"low", "high"}),),
    "lognormal": (frozenset({"median", "sigma"}), frozenset({"median", "p10", "p90"}), frozenset({"p10", "p90"})),
    "normal": (frozenset({"mean", "sd"}),),
    "beta": (frozenset({"mean", "sd"}),),
}
_PARAMETERS = ("value", "weights", "low", "high", "median", "sigma", "p10", "p90", "mean", "sd")

Positive = Annotated[float, Field(gt=0)]


class MightBe(Strict):
    """What an answer could be although nothing is assumed: used only to judge what it is worth to ask."""

    share: Annotated[float, Field(gt=0, le=1)]
    """How often there is such an answer at all."""
    values: Annotated[tuple[float, ...], Field(min_length=1)]
    """Equally likely values of it."""


class Assume(Strict):
    """The distribution used while a fact is unknown. `kind: none`: nothing is assumed (no limit, no such thing)."""

    kind: Kind
    source: Line
    date: datetime.date
    note: Prose | None = None
    might_be: MightBe | None = None
    value: Any = None
    weights: dict[str, Annotated[float, Field(ge=0)]] | None = None
    """Value -> weight; weights need not add up to 1. A yes/no fact uses the keys true and false."""
    given: Line | None = None
    """A choice fact on which the weights depend; where it has none of the values below, `weights` hold."""
    weights_given: dict[str, dict[str, Annotated[float, Field(ge=0)]]] | None = None
    """Value of the fact `given` -> weights."""
    low: float | None = None
    high: float | None = None
    median: Positive | None = None
    sigma: Positive | None = None
    p10: Positive | None = None
    p90: Positive | None = None
    mean: float | None = None
    sd: Positive | None = None

    @model_validator(mode="after")
    def _complete(self) -> Assume:
        if self.might_be is not None and self.kind != "none":
            raise ValueError("`might_be` belongs to an assumption of kind 'none'")
        given = frozenset(name for name in _PARAMETERS if getattr(self, name) is not None)
        if given not in _NEEDS[self.kind]:
            wanted = " or ".join("{" + ", ".join(sorted(need)) + "}" for need in _NEEDS[self.kind])
            raise ValueError(f"an assumption of kind {self.kind!r} takes {wanted}, not {{{', '.join(sorted(given))}}}")
        if (self.given is None) != (self.weights_given is None) or (self.given and self.kind != "choice"):
            raise ValueError("`given` and `weights_given` belong together, in an assumption of kind 'choice'")
        for value, weights in (self.weights_given or {}).items():
            if set(weights) - set(self.weights or {}) or not sum(weights.values()) > 0:
                raise ValueError(f"weights_given {value!r}: only values of `weights`, and at least one positive")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError("low must be less than high")
        if self.kind == "loguniform" and self.low is not None and self.low <= 0:
            raise ValueError("a loguniform assumption needs low > 0")
        if self.p10 is not None and self.p90 is not None and not self.p10 < self.p90:
            raise ValueError("p10 must be less than p90")
        if self.weights is not None and not sum(self.weights.values()) > 0:
            raise ValueError("at least one weight must be positive")
        if self.kind == "beta" and not _beta_exists(self.mean, self.sd):
            raise ValueError("a beta assumption needs 0 < mean < 1 and sd^2 < mean (1 - mean)")
        return self

    @property
    def log_sigma(self) -> float:
        """Sigma of the logarithm of a lognormal assumption."""
        if self.sigma is not None:
            return self.sigma
        assert self.p10 is not None
        assert self.p90 is not None
        return math.log(self.p90 / self.p10) / (2 * Z90)

    @property
    def log_median(self) -> float:
        """The median of a lognormal assumption; the geometric mean of p10 and p90 when it is not given."""
        if self.median is not None:
            return self.median
        assert self.p10 is not None
        assert self.p90 is not None
        return math.sqrt(self.p10 * self.p90)

    def draw(self, uniform: np.ndarray) -> Any:
        """Values at the uniform numbers (0 < u < 1): an array of the same shape, or None for `kind: none`.

        Numbers give float arrays, choices give arrays of text, yes/no arrays of bool, a fixed list itself.
        """
        import numpy as np

        match self.kind:
            case "none":
                return None
            case "fixed":
                return self.value if isinstance(self.value, list) else np.full(uniform.shape, self.value)
            case "choice":
                return self._choose(uniform)
            case "uniform":
                assert self.low is not None
                assert self.high is not None
                return self.low + (self.high - self.low) * uniform
            case "loguniform":
                assert self.low is not None
                assert self.high is not None
                return self.low * (self.high / self.low) ** uniform
            case _:
                return self._bell(uniform)

    def draw_given(self, uniform: np.ndarray, value: Any) -> np.ndarray:
        """Values where the fact `given` is `value`: one for all, or an array of the shape of `uniform`."""
        import numpy as np

        drawn = self._choose(uniform)
        for name, weights in (self.weights_given or {}).items():
            where = np.asarray(value) == name
            if where.any():
                drawn = np.where(where, self._choose(uniform, weights), drawn)
        return drawn

    def _choose(self, uniform: np.ndarray, weights: dict[str, float] | None = None) -> np.ndarray:
        import numpy as np

        assert self.weights is not None
        chosen = {value: (weights or self.weights).get(value, 0.0) for value in self.weights}
        edges = np.cumsum(np.array(list(chosen.values())))
        index = np.minimum(np.searchsorted(edges / edges[-1], uniform, side="right"), len(edges) - 1)
        if set(self.weights) <= {"true", "false"}:
            return np.array([key == "true" for key in self.weights])[index]
        return np.array(list(self.weights))[index]

    def _bell(self, uniform: np.ndarray) -> np.ndarray:
        import numpy as np

        from advisor.base.normal import beta_quantile, normal_quantile

        drawn: np.ndarray
        if self.kind == "lognormal":
            drawn = self.log_median * np.exp(self.log_sigma * normal_quantile(uniform))
        elif self.kind == "normal":
            assert self.mean is not None
            assert self.sd is not None
            drawn = self.mean + self.sd * normal_quantile(uniform)
        else:
            assert self.mean is not None
            assert self.sd is not None
            strength = self.mean * (1 - self.mean) / self.sd**2 - 1
            drawn = beta_quantile(self.mean * strength, (1 - self.mean) * strength, uniform)
        return drawn

    def describe(self) -> str:
        """The assumption in a few words, without its unit."""
        match self.kind:
            case "none":
                return "nothing assumed"
            case "fixed":
                return f"{self.value}"
            case "choice":
                assert self.weights is not None
                total = sum(self.weights.values())
                return ", ".join(f"{value} {weight / total:.0%}" for value, weight in self.weights.items())
            case "uniform" | "loguniform":
                return f"{self.low:g} to {self.high:g}"
            case "lognormal":
                spread = math.exp(Z90 * self.log_sigma)
                return f"about {self.log_median:.3g} ({self.log_median / spread:.3g} to {self.log_median * spread:.3g})"
            case "normal" | "beta":
                return f"about {self.mean:g} +/- {self.sd:g}"


def _beta_exists(mean: float | None, sd: float | None) -> bool:
    return mean is not None and sd is not None and 0 < mean < 1 and sd**2 < mean * (1 - mean)
