"""Charts as plain text: no colours, no box-drawing, nothing that a screen reader or an old terminal cannot say."""

from collections.abc import Sequence
from typing import assert_never

from advisor.reports.blocks import BarChart, Chart, FanChart, FanSeries, MapChart, PointChart, StackedBars, TornadoChart
from advisor.reports.charts.layout import short
from advisor.reports.numbers import compact, number

_ROWS = 13
_NAME_SHARE = 0.4
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def lines(chart: Chart, width: int) -> list[str]:
    """The chart in lines of at most `width` characters; empty for a chart that reads better as its table."""
    match chart:
        case BarChart():
            return _bars(chart.labels, chart.values, [number(v, chart.x.kind) for v in chart.values], width)
        case StackedBars():
            totals = [sum(values[row] for _, values in chart.segments) for row in range(len(chart.categories))]
            return _bars(chart.categories, totals, [number(v, chart.x.kind) for v in totals], width)
        case FanChart():
            return _fan(chart, width)
        case TornadoChart():
            return _tornado(chart, width)
        case MapChart():
            return _map(chart)
        case PointChart():
            return []
        case _:
            assert_never(chart)


def _bars(names: Sequence[str], values: Sequence[float], said: Sequence[str], width: int) -> list[str]:
    """name  ########  value"""
    room = int(width * _NAME_SHARE)
    column = min(max((len(name) for name in names), default=0), room)
    space = max(width - column - max((len(text) for text in said), default=0) - 4, 5)
    top = max([*values, 0.0]) or 1.0
    return [
        f"{_cut(name, column):<{column}}  {'#' * round(space * max(value, 0.0) / top)} {text}"
        for name, value, text in zip(names, values, said, strict=True)
    ]


def _cut(name: str, size: int) -> str:
    return name if len(name) <= size else name[: size - 3] + "..."


def _fan(chart: FanChart, width: int) -> list[str]:
    """A field of characters: `*` the option in front, `:` its range, letters the others, `-` zero."""
    drawn = [series for series in chart.series if series.role != "status_quo"]
    if not drawn:
        return []
    months = max(len(series.p50) for series in drawn)
    winners = [series for series in drawn if series.role == "winner"]
    values = [0.0, *(v for s in drawn for v in s.p50), *(v for s in winners for v in (*s.p10, *s.p90))]
    low, high = min(values), max(values)
    labels = [compact(high - row * (high - low or 1.0) / (_ROWS - 1), chart.y.kind) for row in range(_ROWS)]
    margin = max(len(label) for label in labels) + 1
    columns = max(width - margin - 1, 20)
    field = _Field(months, columns, low, high)
    field.line([0.0] * months, "-")
    for series in winners:
        field.band(series, ":")
    keys = ["- going on as today"]
    for letter, series in zip(_LETTERS, (s for s in drawn if s.role != "winner"), strict=False):
        field.line(series.p50, letter)
        keys.append(f"{letter} {series.label}")
    for series in winners:
        field.line(series.p50, "*")
        keys.insert(0, f"* {series.label}; : its range in 8 of 10 futures")
    body = [f"{label:>{margin}} {''.join(row)}".rstrip() for label, row in zip(labels, field.rows, strict=True)]
    foot = f"{'':>{margin}} {'0':<{max(columns - len(str(months - 1)), 1)}}{months - 1}"
    return [chart.y.title, *body, foot, f"{'':>{margin}} {chart.x.title}", *keys]


class _Field:
    """Characters over months and money."""

    def __init__(self, months: int, columns: int, low: float, high: float) -> None:
        self.rows = [[" "] * columns for _ in range(_ROWS)]
        self._months, self._columns = months, columns
        self._low, self._span = low, (high - low) or 1.0

    def _row(self, value: float) -> int | None:
        row = round((_ROWS - 1) * (1 - (value - self._low) / self._span))
        return row if 0 <= row < _ROWS else None

    def _value(self, values: Sequence[float], column: int) -> float:
        place = column * (self._months - 1) / max(self._columns - 1, 1)
        before = min(int(place), len(values) - 1)
        after = min(before + 1, len(values) - 1)
        return values[before] + (values[after] - values[before]) * (place - before)

    def line(self, values: Sequence[float], mark: str) -> None:
        for column in range(self._columns):
            row = self._row(self._value(values, column))
            if row is not None:
                self.rows[row][column] = mark

    def band(self, series: FanSeries, mark: str) -> None:
        for column in range(self._columns):
            top, bottom = (self._row(self._value(values, column)) for values in (series.p90, series.p10))
            for row in range(0 if top is None else top, _ROWS if bottom is None else bottom + 1):
                if self.rows[row][column] == " ":
                    self.rows[row][column] = mark


def _tornado(chart: TornadoChart, width: int) -> list[str]:
    """Each input with the result at its low and its high value, and how wide the swing is."""
    swings = [abs(bar.at_high - bar.at_low) for bar in chart.bars]
    top = max([*swings, 0.0]) or 1.0
    space = min(30, width // 3)
    found = [f"as things stand: {number(chart.base, chart.x.kind)}"]
    for bar, swing in zip(chart.bars, swings, strict=True):
        found.append(f"{bar.label}  {'#' * max(1, round(space * swing / top))}")
        low, high = (compact(value, chart.x.kind) for value in (bar.at_low, bar.at_high))
        found.append(f"    {low} at {bar.low_label}; {high} at {bar.high_label}")
    return found


def _map(chart: MapChart) -> list[str]:
    """A letter for each option, the largest y at the top."""
    names = list(dict.fromkeys(name for row in chart.winners for name in row))
    letters = {name: _LETTERS[place % len(_LETTERS)] for place, name in enumerate(names)}
    labels = [short(value) for value in chart.y_values]
    margin = max(len(label) for label in labels)
    rows = [
        f"{label:>{margin}}  {' '.join(letters[name] for name in row)}"
        for label, row in zip(labels, chart.winners, strict=True)
    ][::-1]
    across = f"{'':>{margin}}  from {short(chart.x_values[0])} to {short(chart.x_values[-1])}: {chart.x_title}"
    return [chart.y_title, *rows, across, *(f"{letter} {name}" for name, letter in letters.items())]
