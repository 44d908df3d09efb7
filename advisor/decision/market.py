"""What can be bought or run on the day: models at places with the prices in force, from the catalogue and the user's
own hardware.

A deployment carries everything the valuation needs, so that the rest of the engine knows no catalogue. A token price
that is unknown keeps
the deployment out and is reported as not priceable; it never becomes zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from advisor.decision.machines import Machine, Rental, machines_for, rentals
from pricing.values import Range, in_force

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from advisor.decision.options import Option
    from pricing.catalogue import Catalogue
    from pricing.entries import Model, Offer, TuningService
    from pricing.entries import TuningOffer as ServiceOffer
    from pricing.values import Figure, Value

DAYS_PER_MONTH = 365.25 / 12
OPEN_TIERS = frozenset({"open_large", "open_mid", "open_small", "tiny", "encoder"})
SERVERLESS_PER_MODEL = 2
"""The cheapest hosts of an open model that are worth a line of their own."""
SUPERSEDED_DAYS = 730
"""An open model is not offered when another vendor's of its size is newer by this much."""
RETIRES_SOON_DAYS = 120
"""A model that ends sooner than this is not offered for new work, nor to move to."""


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """US dollars per million tokens, each (low, value, high); None is unknown."""

    input: Range
    output: Range
    cached_input: Range | None = None
    batch_input: Range | None = None
    batch_output: Range | None = None
    long_above_tokens: int | None = None
    long_input: Range | None = None
    long_output: Range | None = None
    sources: tuple[str, ...] = ()
    announced: tuple[AnnouncedPrices, ...] = ()
    """What is announced to be charged later, the nearest first."""


@dataclass(frozen=True, slots=True)
class AnnouncedPrices:
    """Prices that hold from a day in the future on."""

    months_ahead: float
    """From the day of the decision."""
    day: date
    prices: TokenPrices


@dataclass(frozen=True, slots=True)
class HostedLatency:
    """Priors of a hosted model: first token (p50, p95) in ms and tokens/s after it."""

    ttft_p50_ms: float
    ttft_p95_ms: float
    tokens_per_s: Range
    source: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model at a place to run."""

    model_id: str
    model_name: str
    vendor: str
    tier: str
    model_year: int
    params_b: float | None
    context_tokens: int
    open_weights: bool
    reasoning: bool
    hosting: str
    provider: str
    prices: TokenPrices | None = None
    latency: HostedLatency | None = None
    machine: Machine | None = None
    trainings: tuple[str, ...] = ()
    serving_until: date | None = None
    retires_soon: bool = False
    prices_as_of: date | None = None

    @property
    def gpus(self) -> int:
        return self.machine.count if self.machine else 0

    @property
    def gpu(self) -> str:
        return self.machine.gpu_name if self.machine else ""

    @property
    def gpu_memory_gib(self) -> float:
        return self.machine.memory_gib if self.machine else 0.0

    @property
    def place(self) -> str:
        """Provider, or hosting and machine, for the option's id."""
        if self.machine is None:
            return self.provider
        return f"{self.hosting}-{self.machine.count}x{self.machine.gpu_id}"


@dataclass(frozen=True, slots=True)
class TuningOffer:
    """A vendor's tuning of one model, open on the day to this customer, with what its result costs to run."""

    service_id: str
    provider: str
    deployment: Deployment
    train_usd_per_mtok: Range | None
    train_usd_per_hour: Range | None
    hosting_usd_per_hour: Range | None
    minimum_usd: float
    jobs_until: date | None
    serving_until: date | None
    sources: tuple[str, ...] = ()


@dataclass(slots=True)
class Market:
    """Everything on offer, and what was left out with the reason."""

    deployments: list[Deployment] = field(default_factory=list)
    services: list[TuningOffer] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """(what, why): ended, not yet available, price unknown, replaced by a newer one."""
    prices_date: date | None = None
    """The day the newest figure of the catalogue was checked."""
    current: Deployment | None = None
    """The model in use with its token prices, when it is in the catalogue."""
    options: dict[object, list[Option]] = field(default_factory=dict)
    """Options generated from this market so far, by what they depend on."""


def open_market(
    catalogue: Catalogue, on: date, *, owned: Sequence[Mapping[str, object]], current_model: str | None
) -> Market:
    """The market on one day. `owned` is the fact `hardware.gpus`; `current_model` keeps a closed model for its
    customer."""
    market = Market(prices_date=catalogue.prices_date)
    sold = [model for model in catalogue.models.values() if _on_sale(model, on, current_model, market)]
    hosted = [d for model in sold for d in _hosted(model, catalogue, on, market)]
    market.deployments.extend(_without_dominated(hosted, current_model, market))
    rented = rentals(catalogue, on)
    for model in _without_superseded(sold, on, current_model, market):
        market.deployments.extend(_self_hosted(model, catalogue, on, rented, owned))
    for service in catalogue.tuning.values():
        _add_service(service, catalogue, on, market)
    if current_model is not None:
        market.current = current_deployment(catalogue.models[current_model], catalogue, on)
    return market


def _retires_soon(model: Model, on: date) -> bool:
    return model.serving_until is not None and (model.serving_until - on).days < RETIRES_SOON_DAYS


def _on_sale(model: Model, on: date, current_model: str | None, market: Market) -> bool:
    status = model.status(on)
    if status == "not yet" or (status == "ended" and model.kind == "hosted"):
        market.left_out.append((model.name, f"not sold on {on}: {_life(model)}"))
        return False
    if model.kind == "hosted" and _retires_soon(model, on):
        market.left_out.append((model.name, f"not worth moving to: service ends {model.serving_until}"))
        return model.id == current_model
    if status == "existing customers" and model.id != current_model:
        market.left_out.append((model.name, f"closed to new customers since {model.new_customers_until}"))
        return False
    return True


def current_deployment(model: Model, catalogue: Catalogue, on: date) -> Deployment | None:
    """The model in use at its first provider with a price, sold or not; None when no price is known."""
    for offer in model.offers:
        prices = token_prices(offer, on)
        if prices is not None:
            return _deployment(model, on, offer.hosting, offer.provider, catalogue=catalogue, prices=prices)
    return None


def _without_dominated(found: list[Deployment], current_model: str | None, market: Market) -> Iterator[Deployment]:
    """Of one vendor's models of one class, those that none newer beats in every price."""
    for mine in found:
        better = next((other for other in found if _dominates(other, mine)), None)
        if better is None or mine.model_id == current_model:
            yield mine
        else:
            why = f"of the same class and vendor, {better.model_name} at {better.provider} is newer and costs no more"
            market.left_out.append((f"{mine.model_name} at {mine.provider}", why))


def _dominates(a: Deployment, b: Deployment) -> bool:
    if (a.vendor, a.tier, a.hosting) != (b.vendor, b.tier, b.hosting) or a.retires_soon or a.model_id == b.model_id:
        return False
    pa, pb = a.prices, b.prices
    assert pa is not None
    assert pb is not None
    no_dearer = all(
        _charged(ours) <= _charged(pb) and ours.output.value <= pb.output.value and ours.input.value <= pb.input.value
        for ours in (pa, *(later.prices for later in pa.announced))
    )
    as_good = a.context_tokens >= b.context_tokens and a.model_year >= b.model_year
    as_large = (a.params_b or 0.0) >= 0.7 * (b.params_b or 0.0)
    same = (pa.input, pa.output, a.context_tokens, a.model_year) == (
        pb.input,
        pb.output,
        b.context_tokens,
        b.model_year,
    )
    return no_dearer and as_good and as_large and (not same or a.model_id < b.model_id)


def _charged(prices: TokenPrices) -> float:
    """What a repeated input token costs where no one waits."""
    return min(p.value for p in (prices.input, prices.cached_input, prices.batch_input) if p is not None)


def _without_superseded(models: list[Model], on: date, current_model: str | None, market: Market) -> Iterator[Model]:
    """Open models that can be run by oneself, less those that a newer one of their size replaces."""
    open_ = [m for m in models if m.kind == "open" and m.params_b is not None]
    for model in open_:
        newer = next((other for other in open_ if _supersedes(other, model, on)), None)
        if newer is None or model.id == current_model:
            yield model
        else:
            market.left_out.append((f"{model.name} on own machines", f"{newer.name} is of its size and newer"))


def _supersedes(a: Model, b: Model, on: date) -> bool:
    if a.tier != b.tier or a.tier == "encoder" or not 0.7 <= (a.params_b or 0) / (b.params_b or 1) <= 1.3:
        return False
    days = ((a.released or on) - (b.released or on)).days
    return days > 0 if a.vendor == b.vendor else days >= SUPERSEDED_DAYS


def _life(model: Model) -> str:
    if model.serving_until:
        return f"service ends {model.serving_until}"
    return f"available from {model.available_from}" if model.available_from else "ended"


def _hosted(model: Model, catalogue: Catalogue, on: date, market: Market) -> Iterator[Deployment]:
    found = []
    for offer in model.offers:
        if not offer.available(on):
            continue
        prices = token_prices(offer, on)
        if prices is None:
            market.left_out.append((f"{model.name} at {offer.provider}", "not priceable: its token price is unknown"))
            continue
        found.append(_deployment(model, on, offer.hosting, offer.provider, catalogue=catalogue, prices=prices))
    found.sort(key=lambda d: d.prices.input.value + d.prices.output.value if d.prices else 0.0)
    api = [d for d in found if d.hosting == "api"]
    yield from api[:1]
    yield from [d for d in found if d.hosting == "serverless"][:SERVERLESS_PER_MODEL]


def token_prices(offer: Offer, on: date) -> TokenPrices | None:
    """The offer's prices in force and those announced, or None when input or output is unknown."""
    now = _prices_on(offer, on)
    if now is None:
        return None
    days = {v.from_ for values in offer.figures().values() for v in values if v.from_ is not None and v.from_ > on}
    later = ((day, _prices_on(offer, day)) for day in sorted(days))
    announced = (AnnouncedPrices(_months(on, day), day, prices) for day, prices in later if prices is not None)
    return replace(now, announced=tuple(announced))


def _months(start: date, end: date) -> float:
    return (end - start).days / DAYS_PER_MONTH


def _prices_on(offer: Offer, on: date) -> TokenPrices | None:
    values: dict[str, Value | None] = {
        name: offer.price(f"{name}_usd_per_mtok", on)
        for name in ("input", "output", "cached_input", "batch_input", "batch_output")
    }
    first, second = values["input"], values["output"]
    if first is None or second is None:
        return None
    tier = offer.long_context[0] if offer.long_context else None
    return TokenPrices(
        input=first.range,
        output=second.range,
        cached_input=_range(values["cached_input"]),
        batch_input=_range(values["batch_input"]),
        batch_output=_range(values["batch_output"]),
        long_above_tokens=tier.above_tokens if tier else None,
        long_input=_figure(tier.input_usd_per_mtok, on) if tier else None,
        long_output=_figure(tier.output_usd_per_mtok, on) if tier else None,
        sources=tuple(sorted({f"{v.source.title}, {v.source.where} ({v.checked})" for v in values.values() if v})),
    )


def _range(value: Value | None) -> Range | None:
    return None if value is None else value.range


def _figure(figure: Figure, on: date) -> Range | None:
    return _range(in_force(figure, on))


def _deployment(
    model: Model,
    on: date,
    hosting: str,
    provider: str,
    *,
    catalogue: Catalogue,
    prices: TokenPrices | None = None,
    machine: Machine | None = None,
    trainings: tuple[str, ...] = (),
) -> Deployment:
    hosted = machine is None
    return Deployment(
        model_id=model.id,
        model_name=model.name,
        vendor=model.vendor,
        tier=model.tier,
        model_year=model.released.year if model.released else on.year,
        params_b=model.params_b,
        context_tokens=model.context_tokens or 8192,
        open_weights=model.kind == "open",
        reasoning=bool(model.reasoning),
        hosting=hosting,
        provider=provider,
        prices=prices,
        latency=hosted_latency(model, catalogue, on, hosting) if hosted else None,
        machine=machine,
        trainings=trainings,
        serving_until=model.serving_until if hosted else None,
        retires_soon=hosted and _retires_soon(model, on),
        prices_as_of=max((v.checked for v in model_values(model)), default=None),
    )


def model_values(model: Model) -> Iterator[Value]:
    """Every price of a model's offers."""
    for offer in model.offers:
        for values in offer.figures().values():
            yield from values


def hosted_latency(model: Model, catalogue: Catalogue, on: date, hosting: str) -> HostedLatency | None:
    """The catalogue's latency of a hosted model (its own, else its class's), or None when there is none."""
    serverless = hosting == "serverless"
    first, last, speed = (
        catalogue.latency_of(model, name, on, serverless=serverless)
        for name in ("ttft_p50_ms", "ttft_p95_ms", "output_tokens_per_s")
    )
    if first is None or speed is None:
        return None
    p95 = last.number if last is not None else 2.5 * first.number
    return HostedLatency(
        first.number, p95, speed.range, f"{speed.source.title}, {speed.source.where} ({speed.checked})"
    )


def _self_hosted(
    model: Model,
    catalogue: Catalogue,
    on: date,
    rented: Sequence[Rental],
    owned: Sequence[Mapping[str, object]],
) -> Iterator[Deployment]:
    for hosting, machine in machines_for(model, catalogue, rented, owned):
        trainings = _trainings(model, hosting)
        yield _deployment(model, on, hosting, hosting, catalogue=catalogue, machine=machine, trainings=trainings)


def _trainings(model: Model, hosting: str) -> tuple[str, ...]:
    """Which trainings make sense for this model where it runs: adapters everywhere, full where the model is not
    huge."""
    if model.tier == "encoder":
        return ("encoder",)
    params = model.params_b or 0.0
    if hosting == "cpu":
        return ("lora",) if params < 1.0 else ()
    return ("lora", "qlora", "full") if params <= 80 else ("lora", "qlora")


def _add_service(service: TuningService, catalogue: Catalogue, on: date, market: Market) -> None:
    if service.status(on) != "open":
        why = (
            "ended" if service.status(on) == "ended" else f"closed to new customers since {service.new_customers_until}"
        )
        market.left_out.append((f"tuning at {service.provider}", why))
        return
    for offer in service.models:
        if offer.jobs_until is not None and on > offer.jobs_until:
            market.left_out.append(
                (f"tuning {offer.model} at {service.provider}", f"no new jobs after {offer.jobs_until}")
            )
            continue
        for model_id in offer.catalogue_ids:
            model = catalogue.models.get(model_id)
            if model is None:
                continue
            made = _service_offer(service, offer, model, catalogue, on)
            if isinstance(made, str):
                market.left_out.append((f"tuning {model.name} at {service.provider}", made))
            else:
                market.services.append(made)


def _service_offer(
    service: TuningService, offer: ServiceOffer, model: Model, catalogue: Catalogue, on: date
) -> TuningOffer | str:
    """The offer with all its prices, or the reason why it cannot be priced."""
    train, hourly = _figure(offer.train_usd_per_mtok, on), _figure(offer.train_usd_per_hour, on)
    if train is None and hourly is None:
        return "not priceable: its training price is unknown"
    prices = _tuned_prices(offer, model, on)
    hosting = _figure(offer.hosting_usd_per_hour, on)
    if prices is None:
        return "not priceable: the price of running the tuned model is unknown"
    minimum = _figure(offer.minimum_usd, on) or _figure(service.minimum_usd, on)
    until = offer.serving_until or service.serving_until or model.serving_until
    deployment = _deployment(
        model,
        on,
        "serverless" if model.kind == "open" else "api",
        service.provider,
        catalogue=catalogue,
        prices=prices,
    )
    return TuningOffer(
        service_id=service.id,
        provider=service.provider,
        deployment=deployment,
        train_usd_per_mtok=train,
        train_usd_per_hour=hourly,
        hosting_usd_per_hour=hosting,
        minimum_usd=minimum.value if minimum else 0.0,
        jobs_until=offer.jobs_until or service.jobs_until,
        serving_until=until,
        sources=tuple(f"{s.title}, {s.where} ({s.date})" for s in service.sources.values()),
    )


def _tuned_prices(offer: ServiceOffer, model: Model, on: date) -> TokenPrices | None:
    """What the tuned model's tokens cost: stated, or the base's at this provider times the stated multiple."""
    first, second = _figure(offer.input_usd_per_mtok, on), _figure(offer.output_usd_per_mtok, on)
    if first is not None and second is not None:
        return TokenPrices(first, second, _figure(offer.cached_input_usd_per_mtok, on))
    factor = _figure(offer.inference_multiplier, on)
    base = next((token_prices(o, on) for o in model.offers if o.available(on)), None)
    if factor is None or base is None:
        return None
    later = (replace(each, prices=_times(each.prices, factor.value)) for each in base.announced)
    return replace(_times(base, factor.value), announced=tuple(later))


def _times(base: TokenPrices, factor: float) -> TokenPrices:
    """A tuned model's prices where its vendor states a multiple of the base model's."""
    return TokenPrices(
        Range(*(x * factor for x in base.input)), Range(*(x * factor for x in base.output)), sources=base.sources
    )
