"""Running cost and latency of a model where it runs.

    by the token   (fresh p_in + repeated p_cached + answered p_out) / 1e6; the batch price for the share that no one
    waits for
    own machines   busy seconds of a request = sent / prefill + answered / throughput
                   replicas = max(2, ceil(peak requests/s x busy / 0.7)), always on; one where only one fits owned
                   hardware
    batches        machine hours = requests x busy / 3600 / 0.85, at least one hour a month
    sharing        adapters of one base model share its machines: hours / tasks, never below the hours of its own work

Utilisation 0.7 keeps queueing delay bounded at peak and 0.85 is what batch engines sustain; both are judgements.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.account import Line, Part
from advisor.decision.machines import QUEUEING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from advisor.decision.machines import Machine
    from advisor.decision.market import Deployment, TokenPrices
    from advisor.decision.options import Option
    from advisor.decision.tokens import TokenModel, Tokens
    from advisor.decision.world import World
    from pricing.values import Range

    Array = NDArray[np.float64]
    Amount = Array | float

HOURS_PER_MONTH = 730.0
PEAK_UTILISATION = 0.7
BATCH_UTILISATION = 0.85
SHAREABLE = frozenset({"lora", "qlora", "encoder"})
HOSTED_WOBBLE = 0.25
"""Standard deviation of ln(latency) of a hosted model around its prior."""
OWN_WOBBLE = 0.3


@dataclass(frozen=True, slots=True)
class Served:
    """What serving costs and how fast it is."""

    part: Part
    latency_p95_ms: Amount
    replicas: Amount = 0.0
    missing_replicas: Amount = 0.0


class ServingModel:
    """Serving by deployment and kind of request, each computed once."""

    def __init__(self, world: World, tokens: TokenModel, requests: Amount) -> None:
        self.world = world
        self.tokens = tokens
        self.requests = requests
        batch = world.facts.get("traffic.batch")
        self.batch_share: Amount = 0.0 if batch is None else np.asarray(batch, dtype=float)
        self._peak = requests / (HOURS_PER_MONTH * 3600.0) * world.number("traffic.peak_to_average", 4.0)
        self._sharing = np.maximum(world.number("portfolio.tasks_sharing_a_base_model", 1.0), 1.0)
        self._known: dict[tuple[object, ...], Served] = {}
        self._wobbles: dict[tuple[str, float], Array] = {}
        self._rates: dict[Range, Amount] = {}

    def of(self, option: Option) -> Served:
        """Serving of an option that has a deployment."""
        d = option.deployment
        assert d is not None
        shares = option.training in SHAREABLE
        service = option.service.service_id if option.service else None
        key = (d.model_id, d.place, shares, service, self.tokens.key(option))
        if key not in self._known:
            self._known[key] = self._hosted(option, d) if d.machine is None else self._own(d, d.machine, option, shares)
        return self._known[key]

    # by the token -----------------------------------------------------------------------------------------------

    def token_usd(self, prices: TokenPrices, tokens: Tokens) -> Amount:
        """US dollars of one request."""
        cached = prices.cached_input.value if prices.cached_input else prices.input.value
        p_in: Amount = prices.input.value
        p_out: Amount = prices.output.value
        if prices.long_above_tokens is not None and prices.long_input is not None:
            long = np.asarray(tokens.sent) > prices.long_above_tokens
            p_in = np.where(long, prices.long_input.value, p_in)
            p_out = np.where(long, (prices.long_output or prices.output).value, p_out)
        fresh = tokens.sent - tokens.repeated
        live = (fresh * p_in + tokens.repeated * cached + tokens.answered * p_out) / 1e6
        if prices.batch_input is None or prices.batch_output is None or not np.any(self.batch_share):
            return live
        batch = (tokens.sent * prices.batch_input.value + tokens.answered * prices.batch_output.value) / 1e6
        return self.batch_share * np.minimum(batch, live) + (1 - self.batch_share) * live

    def _hosted(self, option: Option, d: Deployment) -> Served:
        prices, tokens = d.prices, self.tokens.of(option)
        assert prices is not None
        lines = [
            Line(
                "serving",
                f"{d.model_name} by the token",
                lambda: (
                    f"${prices.input.value:g} in, ${prices.output.value:g} out per million tokens"
                    f"{_reductions(prices)}, "
                    f"{middle(tokens.sent):,.0f} + {middle(tokens.answered):,.0f} tokens a request"
                ),
                "estimated",
                per_request_tokens=self.token_usd(prices, tokens),
                sources=prices.sources,
            )
        ]
        lines += self._announced(d.model_name, prices, tokens)
        hosting = option.service.hosting_usd_per_hour if option.service else None
        if option.service is not None and hosting is not None and hosting.value > 0:
            basis = f"${hosting.value:g} an hour, always on"
            monthly = hosting.value * HOURS_PER_MONTH
            lines.append(
                Line(
                    "serving",
                    "Hosting of the tuned model",
                    lambda: basis,
                    "estimated",
                    per_month=monthly,
                    sources=option.service.sources,
                )
            )
        return Served(Part(tuple(lines)), self._hosted_latency(d, tokens.answered))

    def _announced(self, name: str, prices: TokenPrices, tokens: Tokens) -> list[Line]:
        """What each announced price adds to (or takes off) the one before it, from its day on."""
        found, before = [], prices
        for later in prices.announced:
            change = self.token_usd(later.prices, tokens) - self.token_usd(before, tokens)
            before = later.prices
            basis = (
                f"${later.prices.input.value:g} in, ${later.prices.output.value:g} out per million tokens "
                f"from {later.day} on, against what was charged before"
            )
            found.append(
                Line(
                    "serving",
                    f"{name}: price announced from {later.day}",
                    partial(str, basis),
                    "estimated",
                    per_request_tokens=change,
                    sources=later.prices.sources,
                    from_month=later.months_ahead,
                )
            )
        return found

    def _hosted_latency(self, d: Deployment, answered: Amount) -> Amount:
        wobble = self._wobble("latency.hosted", HOSTED_WOBBLE)
        if d.latency is None:
            return (FIRST_TOKEN_MS + 1000.0 * answered / TOKENS_PER_S) * wobble**2
        speed = d.latency.tokens_per_s
        slow = 0.6 * speed.value
        return (d.latency.ttft_p95_ms + 1000.0 * answered / slow) * wobble

    # own machines -----------------------------------------------------------------------------------------------

    def _own(self, d: Deployment, machine: Machine, option: Option, shares: bool) -> Served:
        tokens = self.tokens.of(option)
        wobble = self._wobble("speed.own", machine.profile.log_sd)
        busy = machine.busy_seconds(tokens.sent, tokens.answered) / wobble
        replicas, missing = self._replicas(machine, busy)
        hours = self._hours(replicas, busy, shares)
        rate = self._rate(machine.usd_per_hour)
        what = f"{machine.count} x {machine.gpu_name} a replica" if machine.count > 1 else machine.gpu_name
        line = Line(
            "serving",
            f"{d.model_name} on {what}",
            lambda: (
                f"{middle(hours):,.0f} machine hours a month ({middle(busy) * 1000:,.0f} ms busy a request; "
                f"always on with a spare, or by the hour for batches) at ${machine.usd_per_hour.value:,.2f}"
            ),
            "estimated",
            per_month=hours * rate,
            sources=(machine.source,),
        )
        slow = self._wobble("latency.own", OWN_WOBBLE)
        latency = QUEUEING * machine.latency_ms(tokens.sent, np.maximum(tokens.answered, 0.0)) * slow / wobble
        return Served(Part((line,)), latency, replicas, missing)

    def _wobble(self, name: str, log_sd: float) -> Array:
        """Samples of a factor around one, the same for all that share its spread."""
        key = (name, log_sd)
        if key not in self._wobbles:
            self._wobbles[key] = np.exp(log_sd * self.world.points.normal(name))
        return self._wobbles[key]

    def _rate(self, price: Range) -> Amount:
        if price not in self._rates:
            self._rates[price] = price_samples(price, self.world, "price.rent")
        return self._rates[price]

    def _replicas(self, machine: Machine, busy: Amount) -> tuple[Amount, Amount]:
        """(replicas always on, replicas that the owned hardware lacks)."""
        needed = np.ceil(self._peak * busy / PEAK_UTILISATION)
        if machine.most_replicas is None:
            return np.maximum(2.0, needed), 0.0
        most = float(machine.most_replicas)
        live = 1.0 - np.asarray(self.batch_share)
        return np.minimum(np.maximum(min(2.0, most), needed), most), np.maximum(needed - most, 0.0) * live

    def _hours(self, replicas: Amount, busy: Amount, shares: bool) -> Amount:
        always = replicas * HOURS_PER_MONTH
        work = self.requests * busy / 3600.0 / BATCH_UTILISATION
        hours = self.batch_share * np.minimum(np.maximum(1.0, work), always) + (1 - self.batch_share) * always
        if shares and np.any(np.asarray(self._sharing) > 1.0):
            hours = np.minimum(hours, np.maximum(hours / self._sharing, work))
        return hours


FIRST_TOKEN_MS = 1800.0
TOKENS_PER_S = 50.0
"""Where the catalogue knows no latency, not even of the model's class; the spread used with it is doubled
(judgement)."""


def _reductions(prices: TokenPrices) -> str:
    parts = []
    if prices.cached_input:
        parts.append(f"${prices.cached_input.value:g} for repeated input")
    if prices.batch_input:
        parts.append(f"${prices.batch_input.value:g} in batches")
    return f" ({', '.join(parts)})" if parts else ""


def price_samples(price: Range, world: World, name: str) -> Amount:
    """A price with a range as samples: low and high as P10 and P90 of a lognormal, kept between them."""
    if price.low >= price.high:
        return price.value
    return np.clip(world.lognormal(name, max(price.low, 0.3 * price.value), price.high), price.low, price.high)


def middle(value: Amount) -> float:
    """The median."""
    return float(np.median(value))
