"""What a decision looks like when it leaves the engine: JSON on disk, input of the reports and of the terminal.

The keys that scripts rely on (DESIGN section 6 of the first brief: verdict, recommended, ranked, ...) do not change
their meaning.
Money is US dollars, latency milliseconds, quality the share (0..1) of requests answered well.
"""

from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen piece of the result; unknown keys are refused so that readers notice a version they do not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Spread(Record):
    """P10, P50, P90."""

    p10: float
    p50: float
    p90: float


class Verdict(StrEnum):
    """What the decision says."""

    RECOMMEND = "recommend"
    NOT_ENOUGH_INFORMATION = "not_enough_information"
    NOTHING_FEASIBLE = "nothing_feasible"


class Evidence(Record):
    """Where a claim comes from."""

    kind: str
    """paper, benchmark, vendor_document, field_report, article, price_list, judgement"""
    source: str
    date: str | None = None
    says: str | None = None


class CostLine(Record):
    """One line of an option's account. `upfront_usd` is paid once; `monthly_usd` in a usual month of the first year."""

    line: str
    """data, labelling, engineering, evaluation, training, serving, retrieval, retraining, monitoring, staff, exit"""
    label: str
    upfront_usd: Spread
    monthly_usd: Spread
    basis: str
    """How the figure was made, in words with its numbers and their origin."""
    origin: str
    """measured, answered, assumed or estimated"""
    sources: list[str] = []
    expected_usd: float | None = None
    """Expected (mean) cost over the horizon, not discounted; the lines add up to the sum of `cash.cost_usd`."""
    present_value_usd: float | None = None
    """Expected (mean) cost over the horizon, discounted; means add up where medians do not."""


class CashSeries(Record):
    """Month by month against the status quo; index 0 is the up-front money, index m the end of month m."""

    cumulative_usd: list[Spread]
    """Cumulative net cash against the status quo, not discounted."""
    cost_usd: list[float]
    """Expected cost of the option itself in each month."""
    status_quo_cost_usd: list[float]
    benefit_usd: list[float]
    """Expected value of better (or worse) answers against the status quo, kept apart from savings."""


class OptionResult(Record):
    """One way of doing the job, priced."""

    option_id: str
    label: str
    approach: str
    approach_class: str
    """prompting, rag, fine_tuning, rag_plus_ft or keep_current"""
    training: str | None
    """lora, qlora, full, encoder, api_tuning or None"""
    model: str | None
    hosting: str
    """api, serverless, rented_gpu, owned_gpu, cpu or current"""
    gpu: str | None = None
    replicas: Spread | None = None
    labels: int | None = None
    """Labelled examples the option trains on or retrieves from."""
    quality: Spread
    monthly_cost_usd: Spread
    upfront_cost_usd: Spread
    latency_p95_ms: Spread
    npv_usd: Spread
    """Against the status quo, over the horizon."""
    roi: Spread | None = None
    break_even_month: Spread | None = None
    """Month from which cumulative net cash stays at or above zero; a sample that never gets there counts as later than
    any that does, and a P90 beyond the horizon is given as the horizon. None when the status quo is the option itself,
    or when more than half of the samples never pay back."""
    break_even_probability: float | None = None
    """Share of samples in which it breaks even within the horizon."""
    npv_positive_probability: float | None = None
    weeks_to_production: Spread | None = None
    probability_best: float = 0.0
    feasible_probability: float = 1.0
    """Share of the samples in which it meets every limit at once."""
    meets_limits: bool = True
    """Whether it keeps each limit as surely as that limit asks, so that it may be chosen."""
    cost_lines: list[CostLine] = []
    cash: CashSeries | None = None
    """Only for the options that reports draw: the first few, the best of each approach, the status quo."""
    available_until: date | None = None
    prices_as_of: date | None = None
    discounted_break_even_month: Spread | None = None
    payback_within_12_months_probability: float | None = None
    expected_regret_usd: float | None = None
    """Mean over the samples of how far the option's value falls short of the best one's."""
    peak_funding_usd: Spread | None = None
    """The most money that is ever out against the status quo."""
    irr_per_year: float | None = None
    """Of the expected flows against the status quo; None where it does not exist or is not the only one."""
    irr_reason: str | None = None
    """Why there is no internal rate of return."""
    expected_npv_usd: float | None = None
    """Mean NPV = status_quo_present_value_usd + benefit_present_value_usd - sum of the lines' present_value_usd."""
    status_quo_present_value_usd: float | None = None
    """Expected discounted cost of going on as today, which this option avoids."""
    benefit_present_value_usd: float | None = None
    """Expected discounted value of better (or worse) answers against the status quo."""


class RuledOut(Record):
    """Options that a gate, a date or a missing price removed."""

    approach: str | None = None
    option_id: str | None = None
    count: int = 1
    rule: str
    text: str
    evidence: list[Evidence] = []


class Reason(Record):
    """Why the winner wins or a loser loses."""

    about: str
    """`winner`, or the option_id it speaks of."""
    text: str
    rule: str | None = None
    """The id of the rule or effect that spoke."""
    evidence: list[Evidence] = []


class Flip(Record):
    """The nearest value of an answer that changes the winner."""

    fact: str
    label: str
    current: Any
    becomes: Any
    winner_option_id: str
    winner_label: str
    text: str


class ConstraintPrice(Record):
    """What a limit costs: the value of the best option without it, less the value with it."""

    fact: str
    limit: Any
    cost_usd_per_month: float
    cost_usd: float
    winner_without: str | None
    text: str


class NextQuestion(Record):
    """An open fact, by what it is worth to know it (expected value of perfect information)."""

    fact: str
    question: str
    why: str
    value_of_information_usd: float
    changes_winner_probability: float


class Stage(Record):
    """One step of the staged plan with the number at which one goes on or stops."""

    name: str
    do: str
    gate: str
    weeks: Spread | None = None
    cost_usd: Spread | None = None


class Finding(Record):
    """A readiness judgement or a risk."""

    rule: str
    severity: str
    """error, warning or info"""
    text: str
    do: str | None = None
    article: str | None = None
    """What the customer's article says on this, when it does."""
    now: str | None = None
    """What holds on the decision's date, when the article has aged."""
    evidence: list[Evidence] = []
    open_facts: list[str] = []
    """Facts that have to be answered before it can be judged; empty for a finding that holds."""


class Unused(Record):
    """An answer that played no part, and why."""

    fact: str
    text: str


class Assumption(Record):
    """A fact, price or effect that the numbers rest on."""

    id: str
    label: str
    value: str
    unit: str | None = None
    origin: str
    """measured, answered, imported, assumed or estimated"""
    source: str
    date: str | None = None


class SolverReport(Record):
    """What the solver said, not what we hoped."""

    solver: str
    status: str
    gap: float | None
    seconds: float
    variables: int
    constraints: int


class Conflict(Record):
    """Why nothing is feasible: the smallest set of limits that conflict, and the cheapest way out."""

    limits: list[str]
    text: str
    relaxations: list[str]


class Change(Record):
    """One difference to the previous decision."""

    kind: str
    """answer, measurement, price, rule, winner or figure"""
    what: str
    before: str | None
    after: str | None
    text: str


class Sensitivity(Record):
    """How far one uncertain input moves the winner's value: a bar of the tornado."""

    id: str
    """Fact, price or effect id."""
    label: str
    low_value: str
    high_value: str
    """The input's P10 and P90, with unit, as people read it."""
    npv_at_low_usd: float
    npv_at_high_usd: float
    total_order_index: float | None = None
    """Share of the value's variance that disappears when this input is known (Sobol total order), 0..1."""


class BreakEvenPoint(Record):
    """The value of one input at which the recommended option and its reference are worth the same."""

    id: str
    label: str
    unit: str | None = None
    current: float | None = None
    """The value the decision was made on; None while unknown."""
    at: float | None = None
    """Where the two are worth the same; None when one of them is ahead over the whole range."""
    low: float
    high: float
    """The range that was searched."""
    against: str
    """Label of the option it is compared with."""
    text: str


class BreakEvenMap(Record):
    """Which option is best over a grid of two inputs."""

    x_label: str
    y_label: str
    x_values: list[float]
    y_values: list[float]
    winners: list[list[str]]
    """winners[row of y][column of x]: option label."""
    npv_usd: list[list[float]]
    """The winner's median NPV at the same places."""
    current_x: float | None = None
    current_y: float | None = None


class Decision(Record):
    """The whole decision."""

    v: int = 1
    verdict: Verdict
    headline: str
    recommended: OptionResult | None
    status_quo: OptionResult
    ranked: list[OptionResult]
    ruled_out: list[RuledOut]
    reasons: list[Reason]
    flips: list[Flip]
    constraint_prices: list[ConstraintPrice]
    next_questions: list[NextQuestion]
    settled: bool
    settled_because: str
    plan: list[Stage]
    readiness: list[Finding]
    risks: list[Finding]
    unchecked: list[Finding] = []
    """What might stop or endanger the plan and is not known yet; each names its open facts."""
    unused: list[Unused] = []
    """Answers that played no part in the decision."""
    assumptions: list[Assumption]
    conflict: Conflict | None = None
    pareto: list[str]
    near_best: list[str]
    solver: SolverReport | None
    pilot_worth_usd: float | None = None
    changes: list[Change] = []
    options_considered: int
    samples: int
    seed: int
    horizon_months: int
    today: date
    prices_date: date
    inputs_hash: str
    advisor_version: str
    facts: dict[str, Any]
    """The answers the decision was made on, by fact id."""
    origins: dict[str, str]
    sensitivities: list[Sensitivity] = []
    break_evens: list[BreakEvenPoint] = []
    break_even_maps: list[BreakEvenMap] = []

    def approach_probability(self, approach: str) -> float:
        """Share of the samples in which the best option is one of this approach, whatever its model and machine."""
        return sum(option.probability_best for option in self.ranked if option.approach == approach)
