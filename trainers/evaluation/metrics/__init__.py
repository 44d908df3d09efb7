"""The metrics, one file each. A metric says how good one answer is, 0 (useless) to 1 (right).

A metric is a module here with

    TITLE      a few words for tables
    BINARY     True when every score is 0 or 1 (decides which statistics apply)
    ARGUMENT   what may follow the name (`numeric=0.01`), in words, or None
    EXAMPLES   tuples (expected, output, argument, score); they are run as tests
    score(expected, output, argument) -> float

Adding a metric is adding a file.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from advisor.base.errors import UsageError


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its argument filled in."""

    name: str
    """As the user wrote it, argument included."""
    title: str
    binary: bool
    _score: Callable[[Any, str, str | None], float]
    _argument: str | None

    def score(self, expected: Any, output: str) -> float:
        """How good `output` is, 0..1, when `expected` is right."""
        return float(self._score(expected, output, self._argument))


def metric_names() -> list[str]:
    """The metrics there are."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.ispkg and not m.name.startswith("_"))


def get_metric(text: str) -> Metric:
    """The metric behind `NAME` or `NAME=ARGUMENT`. Raises `UsageError`."""
    name, _, argument = text.partition("=")
    if name not in metric_names():
        from difflib import get_close_matches

        close = get_close_matches(name, metric_names(), n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(f"unknown metric {name!r}", fix=f"{hint}Metrics: {', '.join(metric_names())}")
    module = import_module(f"{__name__}.{name}")
    if argument and module.ARGUMENT is None:
        raise UsageError(f"the metric {name!r} takes no argument", fix=f"write --metric {name}")
    if check := getattr(module, "check_argument", None):
        check(argument or None)
    return Metric(text, module.TITLE, module.BINARY, module.score, argument or None)
