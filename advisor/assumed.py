"""What is assumed about a fact while it is unknown, in words for people."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from advisor.base.quantiles import Z90
from advisor.values import show_number, show_value
from rules.facts import Assume, Fact


def assumed_text(fact: Fact, known: Callable[[str], Any] | None = None) -> str | None:
    """The assumption with its unit (numbers: the middle and P10 to P90); None when nothing is assumed.

    `known` gives the value of another fact, on which the assumption may depend (None while that is open).
    """
    if fact.assume is None or fact.assume.kind == "none":
        return None
    assume = fact.assume
    if assume.kind == "fixed":
        return show_value(assume.value, fact)
    if assume.kind == "choice":
        return _mixture(fact, _weights(assume, known))
    low, middle, high = _quantiles(fact, assume)
    if middle is None:
        return _between(fact, low, high)
    return f"about {_amount(fact, middle)} ({_between(fact, low, high)})"


def _weights(assume: Assume, known: Callable[[str], Any] | None) -> Mapping[str, float]:
    other = known(assume.given) if known is not None and assume.given is not None else None
    return (assume.weights_given or {}).get(str(other), assume.weights or {})


def _quantiles(fact: Fact, assume: Assume) -> tuple[float, float | None, float]:
    """P10, P50 and P90; for a flat distribution its ends and no middle."""
    if assume.kind == "lognormal":
        spread = math.exp(Z90 * assume.log_sigma)
        return assume.log_median / spread, assume.log_median, assume.log_median * spread
    if assume.low is not None and assume.high is not None:
        return assume.low, None, assume.high
    assert assume.mean is not None
    assert assume.sd is not None
    low, high = assume.mean - Z90 * assume.sd, assume.mean + Z90 * assume.sd
    return max(low, fact.lowest), assume.mean, min(high, fact.highest)


def _between(fact: Fact, low: float, high: float) -> str:
    unit = f" {fact.unit}" if fact.unit and fact.type != "share" else ""
    return f"{_amount(fact, low)} to {_amount(fact, high)}{unit}"


def _amount(fact: Fact, value: float) -> str:
    """A number of the fact, rounded to two significant figures, shares as percentages."""
    if fact.type == "share":
        return f"{value:.0%}"
    return show_number(float(f"{value:.2g}"))


def _mixture(fact: Fact, weights: Mapping[str, float]) -> str:
    """A weighted choice in words, the likeliest first: `no 80%, yes 20%`."""
    words = {choice.value: choice.label for choice in fact.choices} | {"true": "yes", "false": "no"}
    total = sum(weights.values())
    ordered = sorted(weights.items(), key=lambda item: -item[1])
    return ", ".join(f"{words.get(value, value)} {weight / total:.0%}" for value, weight in ordered if weight > 0)
