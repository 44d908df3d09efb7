"""Charts as plotly figures: plain dictionaries of `data` and `layout`, drawn by plotly.js in the page.

Colours are tokens of `advisor.reports.charts.palette`, titles stand outside the figure. No text of a user or a
catalogue enters a template (`hovertemplate`, `texttemplate`); all of it goes through `layout.label`.
"""

from typing import assert_never

from advisor.reports.blocks import BarChart, Chart, FanChart, MapChart, PointChart, StackedBars, TornadoChart
from advisor.reports.charts.bars import bars, stacked
from advisor.reports.charts.fan import fan
from advisor.reports.charts.layout import Figure
from advisor.reports.charts.maps import best_map
from advisor.reports.charts.points import points
from advisor.reports.charts.tornado import tornado


def figure(chart: Chart) -> Figure:
    """The plotly figure of a chart."""
    match chart:
        case FanChart():
            return fan(chart)
        case PointChart():
            return points(chart)
        case BarChart():
            return bars(chart)
        case StackedBars():
            return stacked(chart)
        case TornadoChart():
            return tornado(chart)
        case MapChart():
            return best_map(chart)
        case _:
            assert_never(chart)
