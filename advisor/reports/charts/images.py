"""Charts as picture files, drawn by kaleido in a headless Chromium. Optional: a report is whole without them."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from advisor.base.errors import MissingPartError, require
from advisor.reports.blocks import Chart
from advisor.reports.charts.figures import figure
from advisor.reports.charts.layout import label
from advisor.reports.charts.palette import LIGHT, resolve

_WIDTH = 1000
_SCALE = 2
_TITLE_ROOM = 56


def write_images(charts: Sequence[Chart], folder: Path, kind: str) -> list[Path]:
    """folder/NAME.png or .svg of each chart, light, with its title.

    Raises `MissingPartError` without kaleido or Chromium. Nothing is fetched: plotly.js is the
    package's own, and formulas (MathJax) are off.
    """
    require("kaleido", "images")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{chart.name}.{kind}" for chart in charts]
    if charts:
        _draw([_order(chart, path, kind) for chart, path in zip(charts, paths, strict=True)])
    return paths


def _order(chart: Chart, path: Path, kind: str) -> dict[str, Any]:
    drawn = titled(chart)
    size = {"format": kind, "width": _WIDTH, "height": drawn["layout"]["height"], "scale": _SCALE}
    return {"fig": drawn, "path": str(path), "opts": size}


def titled(chart: Chart) -> dict[str, Any]:
    """The figure in the light palette with its title inside, for standing alone."""
    drawn: dict[str, Any] = resolve(figure(chart), LIGHT)
    layout = drawn["layout"]
    layout["title"] = {
        "text": f"<b>{label(chart.title, 90)}</b>",
        "x": 0.01,
        "xanchor": "left",
        "y": 0.985,
        "yanchor": "top",
        "yref": "container",
        "font": {"size": 17},
    }
    layout["paper_bgcolor"] = layout["plot_bgcolor"] = LIGHT["paper"]
    layout["margin"] = {"t": _TITLE_ROOM, "l": 20, "r": 30, "b": 20}
    layout["height"] += _TITLE_ROOM
    layout["legend"] = {**layout["legend"], "y": -0.2, "yanchor": "top"}
    return drawn


def _draw(orders: list[dict[str, Any]]) -> None:
    import kaleido
    from choreographer.errors import BrowserFailedError, ChromeNotFoundError

    logging.getLogger("kaleido").setLevel(logging.ERROR)
    logging.getLogger("choreographer").setLevel(logging.ERROR)
    try:
        kaleido.write_fig_from_object_sync(orders, kopts={"mathjax": False})
    except (ChromeNotFoundError, BrowserFailedError) as error:
        missing = isinstance(error, ChromeNotFoundError)
        raise MissingPartError(
            "pictures need Chrome or Chromium, and none was found" if missing else "Chromium did not start",
            fix="install it (Debian: apt-get install chromium), or leave --format png and svg out: report.html has "
            "every chart",
        ) from None
