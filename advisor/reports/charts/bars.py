"""Bars: one length for each name, and stacked bars whose segments add up."""

from typing import Any

from advisor.reports.blocks import BarChart, StackedBars
from advisor.reports.charts.layout import Figure, frame, label, name_axis, number_axis, rows_height
from advisor.reports.charts.palette import SERIES
from advisor.reports.numbers import show

_PATTERNS = ("", "/", "x", ".")
_COLOURS = ("grey", *(colour for colour in SERIES if colour != "grey"))


def bars(chart: BarChart) -> Figure:
    """Each bar carries its value; the highlighted one has the colour of the recommendation."""
    texts = [show(value, chart.x.kind) for value in chart.values]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "x": list(chart.values),
            "y": list(range(len(chart.values))),
            "marker": {"color": ["@blue" if chart.highlight in (None, i) else "@grey" for i in range(len(texts))]},
            "text": texts,
            "textposition": "outside",
            "cliponaxis": False,
            "hoverinfo": "text",
            "hovertext": [f"{label(name, 44)}: {text}" for name, text in zip(chart.labels, texts, strict=True)],
        }
    ]
    top = (max([*chart.values, 0.0]) or 1.0) * 1.2
    layout = frame(
        rows_height(chart.labels, 70), number_axis(chart.x, range=[0, top]), name_axis(chart.labels), bargap=0.35
    )
    return {"data": data, "layout": layout}


def stacked(chart: StackedBars) -> Figure:
    """The total stands at the end of each bar."""
    data = [_segment(chart, place, name, list(values)) for place, (name, values) in enumerate(chart.segments)]
    totals = [sum(values[row] for _, values in chart.segments) for row in range(len(chart.categories))]
    layout = frame(
        rows_height(chart.categories, 170),
        number_axis(chart.x, range=[0, (max([*totals, 0.0]) or 1.0) * 1.2]),
        name_axis(chart.categories),
        barmode="stack",
        bargap=0.35,
        showlegend=True,
        annotations=[_total(total, row, show(total, chart.x.kind)) for row, total in enumerate(totals)],
    )
    layout["legend"] = {**layout["legend"], "traceorder": "normal"}
    return {"data": data, "layout": layout}


def _segment(chart: StackedBars, place: int, name: str, values: list[float]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": label(name),
        "x": values,
        "y": list(range(len(values))),
        "marker": {
            "color": f"@{_COLOURS[place % len(_COLOURS)]}",
            "pattern": {"shape": _PATTERNS[place // len(_COLOURS) % len(_PATTERNS)]},
            "line": {"color": "@paper", "width": 1},
        },
        "hoverinfo": "text",
        "hovertext": [
            f"{label(category, 44)}<br>{label(name)}: {show(value, chart.x.kind)}"
            for category, value in zip(chart.categories, values, strict=True)
        ],
    }


def _total(total: float, row: int, text: str) -> dict[str, Any]:
    return {
        "x": total,
        "y": row,
        "text": text,
        "showarrow": False,
        "xanchor": "left",
        "xshift": 4,
        "font": {"size": 12},
    }
