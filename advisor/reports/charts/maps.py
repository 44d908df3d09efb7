"""The break-even map: which option is best over a grid of two inputs."""

from collections.abc import Sequence
from typing import Any

from advisor.reports.blocks import MapChart
from advisor.reports.charts.layout import Figure, frame, grid_axis, label
from advisor.reports.charts.palette import SERIES
from advisor.reports.numbers import significant


def best_map(chart: MapChart) -> Figure:
    """A colour for each option, named in the legend; a cross where the reader is."""
    names = sorted(dict.fromkeys(name for row in chart.winners for name in row), key=lambda name: name != chart.front)
    colours = [f"@{SERIES[number % len(SERIES)]}" for number in range(len(names))]
    layout = frame(
        480,
        grid_axis(chart.x_title, chart.x_values),
        grid_axis(chart.y_title, chart.y_values),
        showlegend=True,
    )
    return {"data": [_field(chart, names, colours), *_keys(names, colours), *_here(chart)], "layout": layout}


def _field(chart: MapChart, names: Sequence[str], colours: Sequence[str]) -> dict[str, Any]:
    number = {name: place for place, name in enumerate(names)}
    count = len(names)
    return {
        "type": "heatmap",
        "x": list(range(len(chart.x_values))),
        "y": list(range(len(chart.y_values))),
        "z": [[number[name] for name in row] for row in chart.winners],
        "zmin": -0.5,
        "zmax": count - 0.5,
        "colorscale": [[edge / count, colours[place]] for place in range(count) for edge in (place, place + 1)],
        "showscale": False,
        "opacity": 0.85,
        "xgap": 1,
        "ygap": 1,
        "hoverinfo": "text",
        "text": [
            [
                f"{label(chart.x_title)}: {significant(x, 3)}<br>{label(chart.y_title)}: {significant(y, 3)}"
                f"<br>{label(name, 40)}"
                for x, name in zip(chart.x_values, row, strict=True)
            ]
            for y, row in zip(chart.y_values, chart.winners, strict=True)
        ],
    }


def _keys(names: Sequence[str], colours: Sequence[str]) -> list[dict[str, Any]]:
    """Entries of the legend: a heatmap has none of its own."""
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": label(name, 46),
            "x": [None],
            "y": [None],
            "marker": {"symbol": "square", "size": 13, "color": colour},
        }
        for name, colour in zip(names, colours, strict=True)
    ]


def _here(chart: MapChart) -> list[dict[str, Any]]:
    if chart.current is None:
        return []
    x, y = _position(chart.current[0], chart.x_values), _position(chart.current[1], chart.y_values)
    if x is None or y is None:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers+text",
            "name": "where you are",
            "showlegend": False,
            "x": [x],
            "y": [y],
            "text": ["<b>you are here</b>"],
            "textposition": "top center" if y < len(chart.y_values) - 1.5 else "bottom center",
            "textfont": {"color": "@ink", "size": 13},
            "hoverinfo": "skip",
            "marker": {"symbol": "x", "size": 14, "color": "@ink", "line": {"color": "@paper", "width": 2}},
        }
    ]


def _position(value: float, values: Sequence[float]) -> float | None:
    """Where `value` lies between the grid's places; None outside."""
    for place in range(len(values) - 1):
        low, high = values[place], values[place + 1]
        if low <= value <= high and high > low:
            return place + (value - low) / (high - low)
    return 0.0 if len(values) == 1 and value == values[0] else None
