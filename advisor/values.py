"""A fact's value as text for people, the same in every face."""

from datetime import date
from typing import Any

from rules.facts import Fact, Interval


def show_value(value: Any, fact: Fact | None = None) -> str:
    """`value` with its unit; choices by their id, ranges as `low to high`, unknown as `unknown`."""
    if value is None:
        return "unknown"
    if isinstance(value, Interval):
        return f"{show_number(value.low)} to {_with_unit(show_number(value.high), fact)}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _with_unit(show_number(value), fact)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(_show_item(item) for item in value) or "none"
    return str(value)


def show_number(value: float) -> str:
    """A number for people: thousands separated, at most four significant decimals, no trailing zeros."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _with_unit(text: str, fact: Fact | None) -> str:
    unit = getattr(fact, "unit", None)
    return f"{text} {unit}" if unit else text


def _show_item(item: Any) -> str:
    if isinstance(item, dict) and "quality" in item:
        return f"{item['approach']} {item['model']}: {item['quality']:.1%} of {item['n']:,}"
    if isinstance(item, dict):
        return f"{item.get('count', 1)} x {item.get('gpu', '?')}"
    return str(item)
