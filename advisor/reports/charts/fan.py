"""The fan chart: money against months, the recommended option with its band, the others as lines."""

from typing import Any

from advisor.reports.blocks import FanChart, FanSeries, Kind
from advisor.reports.charts.layout import Figure, frame, label, number_axis
from advisor.reports.charts.palette import SERIES
from advisor.reports.numbers import show

_DASHES = ("dash", "dot", "dashdot", "longdash")


def fan(chart: FanChart) -> Figure:
    """Zero is the status quo."""
    winners = [series for series in chart.series if series.role == "winner"]
    others = [series for series in chart.series if series.role == "alternative"]
    data: list[dict[str, Any]] = [_band(series) for series in winners]
    for index, series in enumerate(others):
        colour = SERIES[1 + index % (len(SERIES) - 1)]
        data.append(_line(chart, series, colour, dash=_DASHES[index % len(_DASHES)], width=2))
    for series in winners:
        data += [_line(chart, series, "blue", dash="solid", width=3), *_mark(series)]
    months = max((len(series.p50) for series in chart.series), default=1) - 1
    layout = frame(
        460,
        number_axis(chart.x, dtick=12 if months > 40 else 6 if months > 15 else 3, range=[0, months], zeroline=False),
        number_axis(chart.y, zeroline=True, zerolinewidth=2, range=_range(chart)),
        showlegend=True,
        annotations=[_zero_note(months), *(note for series in winners for note in _notes(series))],
    )
    return {"data": data, "layout": layout}


def _range(chart: FanChart) -> list[float]:
    """All middle lines and the recommended option's band, but no more than twice that band where it has a width.

    A hopeless alternative runs out of the picture instead of squeezing the recommendation flat.
    """
    middles = [value for series in chart.series for value in series.p50] or [0.0]
    low, high = min(*middles, 0.0), max(*middles, 0.0)
    winners = [series for series in chart.series if series.role == "winner"]
    if winners:
        bottom, top = min(min(s.p10) for s in winners), max(max(s.p90) for s in winners)
        reach = max(top, 0.0) - min(bottom, 0.0)
        low, high = min(low, bottom), max(high, top)
        if reach > 0:
            low, high = max(low, min(bottom, 0.0) - reach), min(high, max(top, 0.0) + reach)
    margin = 0.06 * ((high - low) or 1.0)
    return [low - margin, high + margin]


def _zero_note(months: int) -> dict[str, Any]:
    return {
        "x": months,
        "y": 0,
        "xanchor": "right",
        "yanchor": "top",
        "text": "going on as today",
        "showarrow": False,
        "font": {"size": 11, "color": "@muted"},
    }


def _band(series: FanSeries) -> dict[str, Any]:
    months = list(range(len(series.p50)))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "its range in 8 of 10 futures",
        "x": months + months[::-1],
        "y": [*series.p90, *reversed(series.p10)],
        "fill": "toself",
        "fillcolor": "@blue/0.2",
        "line": {"width": 0, "color": "@blue/0"},
        "hoverinfo": "skip",
        "legendrank": 3,
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
        "name": label(series.label, 46),
        "x": list(range(len(series.p50))),
        "y": list(series.p50),
        "legendrank": 1 if series.role == "winner" else 1000,
        "line": {"color": f"@{colour}", "width": width, "dash": dash},
        "hoverinfo": "text",
        "hovertext": texts,
    }


def _mark(series: FanSeries) -> list[dict[str, Any]]:
    """A diamond on the zero line where the money is back."""
    month = series.break_even_month
    if month is None or month <= 0:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "break-even (middle estimate)",
            "x": [month],
            "y": [0],
            "cliponaxis": False,
            "legendrank": 2,
            "hoverinfo": "text",
            "hovertext": [_said(month)],
            "marker": {"symbol": "diamond", "size": 13, "color": "@paper", "line": {"color": "@ink", "width": 2}},
        }
    ]


def _said(month: float) -> str:
    return f"back after {show(month, Kind.MONTHS)}"


def _notes(series: FanSeries) -> list[dict[str, Any]]:
    """The month in words above the diamond, clear of the lines."""
    month = series.break_even_month
    if month is None or month <= 0:
        return []
    early = month < 0.5 * (len(series.p50) - 1)
    return [
        {
            "x": month,
            "y": 0,
            "text": f"<b>{_said(month)}</b>",
            "showarrow": True,
            "arrowhead": 0,
            "arrowwidth": 1.5,
            "arrowcolor": "@ink",
            "standoff": 7,
            "ax": 14 if early else -14,
            "ay": -64,
            "xanchor": "left" if early else "right",
            "font": {"size": 13, "color": "@ink"},
        }
    ]
