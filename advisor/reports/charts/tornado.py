"""The tornado: how far each uncertain input moves the result, the widest at the top."""

from typing import Any

from advisor.reports.blocks import TornadoBar, TornadoChart
from advisor.reports.charts.layout import Figure, frame, label, name_axis, number_axis, rows_height
from advisor.reports.numbers import show

_ROOM = 0.35
"""Space left and right of the bars for the input's values, as a share of the widest span."""


def tornado(chart: TornadoChart) -> Figure:
    """Bars start at the middle estimate; colour and pattern tell low from high."""
    names = [bar.label for bar in chart.bars]
    data = [
        _side(chart, "input at its low end (P10)", "yellow", "/", low=True),
        _side(chart, "input at its high end (P90)", "blue", "", low=False),
    ]
    layout = frame(
        rows_height(names, 130),
        number_axis(chart.x, zeroline=True, zerolinewidth=2, range=_range(chart)),
        name_axis(names),
        barmode="overlay",
        bargap=0.35,
        showlegend=True,
        annotations=[note for row, bar in enumerate(chart.bars) for note in _notes(row, bar)],
        shapes=[_middle(chart.base)],
    )
    return {"data": data, "layout": layout}


def _side(chart: TornadoChart, name: str, colour: str, pattern: str, *, low: bool) -> dict[str, Any]:
    ends = [bar.at_low if low else bar.at_high for bar in chart.bars]
    said = [bar.low_label if low else bar.high_label for bar in chart.bars]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "base": [chart.base] * len(ends),
        "x": [end - chart.base for end in ends],
        "y": list(range(len(ends))),
        "marker": {"color": f"@{colour}", "pattern": {"shape": pattern}},
        "hoverinfo": "text",
        "hovertext": [
            f"{label(bar.label, 44)} = {label(text)}<br>{show(end, chart.x.kind)}"
            for bar, text, end in zip(chart.bars, said, ends, strict=True)
        ],
    }


def _range(chart: TornadoChart) -> list[float]:
    ends = [chart.base, *(bar.at_low for bar in chart.bars), *(bar.at_high for bar in chart.bars)]
    room = _ROOM * ((max(ends) - min(ends)) or 1.0)
    return [min(ends) - room, max(ends) + room]


def _notes(row: int, bar: TornadoBar) -> list[dict[str, Any]]:
    """The input's low and high value, each at its end of the bar."""
    low_left = bar.at_low <= bar.at_high
    ends = ((bar.at_low, bar.low_label, low_left), (bar.at_high, bar.high_label, not low_left))
    return [
        {
            "x": at,
            "y": row,
            "name": "end",
            "text": label(said, 18),
            "showarrow": False,
            "xanchor": "right" if left else "left",
            "xshift": -5 if left else 5,
            "font": {"size": 11, "color": "@muted"},
        }
        for at, said, left in ends
    ]


def _middle(base: float) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": base,
        "x1": base,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": "@ink", "width": 1, "dash": "dot"},
    }
