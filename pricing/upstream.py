"""Token prices out of the installed `genai-prices` package, in our own shape.

Its traps, and what is done about them: an unknown price context silently gives the standard price (batch is taken only
from variants that are exactly `{processing: batch}`); the default time is now (every dated price is read, none is
evaluated); names are matched loosely (here an upstream id must be exact); a batch price's first start date is the
day someone verified it, not the day it began (dropped; later ones are real changes); prices that ended more than half a
year ago are left out.
"""

from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from advisor.base.errors import CouldNotError, require

FIELDS = {
    "input_mtok": "input_usd_per_mtok",
    "output_mtok": "output_usd_per_mtok",
    "cache_read_mtok": "cached_input_usd_per_mtok",
    "cache_write_mtok": "cache_write_usd_per_mtok",
}
BATCH_FIELDS = {"input_mtok": "batch_input_usd_per_mtok", "output_mtok": "batch_output_usd_per_mtok"}
TIER_FIELDS = ("input_usd_per_mtok", "output_usd_per_mtok", "cached_input_usd_per_mtok")
_HISTORY_DAYS = 183


@dataclass(frozen=True, slots=True)
class Dated:
    """One price and the days it holds; None is open."""

    value: Decimal
    start: date | None = None
    until: date | None = None


Series = tuple[Dated, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """What the package says one provider charges for one model."""

    provider: str
    model: str
    context_tokens: int | None
    place: str
    figures: dict[str, Series] = field(default_factory=dict)
    long_context: dict[int, dict[str, Series]] = field(default_factory=dict)
    windows: dict[tuple[str, str], dict[str, Series]] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """`provider:model`, as an offer's `upstream` names it."""
        return f"{self.provider}:{self.model}"


@dataclass(frozen=True, slots=True)
class Upstream:
    """Every quote by its exact reference, the package's version and the newest day its prices speak of."""

    version: str
    as_of: date
    quotes: dict[str, Quote]


def read_upstream(today: date) -> Upstream:
    """All quotes of the installed package.

    Raises `MissingPartError` when it is not there, `CouldNotError` when its layout has changed.
    """
    require("genai_prices", "prices")
    from importlib.metadata import version

    try:
        from genai_prices.data import providers

        quotes = {
            quote.reference: quote
            for provider in providers
            for model in provider.models
            if (quote := _quote(provider, model, today)) is not None
        }
        newest = max((day for provider in providers for m in provider.models for day in _days(m)), default=None)
    except (ImportError, AttributeError, TypeError) as error:
        raise CouldNotError(
            f"genai-prices {version('genai-prices')} has another data layout ({error})",
            fix="install the version named in constraints.txt",
        ) from error
    past = [day for day in (newest,) if day is not None and day <= today]
    return Upstream(version("genai-prices"), past[0] if past else _last_past(providers, today), quotes)


def _last_past(providers: Any, today: date) -> date:
    days = [day for p in providers for m in p.models for day in _days(m) if day <= today]
    return max(days, default=today)


def _days(model: Any) -> list[date]:
    parts = [*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ())]
    return [p.constraint.start_date for p in parts if hasattr(p.constraint, "start_date")]


def _quote(provider: Any, model: Any, today: date) -> Quote | None:
    parts = model.prices if isinstance(model.prices, list) else [_Always(model.prices)]
    dated = [(getattr(p.constraint, "start_date", None), _flat(p.prices, FIELDS)) for p in parts if not _of_day(p)]
    flat = _series(sorted(dated, key=lambda pair: pair[0] or date.min), today)
    figures = {name: series for (above, name), series in flat.items() if above == 0}
    if not figures:
        return None
    long_context: dict[int, dict[str, Series]] = {}
    for (above, name), series in flat.items():
        if above and name in TIER_FIELDS:
            long_context.setdefault(above, {})[name] = series
    figures |= _batch(model, today)
    urls = provider.pricing_urls or [provider.api_pattern]
    return Quote(
        provider=provider.id,
        model=model.id,
        context_tokens=model.context_window,
        place=urls[0],
        figures=figures,
        long_context=long_context,
        windows=_windows(parts, today),
    )


@dataclass(frozen=True, slots=True)
class _Always:
    prices: Any
    constraint: None = None


def _of_day(part: Any) -> bool:
    return hasattr(part.constraint, "start_time")


def _flat(prices: Any, names: dict[str, str]) -> dict[tuple[int, str], Decimal]:
    """(tokens above which it applies, our name) -> price."""
    found: dict[tuple[int, str], Decimal] = {}
    for theirs, ours in names.items():
        price = getattr(prices, theirs, None)
        if price is None:
            continue
        found[0, ours] = getattr(price, "base", price)
        for tier in getattr(price, "tiers", ()):
            found[int(tier.start), ours] = tier.price
    return found


def _series(
    parts: list[tuple[date | None, dict[tuple[int, str], Decimal]]], today: date
) -> dict[tuple[int, str], Series]:
    """Dated parts, oldest first, as one series per figure; equal neighbours are joined."""
    names = dict.fromkeys(name for _, part in parts for name in part)
    return {name: series for name in names if (series := _one_series(parts, name, today))}


def _one_series(parts: Any, name: tuple[int, str], today: date) -> Series:
    series: list[Dated] = []
    for start, part in parts:
        value = part.get(name)
        last = series[-1] if series else None
        open_now = last is not None and last.until is None
        if last is not None and open_now and value == last.value:
            continue
        if last is not None and open_now and start is not None:
            series[-1] = Dated(last.value, last.start, start - timedelta(days=1))
        if value is not None:
            series.append(Dated(value, start))
    oldest = today - timedelta(days=_HISTORY_DAYS)
    kept = [d for d in series if d.until is None or d.until >= oldest]
    # A follower's own start ends the one before it; `until` is only written where nothing follows.
    return tuple(
        Dated(d.value, d.start, None if i + 1 < len(kept) and _follows(d, kept[i + 1]) else d.until)
        for i, d in enumerate(kept)
    )


def _follows(earlier: Dated, later: Dated) -> bool:
    return earlier.until is not None and later.start == earlier.until + timedelta(days=1)


def _batch(model: Any, today: date) -> dict[str, Series]:
    variants = [v for v in model.price_variants or () if dict(v.when) == {"processing": "batch"} and not _of_day(v)]
    dated = sorted(
        ((getattr(v.constraint, "start_date", None), _flat(v.prices, BATCH_FIELDS)) for v in variants),
        key=lambda pair: pair[0] or date.min,
    )
    if dated:
        dated[0] = (None, dated[0][1])
    return {name: series for (above, name), series in _series(dated, today).items() if above == 0}


def _windows(parts: Any, today: date) -> dict[tuple[str, str], dict[str, Series]]:
    starts = [p.constraint.start_date for p in parts if hasattr(p.constraint, "start_date")]
    since = max((day for day in starts if day <= today), default=None)
    found: dict[tuple[str, str], dict[str, Series]] = {}
    for part in parts:
        if _of_day(part):
            key = (_hour(part.constraint.start_time), _hour(part.constraint.end_time))
            prices = {name: (Dated(v, since),) for (above, name), v in _flat(part.prices, FIELDS).items() if above == 0}
            found[key] = {name: series for name, series in prices.items() if name in TIER_FIELDS}
    return found


def _hour(moment: time) -> str:
    return f"{moment.hour:02d}:{moment.minute:02d}"


def offer_line(quote: Quote, hosting: str, source: str) -> str:
    """The quote as one YAML line of an `offers:` list."""
    parts = [
        f"provider: {quote.provider}",
        f"hosting: {hosting}",
        f'upstream: "{quote.reference}"',
        f"source: {source}",
    ]
    parts += [f"{name}: {_written(series)}" for name, series in quote.figures.items()]
    if quote.long_context:
        tiers = [
            "{" + ", ".join([f"above_tokens: {above}", *(f"{n}: {_written(s)}" for n, s in prices.items())]) + "}"
            for above, prices in sorted(quote.long_context.items())
        ]
        parts.append(f"long_context: [{', '.join(tiers)}]")
    if quote.windows:
        hours = [
            "{" + ", ".join([f'start: "{a}", end: "{b}"', *(f"{n}: {_written(s)}" for n, s in prices.items())]) + "}"
            for (a, b), prices in sorted(quote.windows.items())
        ]
        parts.append(f"windows: [{', '.join(hours)}]")
    return "  - {" + ", ".join(parts) + "}"


def _written(series: Series) -> str:
    if len(series) == 1 and series[0].start is None and series[0].until is None:
        return plain(series[0].value)
    written = []
    for dated in series:
        days = "".join(f", {key}: {day}" for key, day in (("from", dated.start), ("until", dated.until)) if day)
        written.append(f"{{value: {plain(dated.value)}{days}}}")
    return f"[{', '.join(written)}]"


def plain(value: Decimal) -> str:
    """A decimal without exponent or trailing zeros."""
    return format(value.normalize(), "f")
