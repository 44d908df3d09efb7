"""The numbers behind a chart as a table: for readers without pictures, for CSV and for JSON."""

from typing import assert_never

from advisor.reports.blocks import (
    BarChart,
    Cell,
    Chart,
    Column,
    FanChart,
    Kind,
    MapChart,
    PointChart,
    StackedBars,
    Table,
    TornadoChart,
)
from advisor.reports.numbers import significant


def chart_table(chart: Chart) -> Table:
    """Every number that `chart` draws."""
    match chart:
        case FanChart():
            return _fan(chart)
        case PointChart():
            return _points(chart)
        case BarChart():
            columns = [Column("option", "Option"), Column("value", chart.x.title, chart.x.kind)]
            return _table(chart, columns, [[*pair] for pair in zip(chart.labels, chart.values, strict=True)])
        case StackedBars():
            return _stacked(chart)
        case TornadoChart():
            return _tornado(chart)
        case MapChart():
            return _map(chart)
        case _:
            assert_never(chart)


def _table(chart: Chart, columns: list[Column], rows: list[list[Cell]]) -> Table:
    return Table(chart.name, f"Figures of the chart: {chart.title}", columns, rows)


def _without_unit(title: str) -> str:
    """`Cost a month (US dollars)` -> `Cost a month`: the numbers below carry their unit."""
    return title.partition(" (")[0]


def _fan(chart: FanChart) -> Table:
    columns = [
        Column("option", "Option"),
        Column("month", "Month", Kind.COUNT),
        Column("p10", "P10", chart.y.kind),
        Column("p50", "P50", chart.y.kind),
        Column("p90", "P90", chart.y.kind),
    ]
    rows: list[list[Cell]] = [
        [series.label, month, low, middle, high]
        for series in chart.series
        for month, (low, middle, high) in enumerate(zip(series.p10, series.p50, series.p90, strict=True))
    ]
    return _table(chart, columns, rows)


def _points(chart: PointChart) -> Table:
    columns = [
        Column("option", "Option"),
        Column("group", "Class"),
        Column("x", _without_unit(chart.x.title), chart.x.kind),
        Column("y", _without_unit(chart.y.title), chart.y.kind),
        Column("size", chart.size_title, Kind.MS),
        Column("on_front", "Pareto front", Kind.TEXT),
    ]
    return _table(chart, columns, [[p.label, p.group, p.x, p.y, p.size, p.marked] for p in chart.points])


def _stacked(chart: StackedBars) -> Table:
    columns = [Column("option", "Option")]
    columns += [Column(f"line_{i}", label, chart.x.kind) for i, (label, _) in enumerate(chart.segments)]
    columns.append(Column("total", "Total", chart.x.kind))
    rows: list[list[Cell]] = []
    for index, category in enumerate(chart.categories):
        parts = [values[index] for _, values in chart.segments]
        rows.append([category, *parts, sum(parts)])
    return _table(chart, columns, rows)


def _tornado(chart: TornadoChart) -> Table:
    columns = [
        Column("input", "Input"),
        Column("low", "Low value"),
        Column("at_low", f"{chart.x.title}, at the low value", chart.x.kind),
        Column("high", "High value"),
        Column("at_high", f"{chart.x.title}, at the high value", chart.x.kind),
    ]
    return _table(chart, columns, [[b.label, b.low_label, b.at_low, b.high_label, b.at_high] for b in chart.bars])


def _map(chart: MapChart) -> Table:
    columns = [Column("y", chart.y_title, Kind.NUMBER)]
    columns += [Column(f"x_{value:g}", f"{chart.x_title} = {significant(value, 3)}") for value in chart.x_values]
    rows: list[list[Cell]] = [
        [float(f"{value:.3g}"), *winners] for value, winners in zip(chart.y_values, chart.winners, strict=True)
    ]
    return _table(chart, columns, rows)
