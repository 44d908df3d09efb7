"""The catalogue's figures behind the options that a report draws: token prices, rents, tuning; with source and date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.reports.context import PriceRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from advisor.decision.result import OptionResult
    from pricing.catalogue import Catalogue
    from pricing.entries import Model
    from pricing.values import Value


def price_rows(options: Sequence[OptionResult], catalogue: Catalogue, on: date) -> list[PriceRow]:
    """Every price in force on the day that the options' costs are made from, each once."""
    found = dict.fromkeys(row for option in options for row in _of_option(option, catalogue, on))
    return list(found)


def _of_option(option: OptionResult, catalogue: Catalogue, on: date) -> Iterator[PriceRow]:
    model = catalogue.models.get(option.model or "")
    place = option.option_id.partition("@")[2].partition("+")[0]
    if model is not None and option.hosting in ("api", "serverless"):
        yield from _tokens(model, place, on)
    if option.gpu is not None and option.hosting != "owned_gpu":
        yield from _rent(option.gpu, catalogue, on)
    if option.training == "api_tuning":
        yield from _tuning(option, place, catalogue, on)


def _tokens(model: Model, provider: str, on: date) -> Iterator[PriceRow]:
    for offer in model.offers:
        if offer.provider == provider and offer.available(on):
            for name in type(offer).model_fields:
                if name.endswith("_usd_per_mtok"):
                    value = offer.price(name, on)
                    if value is not None:
                        words = name.removesuffix("_usd_per_mtok").replace("_", " ")
                        yield _row(f"{model.name}, {provider}", f"{words} tokens", value, "USD per million tokens")


def _rent(name: str, catalogue: Catalogue, on: date) -> Iterator[PriceRow]:
    gpu = next((entry for entry in catalogue.gpus.values() if name in (entry.id, entry.name)), None)
    rent = gpu.rent(on) if gpu is not None else None
    if gpu is not None and rent is not None:
        yield _row(gpu.name, "rent, median of providers", rent, "USD per hour")


def _tuning(option: OptionResult, place: str, catalogue: Catalogue, on: date) -> Iterator[PriceRow]:
    from pricing.listing import unit_of

    for service in catalogue.tuning.values():
        if service.provider != place:
            continue
        for offer in service.models:
            if option.model in offer.catalogue_ids:
                for name in ("train_usd_per_mtok", "train_usd_per_hour", "hosting_usd_per_hour"):
                    value = offer.price(name, on)
                    if value is not None:
                        figure = name.partition("_usd")[0].replace("_", " ")
                        yield _row(f"{service.name}: {offer.model}", figure, value, unit_of(name))


def _row(subject: str, figure: str, value: Value, unit: str) -> PriceRow:
    low, middle, high = value.range
    spread = f"{middle:g}" if low == middle == high else f"{middle:g} ({low:g} to {high:g})"
    source = f"{value.source.title}, {value.source.where}"
    ends = f"until {value.until.isoformat()}" if value.until else ""
    starts = f"from {value.from_.isoformat()}" if value.from_ else ""
    valid = " ".join(part for part in (starts, ends) if part) or "no end announced"
    return PriceRow(subject, figure, spread, unit, source, value.checked.isoformat(), valid)
