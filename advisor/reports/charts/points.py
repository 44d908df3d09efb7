"""Cost against quality; the area of a point is its latency, its shape and colour the kind of approach."""

import math
from typing import Any

from advisor.reports.blocks import Axis, Kind, Point, PointChart
from advisor.reports.charts.layout import Figure, frame, label, number_axis
from advisor.reports.charts.palette import SERIES
from advisor.reports.numbers import show, usd

_LOG_FROM = 30.0
"""The cost axis is logarithmic when its largest value is this many times the smallest."""
_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "star", "pentagon", "hexagon", "cross")
_SMALLEST, _LARGEST = 9.0, 34.0


def points(chart: PointChart) -> Figure:
    """Points on the Pareto front are filled, the others hollow."""
    groups = list(dict.fromkeys(point.group for point in chart.points))
    logarithmic = _logarithmic(chart)
    largest = max((point.size or 0.0 for point in chart.points), default=0.0)
    data = [
        _group(chart, group, [p for p in chart.points if p.group == group], index, largest)
        for index, group in enumerate(groups)
    ]
    layout = frame(
        480,
        _log_axis(chart) if logarithmic else number_axis(chart.x, rangemode="tozero", zeroline=False),
        number_axis(chart.y, zeroline=False, range=_shares(chart)),
        showlegend=True,
        annotations=[_note(point, logarithmic, place) for place, point in enumerate(_named(chart))],
    )
    layout["legend"] = {**layout["legend"], "itemsizing": "constant"}
    return {"data": data, "layout": layout}


def _logarithmic(chart: PointChart) -> bool:
    costs = [point.x.p50 for point in chart.points]
    return bool(costs) and min(costs) > 0 and max(costs) / min(costs) > _LOG_FROM


def _log_axis(chart: PointChart) -> dict[str, Any]:
    costs = [point.x.p50 for point in chart.points]
    low, high = math.floor(math.log10(min(costs)) * 2) / 2 - 0.1, math.ceil(math.log10(max(costs)) * 2) / 2 + 0.1
    powers = [10**power for power in range(math.floor(low), math.ceil(high) + 1)]
    ticks = [factor * power for power in powers for factor in (1, 3)]
    return number_axis(
        Axis(f"{chart.x.title}, logarithmic", chart.x.kind),
        type="log",
        range=[low, high],
        tickmode="array",
        tickvals=ticks,
        ticktext=[usd(tick) for tick in ticks],
        zeroline=False,
    )


def _shares(chart: PointChart) -> list[float] | None:
    """The part of 0 to 100 % in which the points lie, with room for their names."""
    if chart.y.kind is not Kind.SHARE or not chart.points:
        return None
    low, high = min(p.y.p50 for p in chart.points), max(p.y.p50 for p in chart.points)
    room = max(0.12 * (high - low), 0.04)
    return [max(low - 1.6 * room, -0.02), min(high + room, 1.04)]


def _group(chart: PointChart, group: str, found: list[Point], index: int, largest: float) -> dict[str, Any]:
    colour = f"@{SERIES[index % len(SERIES)]}"
    symbol = _SYMBOLS[index % len(_SYMBOLS)]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label(group),
        "x": [point.x.p50 for point in found],
        "y": [point.y.p50 for point in found],
        "hoverinfo": "text",
        "hovertext": [_said(chart, point) for point in found],
        "marker": {
            "symbol": [symbol if point.marked else f"{symbol}-open" for point in found],
            "size": [_diameter(point.size, largest) for point in found],
            "color": colour,
            "opacity": 0.85,
            "line": {"width": 2, "color": colour},
        },
    }


def _diameter(size: float | None, largest: float) -> float:
    """Area in proportion to `size`, with a smallest point that can still be seen."""
    if size is None or not largest:
        return _SMALLEST
    return max(_SMALLEST, _LARGEST * math.sqrt(size / largest))


def _said(chart: PointChart, point: Point) -> str:
    lines = [
        label(point.label, 44),
        f"{label(chart.x.title)}: {show(point.x, chart.x.kind)}",
        f"{label(chart.y.title)}: {show(point.y, chart.y.kind)}",
        f"{label(chart.size_title)}: {show(point.size, Kind.MS)}",
        "on the Pareto front" if point.marked else "another option is at least as good in all three",
    ]
    return "<br>".join(lines)


def _named(chart: PointChart) -> list[Point]:
    return [point for point in chart.points if point.named]


def _note(point: Point, logarithmic: bool, place: int) -> dict[str, Any]:
    return {
        "x": math.log10(point.x.p50) if logarithmic else point.x.p50,
        "y": point.y.p50,
        "text": f"<b>{label(point.named or '', 30)}</b>",
        "showarrow": True,
        "arrowhead": 0,
        "arrowwidth": 1.5,
        "arrowcolor": "@ink",
        "ax": 0,
        "ay": 46 if place % 2 == 0 else -46,
        "bgcolor": "@paper/0.8",
        "font": {"size": 12, "color": "@ink"},
    }
