"""A figure with its range, its source and its date; and which figure of a dated list is in force on a day.

In a file a figure is written as a number (`2.5`), as a mapping (`{value: 2.5, low: 2, high: 3, source: list,
from: 2027-01-01}`) or as a list of those (dated prices, also announced ones). A figure without a source of its own
takes the nearest `source:` around it: its block's, then its file's. One that finds none is refused.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    model_validator,
)

Origin = Literal["catalogue", "customer", "derived"]
Money = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Source(Strict):
    """Where a figure was read: a title, a place someone else can find again, and the day it was read."""

    title: str = Field(min_length=3)
    where: str = Field(min_length=3)
    date: date


@dataclass(frozen=True, slots=True)
class _Scope:
    """What the figures being read inherit: the file's sources, the nearest default source, whose file it is."""

    sources: Mapping[str, Source]
    source: str | None = None
    origin: Origin = "catalogue"


_NO_SCOPE = _Scope(MappingProxyType({}))
_scope: ContextVar[_Scope] = ContextVar("_scope", default=_NO_SCOPE)


@contextmanager
def reading_for(origin: Origin) -> Iterator[None]:
    """Mark every figure that is read inside the block as `origin`."""
    token = _scope.set(_Scope({}, None, origin))
    try:
        yield
    finally:
        _scope.reset(token)


class Range(NamedTuple):
    """A figure as floats for numpy: low <= value <= high; all three equal when no range is known."""

    low: float
    value: float
    high: float


class Value(Strict):
    """One figure: exact, with range, source, the day it was checked and the days it holds."""

    value: Money
    low: Money | None = None
    high: Money | None = None
    source: Source
    checked: date
    from_: date | None = Field(default=None, alias="from")
    until: date | None = None
    note: str | None = None
    origin: Origin = "catalogue"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if (self.low is not None and self.low > self.value) or (self.high is not None and self.high < self.value):
            raise ValueError("must be low <= value <= high")
        if self.from_ and self.until and self.from_ > self.until:
            raise ValueError(f"starts ({self.from_}) after it ends ({self.until})")
        return self

    @property
    def number(self) -> float:
        """The figure as a float."""
        return float(self.value)

    @property
    def range(self) -> Range:
        """Low, value and high as floats; without a range all three are the value."""
        middle = float(self.value)
        return Range(
            middle if self.low is None else float(self.low), middle, middle if self.high is None else float(self.high)
        )

    def holds(self, on: date) -> bool:
        """Whether the figure is in force on that day (both ends included)."""
        return (self.from_ is None or self.from_ <= on) and (self.until is None or on <= self.until)


def _complete(raw: Any) -> Any:
    """One written figure with its source looked up; anything that is not a figure is left for the model to refuse."""
    if isinstance(raw, Value):
        return raw
    scope = _scope.get()
    written = raw if isinstance(raw, dict) else {"value": raw}
    name = written.get("source", scope.source)
    if name is None:
        raise ValueError("this figure has no source; name one of the file's sources beside it or for its block")
    source = scope.sources.get(name) if isinstance(name, str) else None
    if source is None:
        known = ", ".join(sorted(scope.sources)) or "the file has none"
        raise ValueError(f"the source {name!r} is not in this file's `sources:` ({known})")
    return {"checked": source.date, **written, "source": source, "origin": scope.origin}


def _as_figure(raw: Any) -> Any:
    if raw is None:
        return None
    return tuple(_complete(part) for part in (raw if isinstance(raw, (list, tuple)) else (raw,)))


def _dates_apart(values: tuple[Value, ...] | None) -> tuple[Value, ...] | None:
    if values is None:
        return None
    if not values:
        raise ValueError("an empty list; leave the key out when the figure is unknown")
    ordered = tuple(sorted(values, key=lambda v: v.from_ or date.min))
    for earlier, later in pairwise(ordered):
        if later.from_ is None or later.from_ == earlier.from_:
            raise ValueError("two of its values start on the same day; give each its own `from:`")
    return (*(_ended(earlier, later) for earlier, later in pairwise(ordered)), ordered[-1])


def _ended(earlier: Value, later: Value) -> Value:
    """The earlier value, ending where one begins that has no end; after a value for a while it holds again."""
    if later.from_ is None or later.until is not None:
        return earlier
    last = later.from_ - timedelta(days=1)
    return (
        earlier if earlier.until is not None and earlier.until <= last else earlier.model_copy(update={"until": last})
    )


Figure = Annotated[tuple[Value, ...] | None, BeforeValidator(_as_figure), AfterValidator(_dates_apart)]
"""A dated list of values, oldest first; None is unknown."""


def in_force(figure: tuple[Value, ...] | None, on: date) -> Value | None:
    """The value in force on that day: of those that hold, the one that started last; None when unknown then."""
    holding = [value for value in figure or () if value.holds(on)]
    return max(holding, key=lambda v: v.from_ or date.min, default=None)


class Block(Strict):
    """A group of figures that may name one `source:` for all of them."""

    source: str | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _hand_down_source(cls, raw: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(raw, dict) or raw.get("source") is None:
            return handler(raw)
        scope = _scope.get()
        if raw["source"] not in scope.sources:
            known = ", ".join(sorted(scope.sources)) or "the file has none"
            raise ValueError(f"the source {raw['source']!r} is not in this file's `sources:` ({known})")
        token = _scope.set(replace(scope, source=raw["source"]))
        try:
            return handler(raw)
        finally:
            _scope.reset(token)

    def price(self, name: str, on: date) -> Value | None:
        """The figure called `name` in force on that day; None when it is unknown. An unknown name is our bug."""
        return in_force(getattr(self, name), on)

    def figures(self) -> dict[str, tuple[Value, ...]]:
        """Every figure of this block that is known, by name (not those of blocks inside it)."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in found.items() if _is_figure(value)}


def _is_figure(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], Value)


class Entry(Block):
    """One file of the catalogue. `id` is the file's name; `sources` are what its figures refer to."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    name: str
    sources: dict[str, Source] = {}
    note: str | None = None
    origin: Origin = "catalogue"
    overridden: tuple[str, ...] = ()
    """Fields that the customer's own file replaced, as `field` or `offers.provider.field`."""

    @model_validator(mode="wrap")
    @classmethod
    def _open_sources(cls, raw: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(raw, dict):
            return handler(raw)
        for key in ("origin", "overridden"):
            if key in raw:
                raise ValueError(f"{key!r} is set by the reader, not by the file")
        sources = _read_sources(raw.get("sources"))
        token = _scope.set(replace(_scope.get(), sources=sources, source=None))
        try:
            return handler({**raw, "sources": sources or raw.get("sources") or {}, "origin": _scope.get().origin})
        finally:
            _scope.reset(token)


_SOURCES = TypeAdapter(dict[str, Source])


def _read_sources(raw: Any) -> dict[str, Source]:
    """The file's sources; wrong ones are left for the model to refuse with their line."""
    try:
        return _SOURCES.validate_python(raw or {})
    except ValidationError:
        return {}
