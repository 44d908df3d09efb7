"""Charts as plotly figures: plain dictionaries of `data` and `layout`, drawn by plotly.js in the page.

Plotly reads some markup in text (`<b>`, `<a href>`), so every text that did not originate here goes through `label`.
Colours are tokens of `advisor.reports.charts.palette`. Titles stand outside the figure, in the page.
"""

import html
import math
import textwrap
from collections.abc import Sequence
from typing import Any, assert_never

from advisor.reports.blocks import (
    Axis,
    BarChart,
    Chart,
    FanChart,
    FanSeries,
    Kind,
    MapChart,
    Point,
    PointChart,
    StackedBars,
    TornadoChart,
)
from advisor.reports.charts.palette import SERIES
from advisor.reports.numbers import show, significant

Figure = dict[str, Any]

_WRAP = 26
_LOG_FROM = 30.0
"""A money axis is logarithmic when its largest value is this many times the smallest."""
_SYMBOLS = ("circle", "square", "triangle-up", "pentagon", "star", "hexagon", "triangle-down", "cross")


def figure(chart: Chart) -> Figure:
    """The plotly figure of a chart."""
    match chart:
        case FanChart():
            return _fan(chart)
        case PointChart():
            return _points(chart)
        case BarChart():
            return _bars(chart)
        case StackedBars():
            return _stacked(chart)
        case TornadoChart():
            return _tornado(chart)
        case MapChart():
            return _map(chart)
        case _:
            assert_never(chart)


def label(text: str, width: int = 0) -> str:
    """`text` for plotly: no markup is read from it; wrapped at `width` characters when that is above 0."""
    lines = textwrap.wrap(text, width) if width else [text]
    return "<br>".join(html.escape(line, quote=False) for line in lines or [""])


# layout ---------------------------------------------------------------------------------------------------------


def _layout(height: int, x: dict[str, Any], y: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 8, "r": 16, "t": 8, "b": 8},
        "paper_bgcolor": "@paper/0",
        "plot_bgcolor": "@paper/0",
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": "@ink"},
        "hoverlabel": {"bgcolor": "@paper", "bordercolor": "@muted", "font": {"color": "@ink"}, "align": "left"},
        "dragmode": False,
        "showlegend": False,
        "xaxis": x,
        "yaxis": y,
        **more,
    }


def _axis(axis: Axis | str, *, kind: Kind | None = None, **more: Any) -> dict[str, Any]:
    title = axis if isinstance(axis, str) else axis.title
    shown = axis.kind if isinstance(axis, Axis) else kind
    formats = {Kind.USD: "$~s", Kind.SHARE: ".0%"}
    return {
        "title": {"text": label(title, 60), "standoff": 10, "font": {"size": 13}},
        "automargin": True,
        "fixedrange": True,
        "gridcolor": "@grid",
        "linecolor": "@muted",
        "zerolinecolor": "@muted",
        "tickformat": formats.get(shown, "") if shown is not None else "",
        **more,
    }


def _names(labels: Sequence[str], **more: Any) -> dict[str, Any]:
    """A category axis down the left side, the first name at the top."""
    return {
        "automargin": True,
        "fixedrange": True,
        "autorange": "reversed",
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": [label(text, _WRAP) for text in labels],
        "ticks": "",
        "showgrid": False,
        "zeroline": False,
        **more,
    }


def _rows_height(labels: Sequence[str], row: int = 30, extra: int = 70) -> int:
    """Room for every label as wrapped."""
    lines = sum(max(1, math.ceil(len(text) / _WRAP)) for text in labels)
    return extra + sum((row, 17 * lines)[0] for _ in labels) + max(0, lines - len(labels)) * 14


_LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.18, "yanchor": "top", "font": {"size": 12}}


# one function a chart -------------------------------------------------------------------------------------------


def _fan(chart: FanChart) -> Figure:
    data: list[dict[str, Any]] = []
    others = [series for series in chart.series if series.role == "alternative"]
    for series in (s for s in chart.series if s.role == "winner"):
        data.append(_band(series, "blue"))
    for index, series in enumerate(others):
        colour = SERIES[1 + index % (len(SERIES) - 1)]
        data.append(_line(chart, series, colour, dash=("dash", "dot", "dashdot")[index % 3], width=2))
    for series in (s for s in chart.series if s.role == "winner"):
        data += [_line(chart, series, "blue", dash="solid", width=3), *_break_even(series)]
    months = max((len(series.p50) for series in chart.series), default=1) - 1
    layout = _layout(
        420,
        _axis(chart.x, dtick=6 if months > 15 else 1 if months < 7 else 3, range=[0, months], zeroline=False),
        _axis(chart.y, zeroline=True, zerolinewidth=2, range=_fan_range(chart)),
        showlegend=True,
        legend=_LEGEND,
        hovermode="closest",
        annotations=[_zero_note(months)],
    )
    return {"data": data, "layout": layout}


def _zero_note(months: int) -> dict[str, Any]:
    return {
        "x": months,
        "y": 0,
        "xanchor": "right",
        "yanchor": "bottom",
        "text": "going on as today",
        "showarrow": False,
        "font": {"size": 11, "color": "@muted"},
    }


def _fan_range(chart: FanChart) -> list[float] | None:
    """The recommended option's band decides the scale; lines that run out of it are cut, not the band squeezed."""
    winners = [series for series in chart.series if series.role == "winner"]
    if not winners:
        return None
    low = min(min(series.p10) for series in winners)
    high = max(max(series.p90) for series in winners)
    middle_low = min(min(series.p50) for series in chart.series)
    middle_high = max(max(series.p50) for series in chart.series)
    reach = max(high - low, abs(high), abs(low), 1.0)
    low, high = max(min(low, middle_low, 0.0), low - reach), min(max(high, middle_high, 0.0), high + reach)
    margin = 0.06 * (high - low)
    return [low - margin, high + margin]


def _band(series: FanSeries, colour: str) -> dict[str, Any]:
    months = list(range(len(series.p50)))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "8 of 10 futures (P10 to P90)",
        "x": months + months[::-1],
        "y": [*series.p90, *reversed(series.p10)],
        "fill": "toself",
        "fillcolor": f"@{colour}/0.2",
        "line": {"width": 0, "color": f"@{colour}/0"},
        "hoverinfo": "skip",
    }


def _line(chart: FanChart, series: FanSeries, colour: str, *, dash: str, width: int) -> dict[str, Any]:
    texts = [
        f"{label(series.label, 40)}<br>month {month}: {show(middle, chart.y.kind)}"
        f"<br>P10 {show(low, chart.y.kind)}, P90 {show(high, chart.y.kind)}"
        for month, (low, middle, high) in enumerate(zip(series.p10, series.p50, series.p90, strict=True))
    ]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label(series.label, 44),
        "x": list(range(len(series.p50))),
        "y": list(series.p50),
        "line": {"color": f"@{colour}", "width": width, "dash": dash},
        "hoverinfo": "text",
        "hovertext": texts,
    }


def _break_even(series: FanSeries) -> list[dict[str, Any]]:
    month = series.break_even_month
    if month is None or month <= 0:
        return []
    said = f"money back after {show(month, Kind.MONTHS)}"
    return [
        {
            "type": "scatter",
            "mode": "markers+text",
            "name": "break-even, in the middle",
            "x": [month],
            "y": [0],
            "text": [f"<b>{said}</b>"],
            "textposition": "top right" if month < 0.6 * (len(series.p50) - 1) else "top left",
            "hoverinfo": "text",
            "hovertext": [said],
            "marker": {"symbol": "diamond", "size": 13, "color": "@paper", "line": {"color": "@ink", "width": 2}},
        }
    ]


def _points(chart: PointChart) -> Figure:
    groups = list(dict.fromkeys(point.group for point in chart.points))
    xs = [point.x.p50 for point in chart.points]
    logarithmic = bool(xs) and min(xs) > 0 and max(xs) / min(xs) > _LOG_FROM
    largest = max((point.size or 0.0 for point in chart.points), default=0.0)
    data = [
        _group(chart, group, [p for p in chart.points if p.group == group], index, largest)
        for index, group in enumerate(groups)
    ]
    x = _axis(chart.x, type="log", dtick="D2") if logarithmic else _axis(chart.x, rangemode="tozero", zeroline=False)
    if logarithmic:
        x["title"]["text"] += ", each step of the scale a multiple"
    layout = _layout(460, x, _axis(chart.y, zeroline=False), showlegend=True, legend=_LEGEND, hovermode="closest")
    layout["annotations"] = [_point_note(point, logarithmic) for point in chart.points if point.named]
    return {"data": data, "layout": layout}


def _group(chart: PointChart, group: str, points: list[Point], index: int, largest: float) -> dict[str, Any]:
    colour = SERIES[index % len(SERIES)]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label(group),
        "x": [point.x.p50 for point in points],
        "y": [point.y.p50 for point in points],
        "hoverinfo": "text",
        "hovertext": [_point_text(chart, point) for point in points],
        "marker": {
            "symbol": [_SYMBOLS[index % len(_SYMBOLS)] + ("" if point.marked else "-open") for point in points],
            "size": [8 + 26 * math.sqrt((point.size or 0.0) / largest) if largest else 12 for point in points],
            "color": f"@{colour}",
            "opacity": 0.85,
            "line": {"width": 2, "color": f"@{colour}"},
        },
    }


def _point_text(chart: PointChart, point: Point) -> str:
    lines = [
        label(point.label, 44),
        f"{label(chart.x.title)}: {show(point.x, chart.x.kind)}",
        f"{label(chart.y.title)}: {show(point.y, chart.y.kind)}",
        f"{label(chart.size_title)}: {show(point.size, Kind.MS)}",
        "on the Pareto front" if point.marked else "another option is at least as good in all three",
    ]
    return "<br>".join(lines)


def _point_note(point: Point, logarithmic: bool) -> dict[str, Any]:
    return {
        "x": math.log10(point.x.p50) if logarithmic else point.x.p50,
        "y": point.y.p50,
        "text": f"<b>{label(point.named or '', 30)}</b>",
        "showarrow": True,
        "arrowhead": 0,
        "arrowcolor": "@ink",
        "ax": 0,
        "ay": 44,
        "bgcolor": "@paper/0.8",
        "font": {"size": 12, "color": "@ink"},
    }


def _bars(chart: BarChart) -> Figure:
    colours = ["@blue" if chart.highlight in (None, index) else "@grey" for index in range(len(chart.values))]
    texts = [show(value, chart.x.kind) for value in chart.values]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "x": list(chart.values),
            "y": list(range(len(chart.values))),
            "marker": {"color": colours},
            "text": texts,
            "textposition": "outside",
            "cliponaxis": False,
            "hoverinfo": "text",
            "hovertext": [f"{label(name, 44)}: {text}" for name, text in zip(chart.labels, texts, strict=True)],
        }
    ]
    top = max([*chart.values, 0.0]) * 1.18 or 1.0
    layout = _layout(
        _rows_height(chart.labels),
        _axis(chart.x, range=[0, top]),
        _names(chart.labels),
        bargap=0.35,
    )
    return {"data": data, "layout": layout}


def _stacked(chart: StackedBars) -> Figure:
    data = []
    for index, (name, values) in enumerate(chart.segments):
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": label(name),
                "x": list(values),
                "y": list(range(len(values))),
                "marker": {
                    "color": f"@{SERIES[index % len(SERIES)]}",
                    "pattern": {"shape": ("", "/", "x", ".")[index // len(SERIES) % 4]},
                    "line": {"color": "@paper", "width": 1},
                },
                "hoverinfo": "text",
                "hovertext": [
                    f"{label(category, 44)}<br>{label(name)}: {show(value, chart.x.kind)}"
                    for category, value in zip(chart.categories, values, strict=True)
                ],
            }
        )
    layout = _layout(
        _rows_height(chart.categories, row=40, extra=150),
        _axis(chart.x),
        _names(chart.categories),
        barmode="relative",
        bargap=0.35,
        showlegend=True,
        legend={**_LEGEND, "traceorder": "normal"},
    )
    return {"data": data, "layout": layout}


def _tornado(chart: TornadoChart) -> Figure:
    labels = [bar.label for bar in chart.bars]
    ends = (
        ("input at its low value (P10)", "yellow", "/", [(b.at_low, b.low_label) for b in chart.bars]),
        ("input at its high value (P90)", "blue", "", [(b.at_high, b.high_label) for b in chart.bars]),
    )
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "base": chart.base,
            "x": [value - chart.base for value, _ in values],
            "y": list(range(len(values))),
            "marker": {"color": f"@{colour}", "pattern": {"shape": pattern}},
            "hoverinfo": "text",
            "hovertext": [
                f"{label(bar.label, 44)} = {label(said)}<br>{show(value, chart.x.kind)}"
                for bar, (value, said) in zip(chart.bars, values, strict=True)
            ],
        }
        for name, colour, pattern, values in ends
    ]
    layout = _layout(
        _rows_height(labels, extra=130),
        _axis(chart.x, zeroline=True, zerolinewidth=2, range=_tornado_range(chart)),
        _names(labels),
        barmode="overlay",
        bargap=0.35,
        showlegend=True,
        legend=_LEGEND,
        annotations=_tornado_notes(chart),
        shapes=[_line_at(chart.base)],
    )
    return {"data": data, "layout": layout}


def _tornado_range(chart: TornadoChart) -> list[float]:
    """Room at both ends for what the input's values are."""
    ends = [chart.base, *(bar.at_low for bar in chart.bars), *(bar.at_high for bar in chart.bars)]
    low, high = min(ends), max(ends)
    room = 0.22 * (high - low or 1.0)
    return [low - room, high + room]


def _tornado_notes(chart: TornadoChart) -> list[dict[str, Any]]:
    notes = []
    for row, bar in enumerate(chart.bars):
        for value, said, other in ((bar.at_low, bar.low_label, bar.at_high), (bar.at_high, bar.high_label, bar.at_low)):
            right = value > other or (value == other and said is bar.high_label)
            notes.append(
                {
                    "x": value,
                    "y": row,
                    "text": label(said, 16),
                    "showarrow": False,
                    "xanchor": "left" if right else "right",
                    "xshift": 4 if right else -4,
                    "font": {"size": 11, "color": "@muted"},
                }
            )
    return notes


def _line_at(x: float) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": "@ink", "width": 1, "dash": "dot"},
    }


def _map(chart: MapChart) -> Figure:
    names = list(dict.fromkeys(name for row in chart.winners for name in row))
    index = {name: number for number, name in enumerate(names)}
    colours = [f"@{SERIES[number % len(SERIES)]}" for number in range(len(names))]
    scale = [[edge, colours[number]] for number in range(len(names)) for edge in _edges(number, len(names))]
    heat = {
        "type": "heatmap",
        "x": list(range(len(chart.x_values))),
        "y": list(range(len(chart.y_values))),
        "z": [[index[name] for name in row] for row in chart.winners],
        "zmin": -0.5,
        "zmax": len(names) - 0.5,
        "colorscale": scale,
        "showscale": False,
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
    layout = _layout(
        440,
        _axis(chart.x_title, **_ticks(chart.x_values), showgrid=False, zeroline=False),
        _axis(chart.y_title, **_ticks(chart.y_values), showgrid=False, zeroline=False),
        showlegend=True,
        legend=_LEGEND,
    )
    return {"data": [heat, *_map_keys(names, colours), *_here(chart)], "layout": layout}


def _edges(number: int, count: int) -> tuple[float, float]:
    return number / count, (number + 1) / count


def _ticks(values: Sequence[float]) -> dict[str, Any]:
    step = max(1, math.ceil(len(values) / 7))
    places = list(range(0, len(values), step))
    return {"tickmode": "array", "tickvals": places, "ticktext": [_short(values[place]) for place in places]}


def _short(value: float) -> str:
    """An axis number: 12k, 3.4 million as 3.4M, else three significant digits."""
    for size, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{significant(value / size, 3)}{letter}"
    return significant(value, 3)


def _map_keys(names: Sequence[str], colours: Sequence[str]) -> list[dict[str, Any]]:
    """Legend entries: a heatmap has none of its own."""
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": label(name, 44),
            "x": [None],
            "y": [None],
            "marker": {"symbol": "square", "size": 13, "color": colour},
        }
        for name, colour in zip(names, colours, strict=True)
    ]


def _here(chart: MapChart) -> list[dict[str, Any]]:
    if chart.current is None:
        return []
    x, y = _place(chart.current[0], chart.x_values), _place(chart.current[1], chart.y_values)
    if x is None or y is None:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers+text",
            "name": "where you are",
            "x": [x],
            "y": [y],
            "text": ["<b>you are here</b>"],
            "textposition": "top center" if y < len(chart.y_values) - 1.5 else "bottom center",
            "hoverinfo": "skip",
            "marker": {"symbol": "x", "size": 13, "color": "@ink", "line": {"color": "@paper", "width": 2}},
        }
    ]


def _place(value: float, values: Sequence[float]) -> float | None:
    """Where `value` lies between the grid's positions; None outside."""
    for position in range(len(values) - 1):
        low, high = values[position], values[position + 1]
        if low <= value <= high and high > low:
            return position + (value - low) / (high - low)
    return 0.0 if len(values) == 1 and value == values[0] else None
