"""Charts in characters. plotext is imported when the first chart is drawn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.content import Content
from textual.widget import Widget

from advisor.tui.text import money

if TYPE_CHECKING:
    from advisor.decision.result import OptionResult

_BLUE, _GREY = {True: (86, 180, 233), False: (0, 88, 140)}, {True: (143, 163, 176), False: (74, 90, 102)}


def new_plot() -> Widget:
    """An empty chart with the id `plot`."""
    from textual_plotext import PlotextPlot

    plot: Widget = PlotextPlot(id="plot")
    return plot


def draw_cash(plot: Widget, option: "OptionResult", *, dark: bool) -> Content:
    """Draw the cumulative net cash of `option` against the status quo, month by month; returns the legend."""
    cash = option.cash
    if cash is None:
        return Content("")
    plt: Any = getattr(plot, "plt")  # noqa: B009
    months = list(range(len(cash.cumulative_usd)))
    low, mid, high = ([getattr(point, q) for point in cash.cumulative_usd] for q in ("p10", "p50", "p90"))
    _prepare(plt)
    plt.plot(months, [0.0] * len(months), marker="-", color=_GREY[dark])
    plt.plot(months, low, marker=".", color=_GREY[dark])
    plt.plot(months, high, marker=".", color=_GREY[dark])
    plt.plot(months, mid, marker="o", color=_BLUE[dark])
    _money_axis(plt, [*low, *high, 0.0])
    plt.xlabel("month")
    plot.refresh()
    even = option.break_even_month
    crosses = f"   Even in month {even.p50:.0f}." if even is not None else "   It never pays back within the horizon."
    if not any(mid) and not any(low):
        crosses = "   This is what is done today, so it stays at zero."
    return Content.assemble(
        ("o", "bold $text-primary"),
        " money ahead of today's way (middle)   ",
        (". ", "bold"),
        "1 and 9 cases in 10",
        crosses,
    )


def draw_loss(
    plot: Widget, losses: Sequence[tuple[int, float]], held_out: Sequence[tuple[int, float]], *, dark: bool
) -> None:
    """Draw training loss (and held-out loss) over steps."""
    plt: Any = getattr(plot, "plt")  # noqa: B009
    _prepare(plt)
    if losses:
        plt.plot([step for step, _ in losses], [loss for _, loss in losses], marker=".", color=_BLUE[dark])
    if held_out:
        plt.scatter([step for step, _ in held_out], [loss for _, loss in held_out], marker="O", color=_GREY[dark])
    plt.xlabel("step")
    plot.refresh()


def _prepare(plt: Any) -> None:
    plt.clear_data()
    plt.clear_figure()
    plt.theme("clear")
    plt.frame(True)
    plt.grid(False, False)


def _money_axis(plt: Any, values: Sequence[float]) -> None:
    """Five round ticks with money labels."""
    ticks = round_ticks(min(values), max(values))
    plt.yticks(ticks, [money(tick) for tick in ticks])


def round_ticks(low: float, high: float, many: int = 5) -> list[float]:
    """At most about `many` round numbers (1, 2 or 5 times a power of ten) from `low` to `high`."""
    if high <= low:
        return [low]
    rough = (high - low) / many
    power: float = 10.0 ** _floor_log10(rough)
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = int(low // step) + (1 if low % step else 0)
    return [number * step for number in range(first, int(high // step) + 1)]


def _floor_log10(value: float) -> int:
    from math import floor, log10

    return floor(log10(value))
