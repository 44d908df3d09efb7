"""The formats a report is written in, one file each.

A module has `HELP` (str), `DEFAULT` (bool: written unless formats are named) and
`write(document, folder) -> list[Path]`; its file name is the format's name. With `PICTURES = True` it is written before
the texts that show its pictures.
"""

import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from advisor.reports.document import Document


def names() -> list[str]:
    """The formats found on disk; imports none of them."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))


def renderer(name: str) -> ModuleType:
    """The module that writes a format."""
    return importlib.import_module(f"{__name__}.{name}")


def defaults() -> list[str]:
    """The formats written when none is named."""
    return [name for name in names() if renderer(name).DEFAULT]


def write_all(document: Document, folder: Path, formats: Sequence[str]) -> dict[str, list[Path]]:
    """Every format into `folder`; format -> the files written, in the order in which they were named."""
    folder.mkdir(parents=True, exist_ok=True)
    modules = {name: renderer(name) for name in dict.fromkeys(formats)}
    pictures_first = sorted(modules, key=lambda name: not getattr(modules[name], "PICTURES", False))
    written = {name: modules[name].write(document, folder) for name in pictures_first}
    return {name: written[name] for name in modules}
