"""An option's samples as the result record: quantiles, the account line by line, and month-by-month money for those
that are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from advisor.decision.account import Line
from advisor.decision.result import CashSeries, CostLine, OptionResult, Spread
from pricing.cashflow import cumulative, discounted_payback_month, internal_rate, npv, payback_month, peak_funding_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from advisor.decision.valuation import Outcome, Valuation

    Array = NDArray[np.float64]


def spread(samples: Array | float) -> Spread:
    """P10, P50, P90 of samples, or a number without spread."""
    values = np.asarray(samples, dtype=float)
    if values.ndim == 0:
        return Spread(p10=float(values), p50=float(values), p90=float(values))
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    return Spread(p10=float(low), p50=float(middle), p90=float(high))


def flows(outcome: Outcome, valuation: Valuation) -> tuple[Array, Array, Array, Array]:
    """(net against the status quo, option's cost, status quo's cost, benefit), each (samples, months + 1); month 0 is
    once.

    Until the option is live it costs and gives what the status quo does.
    """
    h, costs = valuation.horizon, valuation.costs
    n = outcome.npv_usd.size
    live = _live(outcome, valuation)
    volume, trend = _by_sample(h.volume, n), _by_sample(h.price_trend, n)
    requests = np.broadcast_to(np.asarray(costs.requests, dtype=float), (n,))[:, None] * volume
    today = valuation.today_cost[:, None] * volume
    account = outcome.account
    if outcome.option.approach == "keep_current":
        own = today
        benefit = np.zeros_like(today)
    else:
        own = requests * (
            _column(account.total("per_request"), n) + _column(account.total("per_request_tokens"), n) * trend
        ) + _column(account.total("per_month"), n)
        benefit = (valuation.benefit(outcome.quality) - valuation.today_benefit)[:, None] * requests
    cost = live * own + (1.0 - live) * today
    cost = cost + _ending(live, valuation) * _column(account.total("at_end"), n)
    for line in account.later:
        share = _live(outcome, valuation, line.from_month)
        cost = cost + share * requests * _column(line.per_request_tokens, n) * trend
    gain = live * benefit
    once = outcome.upfront_usd[:, None]
    zero = np.zeros((n, 1))
    return (
        np.concatenate([-once, today - cost + gain], axis=1),
        np.concatenate([once, cost], axis=1),
        np.concatenate([zero, today], axis=1),
        np.concatenate([zero, gain], axis=1),
    )


def _live(outcome: Outcome, valuation: Valuation, from_month: float = 0.0) -> Array:
    """Shape (samples, months): the share of each month in which the option runs, counted from a month on."""
    h = valuation.horizon
    start = np.maximum(h.live_from(outcome.weeks), from_month)
    live: Array = h.live_shares(start) * _by_sample(h.inside, start.size)
    return live if outcome.forbidden is None else live * ~outcome.forbidden[:, None]


def _ending(live: Array, valuation: Valuation) -> Array:
    """Shape (samples, months): one in the last month of the horizon, where the option runs then; zero elsewhere."""
    ending: Array = ((live > 0.0) & _by_sample(valuation.horizon.last, live.shape[0])).astype(float)
    return ending


def _by_sample(profile: NDArray[Any], n: int) -> NDArray[Any]:
    result: NDArray[Any] = np.broadcast_to(profile.T, (n, profile.shape[0]))
    return result


def _column(amount: Array | float, n: int) -> Array:
    result: Array = np.broadcast_to(np.asarray(amount, dtype=float), (n,))[:, None]
    return result


def briefs(
    outcomes: Sequence[Outcome], chances: Sequence[float], within: Sequence[float], meets: Sequence[bool]
) -> list[OptionResult]:
    """The figures that every ranked option carries, with the quantiles of all options taken at once."""
    columns = {name: _quantiles([getattr(o, source) for o in outcomes]) for name, source in _SPREADS.items()}
    return [
        _brief(o, {name: rows[i] for name, rows in columns.items()}, chances[i], within[i], meets[i])
        for i, o in enumerate(outcomes)
    ]


_SPREADS = {
    "quality": "quality",
    "monthly_cost_usd": "monthly_usd",
    "upfront_cost_usd": "upfront_usd",
    "latency_p95_ms": "latency_p95_ms",
    "npv_usd": "npv_usd",
    "weeks_to_production": "weeks",
}


def _quantiles(rows: list[Array]) -> list[Spread]:
    """P10, P50 and P90 of each row (nearest rank)."""
    n = rows[0].size
    ranks = [max(0, -(-n * share // 100) - 1) for share in (10, 50, 90)]
    ordered = np.partition(np.stack(rows), ranks, axis=1)[:, ranks].tolist()
    return [Spread(p10=low, p50=middle, p90=high) for low, middle, high in ordered]


def _brief(outcome: Outcome, spreads: dict[str, Spread], chance: float, within: float, meets: bool) -> OptionResult:
    option, deployment = outcome.option, outcome.option.deployment
    return OptionResult(
        option_id=option.id,
        label=option.label,
        approach=option.approach,
        approach_class=option.approach_class,
        training=None if option.training == "none" else option.training,
        model=option.model_name,
        hosting=option.hosting,
        gpu=deployment.gpu or None if deployment else None,
        replicas=spread(outcome.account.replicas) if np.any(outcome.account.replicas) else None,
        labels=option.labels,
        probability_best=chance,
        feasible_probability=within,
        meets_limits=meets,
        npv_positive_probability=float(np.mean(outcome.npv_usd > 0.0)),
        expected_npv_usd=float(np.mean(outcome.npv_usd)),
        available_until=deployment.serving_until if deployment else None,
        prices_as_of=deployment.prices_as_of if deployment else None,
        cost_lines=[],
        **spreads,
    )


def full(result: OptionResult, outcome: Outcome, valuation: Valuation, best_npv: Array) -> OptionResult:
    """The brief record with its account, its cash flow and what follows from them."""
    net, cost, today, gain = flows(outcome, valuation)
    rate = _yearly_rate(valuation)
    cumulative_usd = cumulative(net)
    update: dict[str, object] = {
        "expected_regret_usd": float(np.mean(best_npv - outcome.npv_usd)),
        "peak_funding_usd": spread(peak_funding_usd(cumulative_usd)),
        "status_quo_present_value_usd": _mean_present(today, rate),
        "benefit_present_value_usd": _mean_present(gain, rate),
        "cost_lines": _cost_lines(outcome, valuation, rate),
        "cash": CashSeries(
            cumulative_usd=_quantiles(list(cumulative_usd.T)),
            cost_usd=cost.mean(axis=0).tolist(),
            status_quo_cost_usd=today.mean(axis=0).tolist(),
            benefit_usd=gain.mean(axis=0).tolist(),
        ),
    }
    if outcome.option.approach != "keep_current":
        update |= _returns(outcome, net, rate)
    return result.model_copy(update=update)


def _returns(outcome: Outcome, net: Array, rate: Array) -> dict[str, object]:
    """Payback, return and internal rate of the flows against the status quo."""
    month = payback_month(cumulative(net))
    discounted = discounted_payback_month(net, rate)
    paid = ~np.isnan(month)
    internal = internal_rate(net.mean(axis=0))
    invested = np.where(outcome.upfront_usd > 0.0, outcome.upfront_usd, np.nan)
    gain = net.sum(axis=1) / invested
    return {
        "roi": None if np.isnan(gain).mean() > 0.5 else spread(gain[~np.isnan(gain)]),
        "break_even_month": _payback_spread(month, net.shape[1] - 1),
        "break_even_probability": float(paid.mean()),
        "discounted_break_even_month": _payback_spread(discounted, net.shape[1] - 1),
        "payback_within_12_months_probability": float(np.mean(np.nan_to_num(month, nan=np.inf) <= 12.0)),
        "irr_per_year": internal.per_year,
        "irr_reason": internal.reason,
    }


def _payback_spread(month: Array, horizon_months: int) -> Spread | None:
    """Quantiles over all samples, a sample that never pays back counting as later than any that does.

    None when the middle sample never does; a P90 beyond the horizon is given as the horizon.
    """
    late = np.where(np.isnan(month), np.inf, month)
    low, middle, high = (float(q) for q in np.quantile(late, (0.1, 0.5, 0.9), method="inverted_cdf"))
    if not np.isfinite(middle):
        return None
    return Spread(p10=low, p50=middle, p90=min(high, float(horizon_months)))


def _yearly_rate(valuation: Valuation) -> Array:
    return np.atleast_1d(np.asarray(valuation.world.number("finance.discount_rate_per_year", 0.1), dtype=float))


def _mean_present(amounts: Array, rate: Array) -> float:
    return float(np.mean(npv(amounts, rate)))


def _cost_lines(outcome: Outcome, valuation: Valuation, rate: Array) -> list[CostLine]:
    """Every line with its money over the horizon; with "as today until it is live" they add up to the option's cost."""
    n, h = outcome.npv_usd.size, valuation.horizon
    live = _live(outcome, valuation)
    volume, trend = _by_sample(h.volume, n), _by_sample(h.price_trend, n)
    requests = np.broadcast_to(np.asarray(valuation.costs.requests, dtype=float), (n,))
    year_tokens = h.first_year(h.volume * h.price_trend)
    found = []
    today = valuation.today_cost[:, None] * volume
    before = today if outcome.option.approach == "keep_current" else (1.0 - live) * today
    if np.any(before):
        label = "As today" if outcome.option.approach == "keep_current" else "As today, until it is live"
        first = today[:, :12].mean(axis=1) if outcome.option.approach == "keep_current" else np.zeros(n)
        found.append(
            _line_record(
                Line("current", label, lambda: valuation.today.basis, valuation.today.origin),
                np.zeros(n),
                first,
                before,
                rate,
            )
        )
    for line in outcome.account.lines:
        tokens = _column(line.per_request_tokens, n)
        monthly = requests[:, None] * volume * (_column(line.per_request, n) + tokens * trend) + _column(
            line.per_month, n
        )
        late = line.from_month > 0.0
        first_year = valuation.first_year_tokens(line.from_month) if late else year_tokens
        usual = requests * (
            np.asarray(line.per_request) * h.first_year(h.volume) + np.asarray(line.per_request_tokens) * first_year
        )
        found.append(
            _line_record(
                line,
                np.broadcast_to(np.asarray(line.once, dtype=float), (n,)),
                usual + line.per_month,
                (_live(outcome, valuation, line.from_month) if late else live) * monthly
                + _ending(live, valuation) * _column(line.at_end, n),
                rate,
            )
        )
    return found


def _line_record(line: Line, once: Array, usual: Array, monthly: Array, rate: Array) -> CostLine:
    amounts = np.concatenate([once[:, None], monthly], axis=1)
    return CostLine(
        line=line.line,
        label=line.label,
        upfront_usd=spread(once),
        monthly_usd=spread(np.broadcast_to(usual, once.shape)),
        basis=line.basis(),
        origin=line.origin,
        sources=list(line.sources),
        expected_usd=float(amounts.sum(axis=1).mean()),
        present_value_usd=_mean_present(amounts, rate),
    )
