"""The six places of the terminal interface, one module each."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from advisor.tui.places.place import Place


def place_classes() -> "dict[str, Callable[[], Place]]":
    """Place name -> what makes its screen; a module is imported when its place is first opened."""
    from advisor.tui.actions import PLACES

    return {name: _maker(name) for name in PLACES}


def _maker(name: str) -> "Callable[[], Place]":
    def make() -> "Place":
        from importlib import import_module

        module = import_module(f"advisor.tui.places.{name}")
        place: Place = getattr(module, f"{name.capitalize()}Place")()
        return place

    return make
