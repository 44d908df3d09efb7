"""Colours: blue, yellow and vermilion (Okabe and Ito), which stay apart for colour-blind eyes."""

import os

from textual.theme import Theme

DARK = Theme(
    name="advisor-dark",
    primary="#56B4E9",
    secondary="#8FA3B0",
    accent="#56B4E9",
    success="#56B4E9",
    warning="#F0E442",
    error="#E8743B",
    foreground="#E4E7EA",
    background="#14181C",
    surface="#1B2126",
    panel="#232A31",
    dark=True,
)
LIGHT = Theme(
    name="advisor-light",
    primary="#00588C",
    secondary="#4A5A66",
    accent="#00588C",
    success="#00588C",
    warning="#7A5F00",
    error="#A83600",
    foreground="#14181C",
    background="#FBFBF9",
    surface="#F1F1EE",
    panel="#E4E5E1",
    dark=False,
)


def first_theme() -> str:
    """The theme to start with: light when the terminal says (COLORFGBG) that its background is light."""
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT.name if background in ("7", "15") else DARK.name
