"""Break-even in what nobody answers: how well an option must answer, what tokens may cost, how busy a machine must be.

All three are linear in the option's value, so the place where two options are worth the same is exact:

    quality       q* = E[q] - gap / E[(value + cost of an error) x requests while it runs, discounted]
    token prices  k* = 1 + gap / (T_winner - T_other),  T the present value of tokens; every hosted price times k
    utilisation   u* = (rent of an hour x busy hours of a request) / price of the request elsewhere

with gap the expected value of the winner less that of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.options import WORKING
from advisor.decision.plan import stakes_while_live_usd
from advisor.decision.result import BreakEvenPoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from advisor.decision.machines import Machine
    from advisor.decision.study import Study
    from advisor.decision.valuation import Outcome

    Array = NDArray[np.float64]

QUALITY = "option.quality"
TOKEN_PRICES = "market.token_prices"
UTILISATION = "machine.utilisation"
DEAREST = 100.0
"""Token prices are searched from nothing to this many times today's."""


def margins(study: Study, winner: int, others: list[int], order: list[int]) -> list[BreakEvenPoint]:
    """Quality and token prices against each of `others`, and the use of a machine; places are those of the study.

    `order` ranks the options, for the machine and the tokens that are set against each other.
    """
    found = []
    for other in others:
        pair = _Pair(study, study.outcomes[winner], study.outcomes[other])
        found += [pair.quality(), *pair.token_prices()]
    used = _utilisation(study, winner, order)
    return found if used is None else [*found, used]


@dataclass(frozen=True, slots=True)
class _Pair:
    """The option in front and one that it is compared with."""

    study: Study
    winner: Outcome
    other: Outcome

    @property
    def gap_usd(self) -> float:
        return float(np.mean(self.winner.npv_usd) - np.mean(self.other.npv_usd))

    def quality(self) -> BreakEvenPoint:
        """The share of requests the winner has to answer well."""
        mine, rival = self.winner.option.label, self.other.option.label
        expected = float(np.mean(self.winner.quality))
        least = expected - self.gap_usd / _worth_of_quality_usd(self.study, self.winner)
        at = least if 0.0 <= least <= 1.0 else None
        if at is None:
            text = f"{mine} is worth {'more' if least < 0 else 'less'} than {rival}, however well it answers."
        else:
            text = f"{mine} is ahead of {rival} from {at:.0%} answered well; {expected:.0%} is expected."
            text += self._gained(at)
        return BreakEvenPoint(
            id=QUALITY,
            label="Answered well by the option in front",
            unit="share",
            current=expected,
            at=at,
            low=0.0,
            high=1.0,
            against=rival,
            text=text,
        )

    def _gained(self, at: float) -> str:
        """The break-even as accuracy gained (or given up) against the other's."""
        known = self.other.option.approach != "keep_current" or bool(np.any(self.study.valuation.today.delivered))
        if not known:
            return ""
        theirs = float(np.mean(self.other.quality))
        points = round(100.0 * (at - theirs))
        unit = "point" if abs(points) == 1 else "points"
        apart = f"{abs(points)} {unit} {'above' if points > 0 else 'below'} that" if points else "just there"
        return f" The other answers {theirs:.0%} well; the break-even is {apart}."

    def token_prices(self) -> list[BreakEvenPoint]:
        """How many times today's every hosted token price may become; nothing where neither side buys tokens."""
        spent = [_tokens_usd(self.study, each, self.winner) for each in (self.winner, self.other)]
        apart = spent[0] - spent[1]
        if max(spent) <= 0.0 or abs(apart) < 1e-9:
            return []
        mine, rival = self.winner.option.label, self.other.option.label
        factor = 1.0 + self.gap_usd / apart
        at = factor if 0.0 <= factor <= DEAREST else None
        if at is None:
            text = f"{mine} is ahead of {rival} at any token price up to {DEAREST:.0f} times today's."
        else:
            side = "less" if apart > 0 else "more"
            text = (
                f"{mine} is ahead of {rival} while hosted tokens cost {side} than {at:.2g} times what they cost today."
            )
        return [
            BreakEvenPoint(
                id=TOKEN_PRICES,
                label="Price of hosted tokens",
                unit="times today's",
                current=1.0,
                at=at,
                low=0.0,
                high=DEAREST,
                against=rival,
                text=text,
            )
        ]


def _worth_of_quality_usd(study: Study, outcome: Outcome) -> float:
    """Expected present value of answering all requests well instead of none, where and while the option runs."""
    allowed = 1.0 if outcome.forbidden is None else ~outcome.forbidden
    return max(float(np.mean(stakes_while_live_usd(outcome, study.valuation) * allowed)), 1e-9)


def _tokens_usd(study: Study, outcome: Outcome, winner: Outcome) -> float:
    """Expected present value of what the option pays for hosted tokens; of today's spend while the winner runs."""
    valuation = study.valuation
    if outcome.option.approach == "keep_current":
        if study.answers.value("current.approach") not in WORKING:
            return 0.0
        return float(np.mean(valuation.today_cost * valuation.requests_live(winner.option, winner.account)))
    allowed = 1.0 if outcome.forbidden is None else ~outcome.forbidden
    return float(np.mean(valuation.tokens_usd(outcome.option, outcome.account) * allowed))


def _utilisation(study: Study, winner: int, order: list[int]) -> BreakEvenPoint | None:
    """The best option on a machine against the best one by the token (or what is spent today): serving alone."""
    barred = study.barred
    ranked = [study.outcomes[place] for place in [winner, *order] if study.candidates[place].option_id not in barred]
    own = _first(ranked, lambda o: o.option.deployment is not None and o.option.deployment.machine is not None)
    if own is None or own.option.deployment is None or own.option.deployment.machine is None:
        return None
    machine = own.option.deployment.machine
    bought = _first(ranked, lambda o: bool(np.any(o.account.total("per_request_tokens"))))
    against, price = _price_elsewhere(study, bought)
    paid = _serving_usd(own)
    if price <= 0.0 or paid <= 0.0 or machine.usd_per_hour.value <= 0.0:
        return None
    tokens = study.valuation.costs.tokens.of(own.option)
    busy_hours = float(np.mean(machine.busy_seconds(tokens.sent, tokens.answered))) / 3600.0
    requests = float(np.mean(np.asarray(study.valuation.costs.requests, dtype=float)))
    used = min(requests * busy_hours / (paid / machine.usd_per_hour.value), 1.0)
    least = machine.usd_per_hour.value * busy_hours / price
    return BreakEvenPoint(
        id=UTILISATION,
        label=f"Use of the machine ({_name(machine)})",
        unit="share",
        current=used,
        at=least if least <= 1.0 else None,
        low=0.0,
        high=1.0,
        against=against,
        text=_utilisation_text(own, against, used, least, requests / max(used, 1e-9) * least),
    )


def _price_elsewhere(study: Study, bought: Outcome | None) -> tuple[str, float]:
    """(what it is compared with, US dollars a request there); zero where no model serves requests elsewhere."""
    if bought is None and study.answers.value("current.approach") not in WORKING:
        return "", 0.0
    if bought is not None:
        return bought.option.label, float(np.mean(np.asarray(bought.account.total("per_request_tokens"), dtype=float)))
    return "what is spent today", float(np.mean(study.valuation.today_cost / study.valuation.costs.requests))


def _utilisation_text(own: Outcome, against: str, used: float, least: float, requests: float) -> str:
    now = f"your requests keep it busy {_percent(used)} of the time"
    if least > 1.0:
        return f"Serving {own.option.label} costs more than {against} even when the machine never idles; {now}."
    return (
        f"Serving {own.option.label} costs less than {against} from {_percent(least)} of the time busy "
        f"(some {float(f'{requests:.2g}'):,.0f} requests a month on the machines counted here); {now}. "
        f"People's time is not in this comparison."
    )


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else f"{100 * share:.1g}%"


def _serving_usd(outcome: Outcome) -> float:
    """Expected US dollars a month for the machines."""
    return sum(float(np.mean(line.per_month)) for line in outcome.account.lines if line.line == "serving")


def _name(machine: Machine) -> str:
    return f"{machine.count}x {machine.gpu_name}" if machine.count > 1 else machine.gpu_name


def _first(ranked: list[Outcome], wanted: Callable[[Outcome], bool]) -> Outcome | None:
    return next((outcome for outcome in ranked if wanted(outcome)), None)
