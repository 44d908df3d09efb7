"""What the catalogue holds: models, GPUs, tuning services, retrieval and people. One YAML file is one entry."""

from datetime import date
from statistics import median
from typing import Literal, Self

from pydantic import Field, model_validator

from pricing.values import Block, Entry, Figure, Source, Strict, Value, in_force

Tier = Literal["frontier", "mid", "small_hosted", "open_large", "open_mid", "open_small", "tiny", "encoder"]
Segment = Literal["hyperscaler", "neocloud", "marketplace", "serving_endpoint", "index"]
PriceType = Literal["on_demand", "spot", "reserved_1y", "reserved_3y"]


class Architecture(Strict):
    """The dimensions of a transformer, named as in most `config.json` files."""

    n_layers: int = Field(gt=0)
    hidden: int = Field(gt=0)
    heads: int = Field(gt=0)
    kv_heads: int = Field(gt=0)
    head_dim: int = Field(gt=0)
    ffn: int = Field(gt=0)
    """Width of the feed-forward layer (of one expert, in a mixture of experts)."""
    vocab: int = Field(gt=0)
    gated_mlp: bool
    tied: bool
    """Whether input and output embeddings are one matrix."""
    n_experts: int | None = Field(default=None, gt=0)
    experts_per_token: int | None = Field(default=None, gt=0)
    attention_layers: int | None = Field(default=None, gt=0)
    """Layers with softmax attention and a KV cache that grows with the context, where not all are."""
    sliding_window: int | None = Field(default=None, gt=0)
    source: str


class LongContext(Block):
    """Prices for a request whose prompt is longer than `above_tokens`; they apply to the whole request."""

    above_tokens: int = Field(gt=0)
    input_usd_per_mtok: Figure = None
    output_usd_per_mtok: Figure = None
    cached_input_usd_per_mtok: Figure = None


class Window(Block):
    """Prices between two times of day (UTC, `HH:MM`); a window may pass midnight."""

    start: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    end: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    input_usd_per_mtok: Figure = None
    output_usd_per_mtok: Figure = None
    cached_input_usd_per_mtok: Figure = None


class Offer(Block):
    """What one provider charges for a model, by the token. A figure that is absent is unknown."""

    provider: str
    hosting: Literal["api", "serverless"]
    upstream: str | None = None
    """`provider:model` in genai-prices, exactly; what `advisor prices update` compares with."""
    input_usd_per_mtok: Figure = None
    output_usd_per_mtok: Figure = None
    cached_input_usd_per_mtok: Figure = None
    cache_write_usd_per_mtok: Figure = None
    batch_input_usd_per_mtok: Figure = None
    batch_output_usd_per_mtok: Figure = None
    long_context: tuple[LongContext, ...] = ()
    windows: tuple[Window, ...] = ()
    available_from: date | None = None
    until: date | None = None
    note: str | None = None

    def available(self, on: date) -> bool:
        """Whether the provider sells it on that day, as far as is known."""
        return (self.available_from is None or self.available_from <= on) and (self.until is None or on <= self.until)


class Latency(Block):
    """Priors for a hosted model: time to first token and the speed after it. Absent is unknown."""

    ttft_p50_ms: Figure = None
    ttft_p95_ms: Figure = None
    output_tokens_per_s: Figure = None


class Model(Entry):
    """A language model or encoder that can be bought, rented or run."""

    aliases: tuple[str, ...] = ()
    vendor: str
    kind: Literal["hosted", "open"]
    tier: Tier
    reasoning: bool | None = None
    released: date | None = None
    available_from: date | None = None
    new_customers_until: date | None = None
    serving_until: date | None = None
    """The announced last day of service by its vendor; weights that are open can still be run."""
    lifecycle_source: str | None = None
    context_tokens: int | None = Field(default=None, gt=0)
    max_output_tokens: int | None = Field(default=None, gt=0)
    params_b: float | None = Field(default=None, gt=0)
    active_params_b: float | None = Field(default=None, gt=0)
    licence: str | None = None
    hub_id: str | None = None
    architecture: Architecture | None = None
    offers: tuple[Offer, ...] = ()
    latency: Latency | None = None

    @model_validator(mode="after")
    def _sane(self) -> Self:
        check_dates(self.available_from, self.new_customers_until, self.serving_until)
        if self.architecture and self.architecture.source not in self.sources:
            raise ValueError(f"the architecture's source {self.architecture.source!r} is not in `sources:`")
        if self.serving_until and self.lifecycle_source not in self.sources:
            raise ValueError("serving_until needs `lifecycle_source:` naming one of the file's sources")
        return self

    def offer(self, on: date, provider: str | None = None) -> Offer | None:
        """The provider's offer on that day; without a provider the first one listed that is available."""
        for offer in self.offers:
            if provider in (None, offer.provider) and offer.available(on):
                return offer
        return None

    def price(self, name: str, on: date, provider: str | None = None) -> Value | None:
        """The token price `name` (an `Offer` field) on that day, or None."""
        offer = self.offer(on, provider)
        return None if offer is None else offer.price(name, on)

    def status(self, on: date) -> Literal["open", "existing customers", "not yet", "ended"]:
        """Whether one can start using it on that day, as far as is announced."""
        return lifecycle(on, self.available_from, self.new_customers_until, self.serving_until)


class Rent(Block):
    """The price of one GPU (or machine) for one hour at one provider."""

    provider: str
    sku: str | None = None
    segment: Segment
    price_type: PriceType = "on_demand"
    usd_per_hour: Figure
    outlier: bool = False
    """Kept and shown, left out of the median."""
    note: str | None = None


class Gpu(Entry):
    """An accelerator, or a CPU machine (`kind: cpu`), with its specifications and rents."""

    aliases: tuple[str, ...] = ()
    kind: Literal["gpu", "cpu", "soc"] = "gpu"
    vendor: str
    form: str | None = None
    memory_gib: float | None = Field(default=None, gt=0)
    """Memory as the vendor states it (binary GiB behind the vendor's "GB"); RAM for a CPU machine."""
    bf16_tflops: float | None = Field(default=None, gt=0)
    """Dense peak with fp32 accumulation, bf16 (fp16 where there is no bf16)."""
    bf16: bool = True
    bandwidth_gb_s: float | None = Field(default=None, gt=0)
    """Memory bandwidth in 10^9 bytes a second."""
    tdp_w: float | None = Field(default=None, gt=0)
    compute_capability: str | None = None
    vcpus: int | None = Field(default=None, gt=0)
    specs_source: str
    rents: tuple[Rent, ...] = ()
    purchase_usd: Figure = None

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if self.specs_source not in self.sources:
            raise ValueError(f"specs_source {self.specs_source!r} is not in `sources:`")
        return self

    def rent(self, on: date, price_type: PriceType = "on_demand", segment: Segment | None = None) -> Value | None:
        """Usual rent of one hour: the median over providers, with the cheapest and the dearest as range.

        Providers with several rows count once. Indexes, managed serving endpoints and outliers are left out
        unless asked for by `segment`. A rent that the customer gave wins. None when nobody has a price that day.
        """
        by_provider: dict[str, list[Value]] = {}
        for rent in self.rents:
            wanted = rent.segment == segment if segment else rent.segment not in ("index", "serving_endpoint")
            value = in_force(rent.usd_per_hour, on)
            if wanted and rent.price_type == price_type and not rent.outlier and value is not None:
                by_provider.setdefault(rent.provider, []).append(value)
        return _median_value(by_provider)


def _median_value(by_provider: dict[str, list[Value]]) -> Value | None:
    if not by_provider:
        return None
    own = [v for values in by_provider.values() for v in values if v.origin == "customer"]
    if own:
        return own[0]
    typical = [median(v.value for v in values) for values in by_provider.values()]
    newest = max(v.checked for values in by_provider.values() for v in values)
    oldest = min(v.checked for values in by_provider.values() for v in values)
    places = sorted({v.source.where for values in by_provider.values() for v in values})
    title = f"median of {len(typical)} provider{'s' if len(typical) > 1 else ''}: {', '.join(sorted(by_provider))}"
    source = Source(title=title, where="; ".join(places), date=newest)
    return Value(
        value=median(typical), low=min(typical), high=max(typical), source=source, checked=oldest, origin="derived"
    )


class TuningOffer(Block):
    """What tuning one model (or size class) costs, and what running the result costs. Absent is unknown."""

    model: str
    """The provider's name of the model, or a size class such as `up to 16B`."""
    catalogue_ids: tuple[str, ...] = ()
    methods: tuple[Literal["lora", "full", "dpo", "rft", "sft"], ...]
    train_usd_per_mtok: Figure = None
    train_usd_per_hour: Figure = None
    input_usd_per_mtok: Figure = None
    output_usd_per_mtok: Figure = None
    cached_input_usd_per_mtok: Figure = None
    inference_multiplier: Figure = None
    """Price of the tuned model as a multiple of its base's, where the vendor states it so."""
    hosting_usd_per_hour: Figure = None
    storage_usd_per_month: Figure = None
    minimum_usd: Figure = None
    jobs_until: date | None = None
    serving_until: date | None = None
    note: str | None = None


class TuningService(Entry):
    """A vendor that fine-tunes for you: who may still start, until when, how it bills, and what it charges."""

    provider: str
    available_from: date | None = None
    new_customers_until: date | None = None
    jobs_until: date | None = None
    serving_until: date | None = None
    lifecycle_source: str | None = None
    billing: Literal["tokens_x_epochs", "per_hour", "dedicated_hour", "unknown"]
    billing_note: str | None = None
    padded_tokens_billed: bool | None = None
    """Whether padding counts as tokens; None is unknown."""
    minimum_usd: Figure = None
    models: tuple[TuningOffer, ...] = ()

    @model_validator(mode="after")
    def _sane(self) -> Self:
        check_dates(self.available_from, self.new_customers_until, self.jobs_until, self.serving_until)
        dated = any((self.new_customers_until, self.jobs_until, self.serving_until))
        if dated and self.lifecycle_source not in self.sources:
            raise ValueError("lifecycle dates need `lifecycle_source:` naming one of the file's sources")
        return self

    def status(self, on: date) -> Literal["open", "existing customers", "not yet", "ended"]:
        """Whether one can start a job on that day, as far as is announced."""
        return lifecycle(on, self.available_from, self.new_customers_until, self.jobs_until or self.serving_until)

    def tunes(self, model_id: str) -> TuningOffer | None:
        """The offer for a catalogue model, or None."""
        return next((offer for offer in self.models if model_id in offer.catalogue_ids), None)


class LatencyPrior(Entry):
    """Latency of a class of hosted models without a measurement of their own; the id is a tier or `serverless`."""

    ttft_p50_ms: Figure
    ttft_p95_ms: Figure
    output_tokens_per_s: Figure


class RetrievalItem(Entry):
    """Embedding, vector store, rerank or local search: prices and latency priors."""

    kind: Literal["embedding", "vector_store", "rerank", "search"]
    vendor: str
    usd_per_mtok: Figure = None
    usd_per_1k_searches: Figure = None
    minimum_usd_per_month: Figure = None
    flat_usd_per_month: Figure = None
    storage_usd_per_gb_month: Figure = None
    read_usd_per_m_units: Figure = None
    write_usd_per_m_units: Figure = None
    usd_per_m_dimensions: Figure = None
    node_usd_per_hour: Figure = None
    latency_ms: Figure = None
    dimensions: int | None = Field(default=None, gt=0)
    available_from: date | None = None
    serving_until: date | None = None


class PeopleCost(Entry):
    """What an hour, or a piece, of people's work costs."""

    kind: Literal["engineering", "expert", "labelling"]
    usd_per_hour: Figure = None
    usd_per_item: Figure = None
    judgement: bool = False
    """True when the figure is our judgement with a wide range, not a published one."""


def check_dates(*dates: date | None) -> None:
    """Refuse a life that ends before it starts: known dates must not go backwards."""
    known = [day for day in dates if day is not None]
    if known != sorted(known):
        raise ValueError("its dates go backwards (available_from, new_customers_until, jobs_until, serving_until)")


def lifecycle(
    on: date, start: date | None, new_customers_until: date | None, end: date | None
) -> Literal["open", "existing customers", "not yet", "ended"]:
    """Where `on` lies between the announced dates; an absent date is no limit."""
    if start is not None and on < start:
        return "not yet"
    if end is not None and on > end:
        return "ended"
    if new_customers_until is not None and on > new_customers_until:
        return "existing customers"
    return "open"
