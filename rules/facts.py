"""Facts: what may be known about a use case, each a question with its type, range and assumption while unknown."""

from __future__ import annotations

import math
import re
from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from advisor.base.errors import InvalidDataError
from rules.assume import Assume
from rules.interval import Interval
from rules.schema import Condition, FactId, Line, Prose, Strict

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Assume", "Choice", "Fact", "Interval", "Preset"]

Group = Literal[
    "task",
    "knowledge",
    "data",
    "traffic",
    "limits",
    "current",
    "preferences",
    "team",
    "hardware",
    "portfolio",
    "finance",
]
FactType = Literal["bool", "int", "number", "share", "choice", "date", "gpus", "text", "measurements"]
NUMERIC = ("int", "number", "share")
_LARGEST = 1e15
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""Control characters, which could steer a terminal, and halves of surrogate pairs, which no file can hold."""
_NOT_FINITE = re.compile(r"[-+]?(nan|inf|infinity)", re.IGNORECASE)
_TEXT_CHARACTERS = 10_000


class Choice(Strict):
    """One of the values of a choice fact, as people see it."""

    value: Line
    label: Line
    help: Prose | None = None


class Preset(Strict):
    """A ready answer for those who have no exact number: "a few hundred"."""

    label: Line
    value: Any


class Fact(Strict):
    """One question. Numbers may be answered with a range."""

    v: Literal[1]
    id: FactId
    label: Line
    question: Line
    why: Prose
    type: FactType
    unit: Line | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Choice, ...] = ()
    presets: tuple[Preset, ...] = ()
    group: Group
    order: Annotated[int, Field(ge=0)]
    ask_when: Condition | None = None
    decides: bool = True
    """False for what is shown and stored only (free text): no expression may name it."""
    assume: Assume | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Fact:
        if (self.type == "choice") != bool(self.choices):
            raise ValueError("`choices` belongs to a fact of type choice, and to no other")
        if self.unit is not None and self.type not in NUMERIC:
            raise ValueError("only a number has a unit")
        self._check_assumption()
        for preset in self.presets:
            self._check_value(preset.value, f"preset {preset.label!r}")
        return self

    def _check_value(self, raw: Any, what: str) -> None:
        """`parse` for a value inside the file itself: a `ValueError`, to which the reader adds file and line."""
        try:
            self.parse(raw)
        except InvalidDataError as error:
            raise ValueError(f"{what}: {error.what}") from None

    def _check_assumption(self) -> None:
        assume = self.assume
        if assume is None or assume.kind == "none":
            return
        if assume.kind == "fixed":
            self._check_value(assume.value, "assume")
        elif assume.kind == "choice":
            allowed = {"true", "false"} if self.type == "bool" else {choice.value for choice in self.choices}
            for value in assume.weights or {}:
                if value not in allowed:
                    raise ValueError(f"assume: {value!r} is not one of {', '.join(sorted(allowed))}")
        elif self.type not in NUMERIC:
            raise ValueError(f"assume: {assume.kind!r} needs a number, this fact is a {self.type}")

    @property
    def lowest(self) -> float:
        """The smallest number allowed."""
        return self.minimum if self.minimum is not None else 0.0 if self.type in ("share", "int") else -_LARGEST

    @property
    def highest(self) -> float:
        """The largest number allowed."""
        return self.maximum if self.maximum is not None else 1.0 if self.type == "share" else _LARGEST

    def values(self) -> tuple[str, ...]:
        """The values of a choice fact; empty for the others."""
        return tuple(choice.value for choice in self.choices)

    def parse(self, raw: Any, where: str | None = None) -> Any:
        """The validated value: bool, int, float, str, date, list or `Interval`; None stays None (unknown).

        Raises `InvalidDataError` that names the fact, what is wrong and what to write instead.
        """
        if raw is None:
            return None
        if isinstance(raw, dict) and self.type in NUMERIC:
            return self._interval(raw, where)
        match self.type:
            case "bool":
                return self._bool(raw, where)
            case "int" | "number" | "share":
                return self._number(raw, where)
            case "choice":
                return self._choice(raw, where)
            case "date":
                return self._date(raw, where)
            case "gpus":
                return self._gpus(raw, where)
            case "text":
                return self._text(raw, where)
            case "measurements":
                return self._measurements(raw, where)

    def draw(self, uniform: np.ndarray) -> Any:
        """Values while unknown, from uniform numbers, within the range of the fact; None when nothing is assumed."""
        if self.assume is None:
            return None
        drawn = self.assume.draw(uniform)
        if drawn is None or self.type not in NUMERIC:
            return drawn
        import numpy as np

        drawn = np.clip(drawn, self.lowest, self.highest)
        return np.round(drawn) if self.type == "int" else drawn

    def _wrong(self, what: str, where: str | None, fix: str) -> InvalidDataError:
        return InvalidDataError(f"{self.id}: {what}", where=where, fix=fix)

    def _bool(self, raw: Any, where: str | None) -> bool:
        if isinstance(raw, bool):
            return raw
        raise self._wrong(f"{_show(raw)} is neither true nor false", where, "write true or false, or leave it out")

    def _number(self, raw: Any, where: str | None) -> int | float:
        expected = "a whole number" if self.type == "int" else "a number"
        if isinstance(raw, str) and _NOT_FINITE.fullmatch(raw):
            raise self._wrong(f"{raw} is not a usable number", where, "leave it out when it is unknown")
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            raise self._wrong(f"{_show(raw)} is not {expected}", where, f"write {expected} without unit or quotes")
        if isinstance(raw, float) and not math.isfinite(raw):
            raise self._wrong(f"{raw} is not a usable number", where, "leave it out when it is unknown")
        if not self.lowest <= raw <= self.highest:
            raise self._wrong(f"{_show(raw)} is outside {self.range_words()}", where, self._range_fix(raw))
        if self.type != "int":
            return float(raw)
        if raw != int(raw):
            raise self._wrong(f"{raw} is not a whole number", where, "round it")
        return int(raw)

    def _range_fix(self, raw: float) -> str:
        if self.type == "share" and 1 < raw <= 100:
            return f"a share is written 0 to 1: {raw / 100:g} for {raw:g} %"
        return f"write a number from {self.range_words()}"

    def range_words(self) -> str:
        """The allowed range in words, with the unit."""
        unit = f" {self.unit}" if self.unit else ""
        if self.highest >= _LARGEST:
            return f"{_words(self.lowest)} or more{unit}"
        return f"{_words(self.lowest)} to {_words(self.highest)}{unit}"

    def _interval(self, raw: dict[Any, Any], where: str | None) -> int | float | Interval:
        if set(raw) != {"low", "high"}:
            raise self._wrong("a range has the keys low and high", where, "write {low: 100, high: 500}")
        low, high = self._number(raw["low"], where), self._number(raw["high"], where)
        if low > high:
            raise self._wrong(f"low ({low:g}) is above high ({high:g})", where, "swap them")
        return low if low == high else Interval(low, high)

    def _choice(self, raw: Any, where: str | None) -> str:
        allowed = self.values()
        if isinstance(raw, str) and raw in allowed:
            return raw
        close = get_close_matches(str(raw), allowed, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise self._wrong(f"{_show(raw)} is not one of the choices", where, f"{hint}Choices: {', '.join(allowed)}")

    def _date(self, raw: Any, where: str | None) -> date:
        if type(raw) is date:
            return raw
        try:
            return date.fromisoformat(raw)
        except (TypeError, ValueError):
            raise self._wrong(f"{_show(raw)} is not a date", where, "write YYYY-MM-DD") from None

    def _gpus(self, raw: Any, where: str | None) -> list[dict[str, Any]]:
        fix = "write a list such as [{gpu: rtx-4090, count: 1}]"
        if not isinstance(raw, list):
            raise self._wrong(f"{_show(raw)} is not a list of GPUs", where, fix)
        found: list[dict[str, Any]] = []
        for row in raw:
            if not isinstance(row, dict) or set(row) != {"gpu", "count"}:
                raise self._wrong(f"{_show(row)} is not a GPU with a count", where, fix)
            gpu, count = row["gpu"], row["count"]
            if not isinstance(gpu, str) or not gpu.strip() or _UNSTORABLE.search(gpu):
                raise self._wrong(f"{_show(gpu)} is not the name of a GPU", where, fix)
            if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 100_000:
                raise self._wrong(
                    f"{_show(count)} is not a number of GPUs", where, "count is a whole number, 1 or more"
                )
            if any(gpu == other["gpu"] for other in found):
                raise self._wrong(f"{gpu!r} is there twice", where, "add the counts")
            found.append({"gpu": gpu, "count": count})
        return found

    def _measurements(self, raw: Any, where: str | None) -> list[dict[str, Any]]:
        """What evaluations found, one entry per (approach, model, training); written by `advisor evaluate`."""
        if not isinstance(raw, list):
            raise self._wrong(f"{_show(raw)} is not a list", where, "it is written by `advisor evaluate`, not by hand")
        return [self._measurement(item, where) for item in raw]

    def _measurement(self, item: Any, where: str | None) -> dict[str, Any]:
        keys = ("approach", "model", "training", "quality", "n", "latency_p95_ms", "source")
        if not isinstance(item, dict) or not {"approach", "model", "quality", "n"} <= set(item) <= set(keys):
            raise self._wrong(f"{_show(item)} is not a measurement", where, f"an entry has the keys {', '.join(keys)}")
        for name in ("approach", "model", "training", "source"):
            if not isinstance(item.get(name), str | None):
                raise self._wrong(f"{name} must be text", where, "put it in quotes")
        quality, items, latency = item["quality"], item["n"], item.get("latency_p95_ms")
        if not _is_number(quality) or not 0 <= quality <= 1:
            raise self._wrong(f"quality {_show(quality)} is not a share", where, "write a number from 0 to 1")
        if not _is_number(items) or items != int(items) or items < 1:
            raise self._wrong(f"n {_show(items)} is not a number of items", where, "write a whole number, 1 or more")
        if latency is not None and (not _is_number(latency) or latency <= 0):
            raise self._wrong(f"latency_p95_ms {_show(latency)} is not a time", where, "write milliseconds, or null")
        return dict(item)

    def _text(self, raw: Any, where: str | None) -> str:
        if not isinstance(raw, str):
            raise self._wrong(f"{_show(raw)} is not text", where, "put it in quotes")
        if len(raw) > _TEXT_CHARACTERS:
            raise self._wrong(f"longer than {_TEXT_CHARACTERS} characters", where, "shorten it")
        if _UNSTORABLE.search(raw):
            raise self._wrong("holds control characters or halves of characters", where, "remove them")
        return raw


def _is_number(raw: Any) -> bool:
    return isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw)


def _words(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.10g}"


def _show(raw: Any) -> str:
    """The value as the user wrote it, cut when it is long."""
    text = repr(raw) if not isinstance(raw, int) or abs(raw) < 10**30 else "a number of more than 30 digits"
    return text if len(text) <= 60 else text[:57] + "..."
