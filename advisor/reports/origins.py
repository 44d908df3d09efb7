"""Where an option's figures come from: measured by an evaluation, answered by a person, or estimated by the model."""

from collections.abc import Mapping
from typing import Any

from advisor.decision.result import Decision, OptionResult, Spread
from advisor.reports.blocks import Origin

_TODAY = {
    "quality": "current.quality_rate",
    "latency_p95_ms": "current.latency_p95_ms",
    "monthly_cost_usd": "current.monthly_spend_usd",
}
"""The facts that say what the status quo is like."""


def origin_of(decision: Decision, option: OptionResult, figure: str) -> Origin:
    """The origin of one figure (a field of `OptionResult`) of one option.

    A latency is measured where the evaluation ran; that of the place where the option will run stays an estimate.
    """
    if option.approach == "keep_current" and figure in _TODAY:
        said = decision.origins.get(_TODAY[figure])
        return Origin(said) if said in set(Origin) else Origin.ASSUMED
    measured = measurement(decision, option)
    if figure == "quality" and measured is not None and measured.get("quality") is not None:
        return Origin.MEASURED
    return Origin.ESTIMATED


def measurement(decision: Decision, option: OptionResult) -> Mapping[str, Any] | None:
    """What an evaluation measured of this option, if anything."""
    rows = decision.facts.get("measured.options")
    if not isinstance(rows, list):
        return None
    key = _key(option)
    row = next((row for row in rows if isinstance(row, dict) and _row_key(row) == key), None)
    if row is None:
        return None
    # Of options that differ by their labels only, the engine takes the one with the labels at hand as measured.
    alike = [other for other in decision.ranked if _key(other) == key]
    chosen = min(alike, key=lambda other: (other.option_id.endswith("+distilled"), other.labels or 0), default=option)
    return row if chosen.option_id == option.option_id else None


def _key(option: OptionResult) -> tuple[str, str | None, str]:
    return option.approach, option.model, option.training or "none"


def _row_key(row: Mapping[str, Any]) -> tuple[Any, Any, str]:
    return row.get("approach"), row.get("model"), row.get("training") or "none"


def quality_word(decision: Decision, option: OptionResult) -> str:
    """The origin of the quality with the number of items when it was measured."""
    origin = origin_of(decision, option, "quality")
    found = measurement(decision, option) if origin is Origin.MEASURED else None
    items = found.get("n") if found is not None else None
    return f"{origin.value} on {items:,} items" if isinstance(items, int) else origin.value


def latency_of(decision: Decision, option: OptionResult) -> Spread | None:
    """The latency, unknown for a status quo of which nobody said it."""
    if option.approach == "keep_current" and decision.facts.get("current.latency_p95_ms") is None:
        return None
    return option.latency_p95_ms


def quality_of(decision: Decision, option: OptionResult) -> Spread | None:
    """The quality; there is none where nothing does the job today."""
    if option.approach == "keep_current" and decision.facts.get("current.approach") == "none":
        return None
    return option.quality
