"""How a number is written for people: rounded to what can be meant, with its unit, unknown said as such."""

from typing import assert_never

from advisor.decision.result import Spread
from advisor.reports.blocks import Cell, Kind

UNKNOWN = "unknown"


def show(cell: Cell, kind: Kind) -> str:
    """A cell as text; a spread as `P50 (P10 to P90)`, or one number when the three do not differ as written."""
    if isinstance(cell, Spread):
        return _show_spread(cell, kind)
    if cell is None:
        return UNKNOWN
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return cell
    return number(float(cell), kind)


def _show_spread(spread: Spread, kind: Kind) -> str:
    middle = number(spread.p50, kind)
    if number(spread.p10, kind) == middle == number(spread.p90, kind):
        return middle
    return f"{middle} ({span(number(spread.p10, kind), number(spread.p90, kind))})"


def span(low: str, high: str) -> str:
    """`low to high`, the unit once where both have the same: 4.2 to 36 months."""
    number_of_low, _, unit_of_low = low.rpartition(" ")
    unit = high.rpartition(" ")[2]
    same = number_of_low and unit_of_low.rstrip("s") == unit.rstrip("s") and not unit[0].isdigit()
    return f"{number_of_low if same else low} to {high}"


def number(value: float, kind: Kind) -> str:
    """One number with its unit."""
    match kind:
        case Kind.USD:
            return usd(value)
        case Kind.USD_EXACT:
            return f"{'-' if round(value) < 0 else ''}${abs(round(value)):,}"
        case Kind.SHARE:
            return _share(value)
        case Kind.POINTS:
            return _with_unit(round(value * 100), "point")
        case Kind.MS:
            return f"{significant(value / 1000, 2)} s" if abs(value) >= 1000 else f"{significant(value, 2)} ms"
        case Kind.MONTHS:
            return _with_unit(value, "month")
        case Kind.WEEKS:
            return _with_unit(value, "week")
        case Kind.COUNT:
            return f"{value:,.0f}"
        case Kind.NUMBER | Kind.TEXT:
            return significant(value, 4)
        case _:
            assert_never(kind)


def percent(share: float) -> str:
    """A share as it was answered, up to three significant digits: 80 %, 93.8 %, 0.5 %."""
    return f"{significant(share * 100, 3)} %"


def with_unit(number_text: str, unit: str | None) -> str:
    """A number with its unit; dollars stand before it: $80,000, $113 per hour; and one of something is singular."""
    if not unit:
        return number_text
    currency, _, rest = unit.partition(" ")
    if currency == "USD":
        sign = "-" if number_text.startswith("-") else ""
        return f"{sign}${number_text.removeprefix('-')} {rest}".strip()
    if number_text == "1" and unit.endswith("s") and " " not in unit and len(unit) > 2:
        unit = unit[:-1]
    return f"{number_text} {unit}"


def usd(value: float) -> str:
    """Dollars with three significant digits from $1,000 on: $1,230, -$45,600; cents below ten dollars."""
    size = abs(value)
    sign = "-" if value < 0 else ""
    if size < 0.005:
        return "$0"
    if size < 10:
        return f"{sign}${size:.2f}"
    if size < 1000:
        return f"{sign}${size:,.0f}" if round(size) < 1000 else f"{sign}$1,000"
    if round_significant(size, 3) >= 1e6:
        return f"{sign}${significant(size / 1e6, 3)} million"
    return f"{sign}${round_significant(size, 3):,.0f}"


def compact(value: float, kind: Kind) -> str:
    """Like `number`, shorter where it is money: $24.6k, $1.37M. For ranges in small print."""
    if kind is not Kind.USD or abs(value) < 10_000:
        return number(value, kind)
    sign, size = "-" if value < 0 else "", round_significant(abs(value), 3)
    for unit, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{sign}${significant(size / unit, 3)}{letter}"
    raise AssertionError(size)


def round_significant(value: float, digits: int) -> float:
    """`value` rounded to so many significant digits."""
    return float(f"{value:.{digits - 1}e}")


def significant(value: float, digits: int) -> str:
    """A number with at most so many significant digits (all digits of whole numbers above), thousands separated."""
    rounded = round_significant(value, digits) if abs(value) < 10**digits else round(value)
    if rounded == int(rounded):
        return f"{int(rounded):,}"
    decimals = 0
    while decimals < 12 and round(rounded, decimals) != rounded:
        decimals += 1
    return f"{rounded:,.{decimals}f}"


def _share(value: float) -> str:
    percent = value * 100
    if 0 < percent < 1 or 99 < percent < 100:
        return f"{percent:.1f} %" if 0.05 <= percent < 99.95 else ("< 0.1 %" if percent < 50 else "> 99.9 %")
    return f"{percent:,.0f} %"


def _with_unit(value: float, unit: str) -> str:
    text = f"{value:.1f}".removesuffix(".0") if abs(value) < 10 else f"{value:.0f}"
    return f"{text} {unit}" if text == "1" else f"{text} {unit}s"
