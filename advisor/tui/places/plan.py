"""The plan of a run (the JSON of `advisor train --plan-only`) as text to confirm."""

from collections.abc import Callable
from typing import Any

from textual.content import Content

from advisor.tui.places.watching import duration
from advisor.tui.text import money


def plan_parts(plan: dict[str, Any]) -> list[Content | str]:
    """What will be trained, what it takes, and everything that speaks against it."""
    rows = [
        ("method", f"{plan.get('method')} on {plan.get('model')}"),
        ("data", f"{plan.get('data')}, {_count(plan.get('rows'))} rows, {_count(plan.get('steps'))} steps"),
        ("machine", str(plan["machine"]) if plan.get("machine") else ""),
        ("memory", _range(plan.get("peak_memory_gib"), lambda gib: f"{gib:.1f} GiB") + _fits(plan)),
        ("time", _range(plan.get("hours"), lambda hours: duration(hours * 3600))),
        ("cost", _range(plan.get("cost_usd"), money) + (f", {plan['price_basis']}" if plan.get("price_basis") else "")),
        ("test set", _detectable(plan)),
    ]
    parts: list[Content | str] = [
        Content.assemble((f"{label:<10}", "$secondary"), value) for label, value in rows if value
    ]
    return [*parts, *_refusals(plan), *_warnings(plan)]


def _refusals(plan: dict[str, Any]) -> list[Content]:
    found = []
    for refusal in plan.get("refusals") or []:
        text = refusal.get("text", "") if isinstance(refusal, dict) else str(refusal)
        found.append(Content.assemble(("■ ", "$text-error"), ("Refused: ", "bold"), str(text)))
        ways = refusal.get("ways_out", []) if isinstance(refusal, dict) else []
        found += [Content.assemble("  - ", str(way)) for way in ways]
    return found


def _warnings(plan: dict[str, Any]) -> list[Content]:
    return [Content.assemble(("▲ ", "$text-warning"), str(text)) for text in plan.get("warnings") or []]


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "an unknown number of"


def _range(spread: Any, show: Callable[[float], str]) -> str:
    if not isinstance(spread, dict):
        return "not predicted"
    low, middle, high = (show(float(spread[name])) for name in ("p10", "p50", "p90"))
    return middle if low == high else f"{middle} ({low} to {high})"


def _fits(plan: dict[str, Any]) -> str:
    return f", {str(plan['fits']).replace('_', ' ')}" if plan.get("fits") else ""


def _detectable(plan: dict[str, Any]) -> str:
    rows, smallest = plan.get("test_rows"), plan.get("smallest_detectable")
    if rows is None:
        return "none: whether the run helped cannot be shown"
    if smallest is None:
        return f"{rows} rows: too few to show any difference"
    return f"{rows} rows: shows gains from {smallest * 100:.1f} points on"
