"""What all figures share: text that plotly cannot take for markup, axes with units, the frame around a plot."""

import html
import math
import textwrap
from collections.abc import Sequence
from typing import Any

from advisor.reports.blocks import Axis, Kind
from advisor.reports.numbers import significant

Figure = dict[str, Any]

WRAP = 24
"""Characters in a line of a name beside a bar: two of five parts of a phone's width."""
LEGEND = {
    "orientation": "h",
    "x": 0,
    "xanchor": "left",
    "y": 1.02,
    "yanchor": "bottom",
    "font": {"size": 12},
    "itemclick": False,
    "itemdoubleclick": False,
}
_TITLE = 26
_LINE = 16
_TICK_FORMATS = {Kind.USD: "$~s", Kind.SHARE: ".0%"}


def label(text: str, width: int = 0) -> str:
    """`text` for plotly, which reads some markup: none is left in it. Wrapped at `width` characters when above 0."""
    lines = textwrap.wrap(text, width) if width else [" ".join(text.split())]
    return "<br>".join(html.escape(line, quote=False) for line in lines or [""])


def frame(height: int, x: dict[str, Any], y: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The layout of a figure; `more` overrides."""
    return {
        "height": height,
        "margin": {"l": 8, "r": 16, "t": 10, "b": 8},
        "paper_bgcolor": "@paper/0",
        "plot_bgcolor": "@paper/0",
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": "@ink"},
        "hoverlabel": {"bgcolor": "@paper", "bordercolor": "@muted", "font": {"color": "@ink"}, "align": "left"},
        "hovermode": "closest",
        "dragmode": False,
        "showlegend": False,
        "legend": LEGEND,
        "xaxis": x,
        "yaxis": y,
        **more,
    }


def number_axis(axis: Axis, **more: Any) -> dict[str, Any]:
    """An axis of numbers with its title and unit."""
    return {
        "title": {"text": _title(axis.title), "standoff": 10, "font": {"size": 13}},
        "automargin": True,
        "fixedrange": True,
        "gridcolor": "@grid",
        "linecolor": "@muted",
        "zerolinecolor": "@muted",
        "nticks": 6,
        "tickformat": _TICK_FORMATS.get(axis.kind, ""),
        **more,
    }


def _title(text: str) -> str:
    """An axis title short enough for a phone: a long one has its unit on a line of its own."""
    words, bracket, unit = text.partition(" (")
    lines = (
        [label(words, _TITLE), label(f"({unit}", _TITLE)] if bracket and len(text) > _TITLE else [label(text, _TITLE)]
    )
    return "<br>".join(lines)


def name_axis(names: Sequence[str], **more: Any) -> dict[str, Any]:
    """Names down the left side, the first at the top."""
    return {
        "automargin": True,
        "fixedrange": True,
        "range": [len(names) - 0.5, -0.5],
        "tickmode": "array",
        "tickvals": list(range(len(names))),
        "ticktext": [label(name, WRAP) for name in names],
        "ticks": "outside",
        "ticklen": 6,
        "tickcolor": "@paper/0",
        "showgrid": False,
        "zeroline": False,
        **more,
    }


def grid_axis(title: str, values: Sequence[float]) -> dict[str, Any]:
    """An axis over the positions of grid `values` (which may be spaced unevenly), labelled with some of them."""
    step = max(1, math.ceil(len(values) / 6))
    places = list(range(0, len(values), step))
    return {
        "title": {"text": _title(title), "standoff": 10, "font": {"size": 13}},
        "automargin": True,
        "fixedrange": True,
        "showgrid": False,
        "zeroline": False,
        "tickmode": "array",
        "tickvals": places,
        "ticktext": [short(values[place]) for place in places],
    }


def rows_height(names: Sequence[str], extra: int) -> int:
    """Room for names as wrapped, one bar each, and `extra` for what stands above and below."""
    longest = max((len(textwrap.wrap(name, WRAP)) for name in names), default=1)
    return extra + len(names) * max(30, 8 + _LINE * longest)


def short(value: float) -> str:
    """A number for an axis: 12k, 3.4M, else three significant digits."""
    for size, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{significant(value / size, 3)}{letter}"
    return significant(value, 3)
