"""Colours that stay apart for colour-blind eyes (Okabe and Ito 2008, "Color Universal Design"), light and dark.

A figure names colours by token: `@blue`, or `@blue/0.2` for an opacity; `resolve` puts real colours in their place.
The page does the same in `report.js`, so that one figure serves both themes.
"""

import re
from typing import Any

LIGHT = {
    "ink": "#1b1f24",
    "muted": "#5b6470",
    "grid": "#dde2e8",
    "paper": "#ffffff",
    "blue": "#0072b2",
    "vermilion": "#d55e00",
    "yellow": "#e69f00",
    "sky": "#56b4e9",
    "purple": "#cc79a7",
    "green": "#009e73",
    "lemon": "#f0e442",
    "grey": "#8a929c",
}
DARK = {
    "ink": "#e8ebef",
    "muted": "#a9b2bd",
    "grid": "#39414b",
    "paper": "#14181d",
    "blue": "#4fb0f0",
    "vermilion": "#ff8a4a",
    "yellow": "#f2b632",
    "sky": "#9bd3f7",
    "purple": "#e2a3c6",
    "green": "#2fc79a",
    "lemon": "#f0e442",
    "grey": "#8a929c",
}
SERIES = ("blue", "vermilion", "yellow", "purple", "sky", "green", "lemon", "grey")
"""The order in which colours are given out; neighbours differ in lightness as well as in hue."""

_TOKEN = re.compile(r"@([a-z]+)(?:/([0-9.]+))?")


def resolve(value: Any, palette: dict[str, str], key: str = "") -> Any:
    """`value` with every colour token under a key that names a colour replaced; text elsewhere is left alone."""
    if isinstance(value, dict):
        return {name: resolve(part, palette, name) for name, part in value.items()}
    if isinstance(value, list):
        return [resolve(part, palette, key) for part in value]
    if isinstance(value, str) and key.endswith(("color", "colorscale")):
        return _colour(value, palette)
    return value


def _colour(token: str, palette: dict[str, str]) -> str:
    found = _TOKEN.fullmatch(token)
    if found is None:
        return token
    colour = palette[found[1]]
    if found[2] is None:
        return colour
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{found[2]})"
