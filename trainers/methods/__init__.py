"""The ways to train, one self-contained file each; what they share lies in `shared`.

A method is a module here with `TITLE`, a `Settings` model (its hyperparameters and where their defaults come from) and
`train(job) -> Outcome`. Adding a method is adding a file. Importing one imports no heavy library.
"""

import pkgutil
from importlib import import_module
from types import ModuleType

from advisor.base.errors import UsageError


def method_names() -> list[str]:
    """The methods there are."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.ispkg and not m.name.startswith("_"))


def get_method(name: str) -> ModuleType:
    """The module of a method. Raises `UsageError` for an unknown one."""
    if name not in method_names():
        raise UsageError(f"unknown method {name!r}", fix="use one of " + ", ".join(method_names()))
    return import_module(f"{__name__}.{name}")
