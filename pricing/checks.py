"""Does the price catalogue hold together? Unit slips, prices out of order, sources that disagree, stale figures.

The limits of `USUAL` are an order of magnitude around what is charged in 2026: a figure outside is not forbidden, it is
most often dollars per thousand tokens read as per million, or a monthly price read as an hourly one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING

from pricing.catalogue import figures_in
from pricing.values import Value, in_force

if TYPE_CHECKING:
    from pricing.catalogue import Catalogue
    from pricing.entries import Gpu, Model, Offer
    from pricing.values import Entry

USUAL = {
    "input_usd_per_mtok": (0.005, 200.0),
    "output_usd_per_mtok": (0.005, 800.0),
    "cached_input_usd_per_mtok": (0.0005, 100.0),
    "cache_write_usd_per_mtok": (0.005, 400.0),
    "batch_input_usd_per_mtok": (0.002, 100.0),
    "batch_output_usd_per_mtok": (0.002, 400.0),
    "train_usd_per_mtok": (0.01, 250.0),
    "train_usd_per_hour": (0.5, 500.0),
    "hosting_usd_per_hour": (0.1, 200.0),
    "usd_per_hour": (0.02, 300.0),
    "purchase_usd": (100.0, 500_000.0),
    "usd_per_mtok": (0.001, 5.0),
    "usd_per_1k_searches": (0.1, 20.0),
    "storage_usd_per_gb_month": (0.005, 20.0),
    "ttft_p50_ms": (20.0, 120_000.0),
    "ttft_p95_ms": (20.0, 300_000.0),
    "output_tokens_per_s": (1.0, 5000.0),
}
"""Figure -> (lowest, highest) that is believable; zero (free) is believed where it is written."""
WIDE = 8.0
"""A range wider than this factor is worth a figure of one's own."""
RENT_SPREAD = 6.0
"""A rent this many times above or below its kind's median is an outlier."""
STALE_DAYS = 90


class Severity(StrEnum):
    """How bad a finding is; only errors fail the check."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth knowing."""

    severity: Severity
    code: str
    entry: str
    figure: str
    message: str
    fix: str


def check_catalogue(catalogue: Catalogue, on: date) -> list[Finding]:
    """Every finding, worst first."""
    found = [f for _, entry in catalogue.entries() for f in _figures(entry, on)]
    found += [f for model in catalogue.models.values() for f in _model(model, on)]
    found += [f for gpu in catalogue.gpus.values() for f in _gpu(gpu, on)]
    found += _stale(catalogue, on)
    found += _look_alikes(catalogue)
    order = list(Severity)
    return sorted(found, key=lambda f: (order.index(f.severity), f.code, f.entry))


def stale_figures(catalogue: Catalogue, on: date, days: int = STALE_DAYS) -> Iterator[tuple[str, Entry, str, Value]]:
    """(kind, entry, path, value) of every figure in force that was checked more than `days` days before `on`."""
    limit = on - timedelta(days=days)
    for kind, entry, path, value in catalogue.values():
        if value.checked < limit and value.holds(on) and value.origin != "customer":
            yield kind, entry, path, value


def _stale(catalogue: Catalogue, on: date) -> Iterator[Finding]:
    """One finding for each entry with figures that nobody has checked for long."""
    oldest: dict[str, tuple[date, int]] = {}
    for _, entry, _, value in stale_figures(catalogue, on, 2 * STALE_DAYS):
        day, count = oldest.get(entry.id, (value.checked, 0))
        oldest[entry.id] = (min(day, value.checked), count + 1)
    for name, (day, count) in oldest.items():
        text = f"{count} figure{'s' if count > 1 else ''} not checked since {day}"
        yield Finding(
            Severity.INFO, "stale", name, "checked", text, "read the source again; see `advisor prices stale`"
        )


def _figures(entry: Entry, on: date) -> Iterator[Finding]:
    for path, value in figures_in(entry):
        name = path.rsplit(".", 1)[-1]
        number = value.number
        limits = USUAL.get(name)
        if limits and number and not limits[0] <= number <= limits[1]:
            yield Finding(
                Severity.WARNING,
                "magnitude",
                entry.id,
                path,
                f"{number:g} is outside {limits[0]:g} to {limits[1]:g}: a slip of units?",
                "read the source again: per thousand or per million tokens, per hour or per month",
            )
        if value.checked > on:
            yield Finding(
                Severity.ERROR, "future_date", entry.id, path, f"checked on {value.checked}, after {on}", "mend `date:`"
            )
        yield from _spread(entry, path, value)


def _spread(entry: Entry, path: str, value: Value) -> Iterator[Finding]:
    low, middle, high = value.range
    text = f"{low:g} to {high:g}, {middle:g} used: {value.note or 'no note'}"
    if value.note is not None and " says " in value.note:
        advice = "ask the vendor; both figures are kept, and the range is used"
        yield Finding(Severity.INFO, "sources_disagree", entry.id, path, text, advice)
    elif low and high / low > WIDE:
        yield Finding(Severity.INFO, "wide_range", entry.id, path, text, "give your own figure in prices/")


def _model(model: Model, on: date) -> Iterator[Finding]:
    for offer in model.offers:
        if offer.available(on):
            yield from _order(model, offer, on)
    if model.kind == "hosted" and model.offer(on) is None and model.status(on) != "ended":
        yield Finding(
            Severity.WARNING, "no_price", model.id, "offers", "nobody offers it that day", "add an offer or its end"
        )
    if model.kind == "open" and model.params_b is None:
        yield Finding(
            Severity.WARNING, "no_size", model.id, "params_b", "its size is not stated", "add `params_b:` with a source"
        )


_NOT_ABOVE = (
    ("cached_input_usd_per_mtok", "input_usd_per_mtok"),
    ("batch_input_usd_per_mtok", "input_usd_per_mtok"),
    ("batch_output_usd_per_mtok", "output_usd_per_mtok"),
    ("input_usd_per_mtok", "output_usd_per_mtok"),
)


def _order(model: Model, offer: Offer, on: date) -> Iterator[Finding]:
    """Cached, batch and input prices above the price they should undercut."""
    for lower, upper in _NOT_ABOVE:
        small, large = offer.price(lower, on), offer.price(upper, on)
        if small is not None and large is not None and small.value > large.value:
            yield Finding(
                Severity.WARNING,
                "order",
                model.id,
                f"offers[{offer.provider}].{lower}",
                f"{lower} {small.value} is above {upper} {large.value}",
                "read the source again; if it is true, say so in `note:`",
            )


def _gpu(gpu: Gpu, on: date) -> Iterator[Finding]:
    groups: dict[str, list[tuple[str, float]]] = {}
    for rent in gpu.rents:
        value = in_force(rent.usd_per_hour, on)
        if value is not None and not rent.outlier and rent.segment not in ("index", "serving_endpoint"):
            groups.setdefault(rent.price_type, []).append((rent.provider, value.number))
    for price_type, rents in groups.items():
        middle = median(number for _, number in rents)
        for provider, number in rents:
            if not middle / RENT_SPREAD <= number <= middle * RENT_SPREAD:
                yield Finding(
                    Severity.WARNING,
                    "outlier",
                    gpu.id,
                    f"rents[{provider}]",
                    f"{number:g} an hour against a median of {middle:g} ({price_type})",
                    "read the source again, or mark it `outlier: true`",
                )


def _look_alikes(catalogue: Catalogue) -> Iterator[Finding]:
    """Ids that differ only by punctuation: one of them is likely to be picked for the other."""
    seen: dict[str, str] = {}
    for model in catalogue.models.values():
        key = "".join(c for c in model.id if c.isalnum())
        if seen.setdefault(key, model.id) != model.id:
            yield Finding(
                Severity.WARNING,
                "look_alike",
                model.id,
                "id",
                f"{model.id} and {seen[key]} differ only by punctuation",
                "rename one; names are matched exactly",
            )
