"""A use case of a portfolio from the study of one answers file: its plans without the machines that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.optimize import RISK_WEIGHT, cvar_loss
from advisor.decision.portfolio import QUARTERS, Group, Plan, UseCase
from advisor.decision.serving import HOURS_PER_MONTH, PEAK_UTILISATION
from advisor.decision.study import effort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from advisor.decision.market import Deployment
    from advisor.decision.ranking import Ranking
    from advisor.decision.study import Study
    from advisor.decision.valuation import Outcome

    Array = NDArray[np.float64]

MOST_PLANS = 100
LABELLER_USD_PER_HOUR = 25.0
"""Turns the price of a label into hours of the people who label (judgement; the catalogue has 7 to 60)."""
SHARES_A_BASE = frozenset({"none", "lora", "qlora"})
"""Trainings whose result runs beside others on one copy of the base model."""
MOST_SCENARIOS = 32


def use_case(study: Study, ranking: Ranking, name: str, *, scenarios: bool) -> tuple[UseCase, dict[str, Group]]:
    """The use case with its best plans that meet its own limits, and the machine groups that they run on."""
    groups: dict[str, Group] = {}
    plans = [_plan(study, study.outcomes[i], name, groups, scenarios) for i in ranking.feasible]
    plans.sort(key=lambda plan: -plan.value_usd)
    return UseCase(name, tuple(_worth_keeping(plans))), groups


def _worth_keeping(plans: Sequence[Plan]) -> list[Plan]:
    """Best first, without plans that another one beats in value and in everything shared; the thriftiest always
    stay."""
    kept: list[Plan] = []
    for plan in plans:
        if not any(_beats(other, plan) for other in kept):
            kept.append(plan)
    thrifty = [
        min(kept, key=key)
        for key in (
            lambda p: p.upfront_usd,
            lambda p: max(p.quarterly_usd),
            lambda p: p.label_hours,
            lambda p: p.engineer_hours,
            lambda p: (p.group is not None, max(p.quarterly_usd)),
        )
        if kept
    ]
    chosen = kept[:MOST_PLANS]
    return [*chosen, *(p for p in dict.fromkeys(thrifty) if p not in chosen)]


def _beats(a: Plan, b: Plan) -> bool:
    if a.group is not None and a.group != b.group:
        return False
    no_dearer = all(x <= y for x, y in zip(a.quarterly_usd, b.quarterly_usd, strict=True))
    cheaper_hours = a.label_hours <= b.label_hours and a.engineer_hours <= b.engineer_hours
    return (
        a.value_usd >= b.value_usd
        and a.upfront_usd <= b.upfront_usd
        and no_dearer
        and cheaper_hours
        and a.load <= b.load
    )


def _plan(study: Study, outcome: Outcome, name: str, groups: dict[str, Group], scenarios: bool) -> Plan:
    option, account = outcome.option, outcome.account
    group, load = None, 0.0
    served: Array | float = 0.0
    machines: Array | float = 0.0
    if option.deployment is not None and option.deployment.machine is not None:
        serving = study.valuation.costs.serving.of(option)
        served = serving.part.sums.get("per_month", 0.0)
        machines = served * study.valuation.months_live(option, account)
        made = _group(study, option.deployment, option.training, name)
        groups[made.id] = made
        group, load = made.id, float(np.median(_load(study, outcome)))
    npv = outcome.npv_usd + machines
    monthly = outcome.monthly_usd - served
    return Plan(
        option_id=option.id,
        label=option.label,
        value_usd=float(npv.mean()) - (0.0 if scenarios else RISK_WEIGHT * cvar_loss(npv)),
        upfront_usd=float(np.median(outcome.upfront_usd)),
        quarterly_usd=_quarters(study, monthly),
        label_hours=_label_hours(study, outcome),
        engineer_hours=_engineer_hours(study, outcome),
        weeks=float(np.median(outcome.weeks)),
        group=group,
        load=load,
        scenarios_usd=tuple(npv[:MOST_SCENARIOS].tolist()) if scenarios else (),
    )


def _quarters(study: Study, monthly: Array) -> tuple[float, ...]:
    """The usual month of each quarter of the first year, following the growth of the traffic."""
    volume = study.valuation.horizon.volume
    year = volume[:12].mean()
    usual = float(np.median(monthly))
    return tuple(usual * float(np.median(volume[3 * q : 3 * q + 3]) / year) for q in range(QUARTERS))


def _load(study: Study, outcome: Outcome) -> Array:
    """Replicas that the use case keeps busy at its peak; batches by their share of the month."""
    option, costs = outcome.option, study.valuation.costs
    assert option.deployment is not None
    assert option.deployment.machine is not None
    tokens = costs.tokens.of(option)
    busy = option.deployment.machine.busy_seconds(tokens.sent, tokens.answered)
    per_second = costs.requests / (HOURS_PER_MONTH * 3600.0)
    peak = study.world.number("traffic.peak_to_average", 4.0)
    batch = np.asarray(costs.serving.batch_share, dtype=float)
    load: Array = np.broadcast_to(
        per_second * busy * (batch + (1 - batch) * peak / PEAK_UTILISATION), outcome.npv_usd.shape
    )
    return load


def _group(study: Study, d: Deployment, training: str, name: str) -> Group:
    """The replicas that a plan runs on: shared by base model and machine, or its own where all weights are trained."""
    machine = d.machine
    assert machine is not None
    shared = training in SHARES_A_BASE
    months = float(np.median(study.valuation.horizon.months_discounted[0]))
    monthly = machine.usd_per_hour.value * HOURS_PER_MONTH
    batch = float(np.mean(np.asarray(study.valuation.costs.serving.batch_share, dtype=float))) > 0.5
    spare = 1 if batch or machine.most_replicas == 1 else 2
    own = "" if shared else f"/{name}"
    return Group(
        id=f"{d.model_id}@{d.place}{own}",
        label=f"{d.model_name} on {machine.count} x {machine.gpu_name}" + ("" if shared else f" ({name})"),
        gpu=machine.gpu_id,
        gpus_per_replica=machine.count,
        spare=spare,
        present_usd=monthly * months,
        monthly_usd=monthly,
        owned=not machine.rented,
    )


def _label_hours(study: Study, outcome: Outcome) -> float:
    costs = study.valuation.costs
    option = outcome.option
    if option.labels is None and not option.distilled:
        return 0.0
    price = float(np.median(study.world.number("data.label_cost_usd", 1.0)))
    at_hand = float(np.median(study.world.number("data.labelled_examples", 0.0)))
    bought = max(float(np.median(costs.labels_used(option))) - at_hand, 0.0) if option.labels is not None else 300.0
    return bought * price / LABELLER_USD_PER_HOUR


def _engineer_hours(study: Study, outcome: Outcome) -> float:
    option = outcome.option
    if option.deployment is None:
        return 0.0
    spans = [effort()[name].setup_hours for name in (option.approach, option.hosting)]
    return sum((span.low * span.high) ** 0.5 if span.low > 0 else span.high / 3 for span in spans)
