"""What an option costs: people, labels, training, serving, retrieval, upkeep, as parts that options share.

Equations (per sample):

    people      hours x wage, once and every month; evaluation set: hours x wage + labels missing to 300 test items
    labels      examples bought x price of one; distilled: 3,000 answers of a teacher at its token price, one in ten
                reviewed
    training    tokens = examples x (sent + answered) x 3 epochs; cost = hours x rent, or tokens x price (at least the
                minimum), x attempts
    upkeep      hours a month x wage + re-training cost x re-trainings a month (base model retired, knowledge changed)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.account import Account, Line, Part, total
from advisor.decision.options import SELF_HOSTED
from advisor.decision.retrieval import latency_ms
from advisor.decision.serving import ServingModel, middle
from advisor.decision.tokens import TokenModel, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from advisor.decision.market import Deployment
    from advisor.decision.options import Option
    from advisor.decision.retrieval import RetrievalSetup
    from advisor.decision.world import World
    from pricing.effort import Effort, Span

    Array = NDArray[np.float64]
    Amount = Array | float

EPOCHS = 3.0
EVALUATION_EXAMPLES = 300
"""Enough to detect a difference of about seven points with 20 % discordant pairs (80 % power)."""
DISTILLED_EXAMPLES = 3000
REVIEWED_SHARE = 0.1
DAYS_PER_MONTH = 30.4375
LEAST_TRAINING_HOURS = 0.1
SERVICE_TOKENS_PER_HOUR = 3e6
"""Of a service that bills tuning by the hour without stating its speed (judgement)."""
MOST_RETRAININGS_PER_MONTH = 0.5


class CostModel:
    """Builds the account of any option in one world.

    What tells of a line's basis holds on to the figures it needs, never to the model: without cycles the arrays of a
    decision are freed with it.
    """

    def __init__(
        self,
        world: World,
        effort: Mapping[str, Effort],
        retrieval: Mapping[bool, RetrievalSetup | None],
        teacher: Deployment | None,
    ) -> None:
        self.world = world
        self.requests = world.number("traffic.requests_per_month", 10_000.0)
        self.tokens = TokenModel(world)
        self.serving = ServingModel(world, self.tokens, self.requests)
        self._effort = effort
        self._retrieval = retrieval
        self._teacher = teacher
        self._wage = world.number("team.engineer_usd_per_hour", 100.0)
        self._label_usd = world.number("data.label_cost_usd", 1.0)
        self._labels_at_hand = world.number("data.labelled_examples", 0.0)
        self._attempts = world.number("team.training_attempts", 4.0)
        self._life_months = world.number("finance.base_model_life_months", 16.0)
        self._sharing = np.maximum(world.number("portfolio.tasks_sharing_a_base_model", 1.0), 1.0)
        self._parts: dict[tuple[object, ...], Part] = {}
        self._weeks: dict[tuple[str, str, str], Amount] = {}
        self._rates: dict[bool, tuple[Amount, Callable[[], str]]] = {}

    def account(self, option: Option) -> Account:
        """The whole account; every amount in US dollars."""
        if option.deployment is None:
            return Account(())
        served = self.serving.of(option)
        parts = [self._people(option), served.part]
        if option.labels is not None or option.distilled:
            parts.append(self._part(("labels", option.labels, option.distilled), option, self._label_lines))
        if option.training != "none":
            parts.append(self._training(option))
        latency = served.latency_p95_ms
        if option.retrieval or option.approach == "few_shot_retrieval":
            own = option.hosting in SELF_HOSTED
            setup = self._retrieval[own]
            assert setup is not None
            key = ("retrieval", own, option.retrieval, option.approach == "swap_model")
            parts.append(self._part(key, option, lambda o: setup.lines(self.world, o, self.tokens.input)))
            latency = latency + latency_ms(self.world, option)
        return Account(tuple(parts), self.weeks(option), latency, served.replicas, served.missing_replicas)

    def _part(self, key: tuple[object, ...], option: Option, build: object) -> Part:
        if key not in self._parts:
            self._parts[key] = Part(tuple(build(option)), shared=key[0] != "training")  # type: ignore[operator]
        return self._parts[key]

    # people -----------------------------------------------------------------------------------------------------

    def _hours(self, span: Span) -> Amount:
        return self.world.lognormal("effort", span.low, span.high) if span.high > 0 else 0.0

    def weeks(self, option: Option) -> Amount:
        """Calendar weeks until the option runs."""
        key = self.weeks_key(option)
        if key not in self._weeks:
            self._weeks[key] = total(self._hours(self._effort[name].weeks) for name in key if name)
        return self._weeks[key]

    @staticmethod
    def weeks_key(option: Option) -> tuple[str, str, str]:
        """Options with equal keys take equally long to build: approach, place, and the step that makes labels."""
        step = "distillation" if option.distilled else "labelling" if option.labels is not None else ""
        return (option.approach, option.hosting, step)

    def _people(self, option: Option) -> Part:
        return self._part(("people", option.approach, option.hosting), option, self._people_lines)

    def _people_lines(self, option: Option) -> list[Line]:
        approach, place = self._effort[option.approach], self._effort[option.hosting]
        a, b = approach.setup_hours, place.setup_hours
        data = approach.data_hours
        part = self._hours(data) if data is not None else 0.0
        without = "" if data is None else ", less those for the data"
        lines = [
            Line(
                "engineering",
                "Building it",
                lambda: (
                    f"{a.low:g}-{a.high:g} h for {_inside(approach.label)}{without}, {b.low:g}-{b.high:g} h for "
                    f"{_inside(place.label)}, at the engineer's wage"
                ),
                "assumed",
                once=(self._hours(a) - part + self._hours(b)) * self._wage,
                sources=tuple(dict.fromkeys((approach.source, place.source))),
            ),
            self._evaluation_line(),
            Line(
                "monitoring",
                "Monitoring and upkeep",
                lambda: f"{approach.hours_per_month.low:g}-{approach.hours_per_month.high:g} h a month",
                "assumed",
                per_month=self._hours(approach.hours_per_month) * self._wage,
                sources=(approach.source,),
            ),
        ]
        if place.hours_per_month.high > 0:
            lines.append(
                Line(
                    "staff",
                    f"Running it: {place.label}",
                    lambda: f"{place.hours_per_month.low:g}-{place.hours_per_month.high:g} h a month",
                    "assumed",
                    per_month=self._hours(place.hours_per_month) / self._sharing * self._wage,
                    sources=(place.source,),
                )
            )
        if approach.retrain_hours is None:
            lines.append(self._moving_line())
        return [*self._data_lines(approach), *lines, *self._exit_lines(approach, place)]

    def _data_lines(self, approach: Effort) -> list[Line]:
        hours = approach.data_hours
        if hours is None:
            return []
        what = "documents" if approach.retrain_hours is None else "examples"
        return [
            Line(
                "data",
                f"Preparing the {what}",
                lambda: f"{hours.low:g}-{hours.high:g} h to collect, clean and check them, at the engineer's wage",
                "assumed",
                once=self._hours(hours) * self._wage,
                sources=(approach.source,),
            )
        ]

    def _exit_lines(self, approach: Effort, place: Effort) -> list[Line]:
        spans = [each.exit_hours for each in (approach, place) if each.exit_hours is not None]
        if not spans:
            return []
        low, high = sum(span.low for span in spans), sum(span.high for span in spans)
        return [
            Line(
                "exit",
                "Moving away at the end",
                lambda: f"{low:g}-{high:g} h in the last month: switch off, hand over, end contracts",
                "assumed",
                at_end=total(self._hours(span) for span in spans) * self._wage,
                sources=("Judgement of the maintainers; wide on purpose",),
            )
        ]

    def _evaluation_line(self) -> Line:
        step = self._effort["evaluation_set"]
        missing = np.maximum(EVALUATION_EXAMPLES - self.world.number("data.test_examples", 0.0), 0.0)
        hours = step.setup_hours
        return Line(
            "evaluation",
            "Evaluation set and test harness",
            lambda: (
                f"{hours.low:g}-{hours.high:g} h and labels for {EVALUATION_EXAMPLES} test items less those at hand"
            ),
            "assumed",
            once=self._hours(hours) * self._wage + missing * self._label_usd,
            per_month=self._hours(step.hours_per_month) * self._wage,
            sources=(step.source,),
        )

    def _moving_line(self) -> Line:
        effort, life = self._effort["swap_model"], self._life_months
        return Line(
            "retraining",
            "Moving to the next model",
            lambda: f"once every {middle(life):.0f} months",
            "assumed",
            per_month=self._hours(effort.setup_hours) * self._wage / self._life_months,
            sources=(effort.source,),
        )

    # labels and training ----------------------------------------------------------------------------------------

    def labels_used(self, option: Option) -> Amount:
        """Examples the option trains on or retrieves from."""
        if option.distilled:
            return float(DISTILLED_EXAMPLES)
        if option.labels is not None:
            return np.maximum(float(option.labels), self._labels_at_hand)
        return self._labels_at_hand

    def _label_lines(self, option: Option) -> list[Line]:
        step = self._effort["distillation" if option.distilled else "labelling"]
        hours = step.setup_hours
        people = Line(
            "labelling",
            step.label,
            lambda: f"{hours.low:g}-{hours.high:g} h for guidelines, set-up and checks, at the engineer's wage",
            "assumed",
            once=self._hours(hours) * self._wage,
            sources=(step.source,),
        )
        return [people, self._taught_line() if option.distilled else self._bought_line(option.labels or 0)]

    def _bought_line(self, labels: int) -> Line:
        more = np.maximum(labels - self._labels_at_hand, 0.0)
        basis = f"up to {labels:,} in all, less those at hand, at the price of a label"
        return Line("labelling", "More labelled examples", lambda: basis, "estimated", once=more * self._label_usd)

    def _taught_line(self) -> Line:
        usd: Amount = REVIEWED_SHARE * DISTILLED_EXAMPLES * self._label_usd
        sources: tuple[str, ...] = ()
        if self._teacher is not None and self._teacher.prices is not None:
            tokens = Tokens(self.tokens.input, self.tokens.output, 0.0)
            usd = usd + DISTILLED_EXAMPLES * self.serving.token_usd(self._teacher.prices, tokens)
            sources = self._teacher.prices.sources
        elif self._teacher is not None and self._teacher.machine is not None:
            machine = self._teacher.machine
            seconds = machine.busy_seconds(self.tokens.input, self.tokens.output)
            usd = usd + DISTILLED_EXAMPLES * seconds / 3600.0 * machine.usd_per_hour.value
            sources = (machine.source,)
        basis = f"{DISTILLED_EXAMPLES:,} answers of the teacher at its token price, one in ten reviewed"
        return Line("labelling", "Labels from a teacher", lambda: basis, "estimated", once=usd, sources=sources)

    def _training(self, option: Option) -> Part:
        d = option.deployment
        assert d is not None
        service = option.service.service_id if option.service else None
        key = (option.approach, option.training, d.model_id, d.place, service, option.labels, option.distilled)
        return self._part(("training", *key), option, self._training_lines)

    def _training_lines(self, option: Option) -> list[Line]:
        runs = self.training_usd(option)
        sources = option.service.sources if option.service else _machine_sources(option)
        effort = self._effort[option.approach]
        retrain = effort.retrain_hours
        assert retrain is not None
        rate, why = self._retraining_rate(option.retrieval)
        each = self._hours(retrain) * self._wage + runs
        labels, attempts = self.labels_used(option), self._attempts
        return [
            Line(
                "training",
                "Training runs",
                lambda: f"{middle(labels):,.0f} examples x tokens x {EPOCHS:g} epochs, {middle(attempts):.0f} attempts",
                "estimated",
                once=runs,
                sources=sources,
            ),
            Line("retraining", "Re-training", why, "estimated", per_month=each * rate, sources=(effort.source,)),
        ]

    def training_usd(self, option: Option) -> Amount:
        """All attempts of one training."""
        tokens = self.tokens.of(option)
        trained = self.labels_used(option) * (tokens.sent + tokens.answered) * EPOCHS
        service = option.service
        if service is not None:
            if service.train_usd_per_mtok is not None:
                once = np.maximum(trained * service.train_usd_per_mtok.value / 1e6, service.minimum_usd)
            else:
                rate = service.train_usd_per_hour.value if service.train_usd_per_hour else 0.0
                once = np.maximum(rate * np.maximum(trained / SERVICE_TOKENS_PER_HOUR, 0.5), service.minimum_usd)
            return once * self._attempts
        machine = option.deployment.machine if option.deployment else None
        if machine is None:
            return 0.0
        hours = trained / machine.training_tokens_per_s(option.training) / 3600.0
        return np.maximum(hours, LEAST_TRAINING_HOURS) * machine.training_usd_per_hour * self._attempts

    def _retraining_rate(self, retrieval: bool) -> tuple[Amount, Callable[[], str]]:
        """(re-trainings a month, why so many); the same for all options that retrieve, and for all that do not."""
        if retrieval not in self._rates:
            self._rates[retrieval] = self._retrainings_per_month(retrieval)
        return self._rates[retrieval]

    def _retrainings_per_month(self, retrieval: bool) -> tuple[Amount, Callable[[], str]]:
        life = self._life_months
        rate: Amount = 1.0 / life
        changing = np.asarray(self.world.facts.get("knowledge.source") == "changing_corpus")

        def retired() -> str:
            return f"base model retired every {middle(life):.0f} months"

        if retrieval or not np.any(changing):
            return rate, retired
        interval = np.maximum(self.world.number("knowledge.change_interval_days", 90.0), 1.0)
        often = np.minimum(DAYS_PER_MONTH / interval, MOST_RETRAININGS_PER_MONTH)
        return rate + np.where(
            changing, often, 0.0
        ), lambda: f"{retired()}, and when what it learned has changed (at most every two months)"


def _inside(label: str) -> str:
    """A label inside a sentence: `Hosted API` -> `hosted API`, `LoRA fine-tuning` as it is."""
    first = label.partition(" ")[0]
    return label[0].lower() + label[1:] if first[1:].islower() else label


def _machine_sources(option: Option) -> tuple[str, ...]:
    machine = option.deployment.machine if option.deployment else None
    return (machine.source,) if machine else ()
