"""What changed in the catalogue: between two days, against a saved list, or against the installed `genai-prices`.

A change by `genai-prices` is proposed, never made silently: a jump of more than `JUMP` times is marked as a possible
slip of units, and a reference that the package does not know exactly is reported instead of matched loosely.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pricing.listing import all_rows

if TYPE_CHECKING:
    from pricing.catalogue import Catalogue
    from pricing.entries import Model, Offer
    from pricing.upstream import Quote, Series, Upstream

JUMP = 5.0


@dataclass(frozen=True, slots=True)
class Change:
    """One figure that differs; None means it is not there on that side."""

    id: str
    figure: str
    before: float | None
    after: float | None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """After over before."""
        return self.after / self.before if self.before and self.after else None

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "figure": self.figure,
            "before": self.before,
            "after": self.after,
            "ratio": self.ratio,
            "note": self.note,
        }


def between(catalogue: Catalogue, start: date, end: date) -> list[Change]:
    """What is announced to change from one day to the other: prices, and the ends of models and services."""
    found = compare(_snapshot(catalogue, start), _snapshot(catalogue, end))
    return found + list(_ends(catalogue, start, end))


def _snapshot(catalogue: Catalogue, on: date) -> dict[tuple[str, str], float]:
    return {(row.id, row.figure): row.value.number for row in all_rows(catalogue, on)}


def _ends(catalogue: Catalogue, start: date, end: date) -> Iterator[Change]:
    for _, entry in catalogue.entries():
        for name in ("available_from", "new_customers_until", "jobs_until", "serving_until"):
            day = getattr(entry, name, None)
            if day is not None and start < day + timedelta(days=1) <= end:
                yield Change(entry.id, name, None, None, day.isoformat())


def compare(before: Mapping[tuple[str, str], float], after: Mapping[tuple[str, str], float]) -> list[Change]:
    """Figures by (id, figure) that differ, appear or vanish."""
    keys = dict.fromkeys((*before, *after))
    return [Change(*key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]


def saved_snapshot(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """The figures of a saved `advisor prices list --json`."""
    return {(str(row["id"]), str(row["figure"])): float(row["value"]) for row in rows}


def today_snapshot(catalogue: Catalogue) -> dict[tuple[str, str], float]:
    """Every figure of the catalogue, dated ones by their last value."""
    return {(row.id, row.figure): row.value.number for row in all_rows(catalogue)}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the package would change in one offer of ours."""

    model: Model
    offer: Offer
    quote: Quote
    changes: tuple[Change, ...]

    @property
    def doubtful(self) -> bool:
        """Whether a jump looks like a slip of units."""
        ratios = [c.ratio for c in self.changes if c.ratio is not None]
        return any(not 1 / JUMP <= r <= JUMP for r in ratios)


def proposals(catalogue: Catalogue, upstream: Upstream, on: date) -> tuple[list[Proposal], list[str]]:
    """(what would change, references that the package no longer knows)."""
    found: list[Proposal] = []
    missing: list[str] = []
    for model in catalogue.models.values():
        for offer in model.offers:
            if offer.upstream is None or not offer.available(on):
                continue
            quote = upstream.quotes.get(offer.upstream)
            if quote is None:
                missing.append(f"{model.id}: {offer.upstream}")
            elif changes := tuple(_differences(model, offer, quote, on)):
                found.append(Proposal(model, offer, quote, changes))
    return found, missing


def _differences(model: Model, offer: Offer, quote: Quote, on: date) -> Iterator[Change]:
    for name, series in quote.figures.items():
        theirs = _in_force(series, on)
        ours = offer.price(name, on)
        if theirs is None or (ours is not None and ours.origin == "customer"):
            continue
        if ours is None or ours.value != theirs:
            before = ours.number if ours else None
            yield Change(model.id, f"offers[{offer.provider}].{name}", before, float(theirs), _jump(before, theirs))


def _in_force(series: Series, on: date) -> Decimal | None:
    holding = [d for d in series if (d.start is None or d.start <= on) and (d.until is None or on <= d.until)]
    return holding[-1].value if holding else None


def _jump(before: float | None, after: Decimal) -> str:
    if before and after and not 1 / JUMP <= float(after) / before <= JUMP:
        return "a jump this large is often a slip of units; not taken without --accept-jumps"
    return ""


def overlay(model_id: str, parts: Iterable[Proposal], upstream: Upstream) -> str:
    """A price file for a customer's folder that makes the proposed changes."""
    from pricing.upstream import offer_line

    offers = [offer_line(p.quote, p.offer.hosting, "genai") for p in parts]
    place = f"package genai-prices {upstream.version} (github.com/pydantic/genai-prices)"
    source = f'{{title: "genai-prices {upstream.version}", where: "{place}", date: {upstream.as_of}}}'
    return "\n".join([f"id: {model_id}", "sources:", f"  genai: {source}", "offers:", *offers]) + "\n"
