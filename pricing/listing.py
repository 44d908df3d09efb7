"""The catalogue as flat rows: one per figure, with unit, range, source and dates, as commands and reports show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from pricing.catalogue import figures_in

if TYPE_CHECKING:
    from pricing.catalogue import Catalogue
    from pricing.values import Entry, Value

UNITS = (
    ("_usd_per_mtok", "USD per million tokens"),
    ("usd_per_mtok", "USD per million tokens"),
    ("usd_per_hour", "USD per hour"),
    ("usd_per_1k_searches", "USD per 1,000 searches"),
    ("usd_per_gb_month", "USD per GB and month"),
    ("usd_per_m_units", "USD per million units"),
    ("usd_per_m_dimensions", "USD per million dimensions"),
    ("usd_per_month", "USD per month"),
    ("usd_per_item", "USD per item"),
    ("_tokens_per_s", "tokens per second"),
    ("_multiplier", "times the base model's price"),
    ("_ms", "ms"),
    ("_usd", "USD"),
)


def unit_of(figure: str) -> str:
    """The unit that a figure's name carries, in words."""
    name = figure.rsplit(".", 1)[-1]
    return next((words for ending, words in UNITS if name.endswith(ending)), "")


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One figure of the catalogue."""

    kind: str
    id: str
    figure: str
    value: Value

    def to_json(self) -> dict[str, Any]:
        """As data, numbers as floats."""
        low, middle, high = self.value.range
        return {
            "kind": self.kind,
            "id": self.id,
            "figure": self.figure,
            "value": middle,
            "low": low,
            "high": high,
            "unit": unit_of(self.figure),
            "source": self.value.source.title,
            "where": self.value.source.where,
            "checked": self.value.checked.isoformat(),
            "from": self.value.from_.isoformat() if self.value.from_ else None,
            "until": self.value.until.isoformat() if self.value.until else None,
            "origin": self.value.origin,
            "note": self.value.note,
        }


def figures_on(kind: str, entry: Entry, on: date | None) -> Iterator[PriceRow]:
    """Every figure of an entry; only those in force when a day is given: of several, the one that began last."""
    rows = [PriceRow(kind, entry.id, path, value) for path, value in figures_in(entry)]
    if on is None:
        yield from rows
        return
    holding = [row for row in rows if row.value.holds(on)]
    last = {row.figure: row for row in sorted(holding, key=lambda row: row.value.from_ or date.min)}
    yield from (row for row in holding if last[row.figure] is row)


def all_rows(catalogue: Catalogue, on: date | None = None) -> Iterator[PriceRow]:
    """Every figure of the catalogue, in order."""
    for kind, entry in catalogue.entries():
        yield from figures_on(kind, entry, on)


def find_entries(catalogue: Catalogue, name: str) -> list[tuple[str, Entry]]:
    """(kind, entry) of everything called exactly `name` (id, name or alias).

    Raises `InvalidDataError` with near names otherwise; a near match is never taken.
    """
    from pricing.catalogue import find, fold, names_of

    wanted = fold(name)
    found = [(k, e) for k, e in catalogue.entries() if any(fold(known) == wanted for known in names_of(e))]
    if not found:
        find({e.id: e for _, e in catalogue.entries()}, name, "entry")
    return found


def status_of(entry: Entry, on: date) -> str:
    """Whether it can be used on that day, in the catalogue's words; "" for things without a life."""
    status = getattr(entry, "status", None)
    return str(status(on)) if callable(status) else ""


def key_dates(entry: Entry) -> dict[str, str]:
    """The announced dates of an entry's life, by field name."""
    names = ("released", "available_from", "new_customers_until", "jobs_until", "serving_until")
    return {name: day.isoformat() for name in names if (day := getattr(entry, name, None)) is not None}


def headline(entry: Entry, on: date) -> str:
    """The one or two figures that a reader looks for first, with their unit."""
    from pricing.entries import Gpu, Model, PeopleCost, RetrievalItem, TuningService

    match entry:
        case Model():
            return _model_line(entry, on)
        case Gpu():
            rent = entry.rent(on)
            return f"{money(rent)} an hour" if rent else "rent unknown"
        case TuningService():
            return f"{len(entry.models)} models"
        case RetrievalItem() | PeopleCost():
            row = next(figures_on("", entry, on), None)
            return f"{money(row.value)} {unit_of(row.figure)}".replace("USD ", "") if row else "unknown"
        case _:
            return ""


def _model_line(model: Any, on: date) -> str:
    prices = [model.price(f"{side}_usd_per_mtok", on) for side in ("input", "output")]
    if prices[0] is None and prices[1] is None:
        size = f"{model.params_b:g}B parameters" if model.params_b else "size unknown"
        return f"no token price; {size}"
    return " / ".join(money(p) for p in prices) + " per million tokens in / out"


def money(value: Value | None) -> str:
    """A price for people; unknown is said, never zero."""
    if value is None:
        return "unknown"
    low, middle, high = value.range
    around = "" if low == high else f" ({low:.6g} to {high:.6g})"
    return f"${middle:.6g}{around}"
