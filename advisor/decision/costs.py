"""What an option costs: people, labels, training, serving, retrieval, upkeep.

Equations (per option, per sample):

    request     (in (1 - c) p_in + in c p_cached + out p_out) / 1e6      hosted tokens; c is the cached share where a cached price exists
    replica     busy seconds of a request = in / prefill + out / throughput; replicas = max(2, ceil(peak requests/s x busy / 0.7))
    batch       machine hours = requests x busy / 3600 / 0.85, rounded up to one hour a month
    training    tokens = examples x (in + out) x epochs; cost = hours x rent x attempts, or tokens x price x attempts (at least the minimum)
    upkeep      hours a month x wage + re-training cost x re-trainings a month

Utilisation 0.7 keeps queueing delay bounded at peak and 0.85 is what batch engines sustain; both are judgements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.account import Account, Line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from advisor.decision.market import Deployment
    from advisor.decision.options import Option
    from advisor.decision.world import World
    from pricing.effort import Effort, Span
    from pricing.values import Range

    Array = NDArray[np.float64]
    Amount = Array | float

HOURS_PER_MONTH = 730.0
PEAK_UTILISATION = 0.7
BATCH_UTILISATION = 0.85
EPOCHS = 3.0
FEW_SHOT_EXAMPLES = 5
EVALUATION_EXAMPLES = 300
"""Enough to detect a difference of about seven points with 20 % discordant pairs (80 % power)."""
DISTILLED_EXAMPLES = 3000
CLASSIFIER_OUTPUT_TOKENS = 0.0
DAYS_PER_MONTH = 30.4375


class CostModel:
    """Builds the account of any option in one world."""

    def __init__(
        self, world: World, effort: Mapping[str, Effort], retrieval: RetrievalPrices, teacher: Deployment | None
    ) -> None:
        self.world = world
        self._effort = effort
        self._retrieval = retrieval
        self._teacher = teacher
        self.requests = world.number("traffic.requests_per_month", 10_000.0)
        self.input = world.number("traffic.input_tokens", 800.0)
        self.output = np.maximum(world.number("traffic.output_tokens", 200.0), 1.0)
        self._wage = world.number("team.engineer_usd_per_hour", 90.0)
        self._wage_basis = "engineering hours x wage"
        self._label_usd = world.number("data.label_cost_usd", 1.0)
        self._labels_at_hand = world.number("data.labelled_examples", 0.0)
        batch = world.facts.get("traffic.batch")
        self._batch_share: Amount = 0.0 if batch is None else np.asarray(batch, dtype=float)
        self._attempts = world.number("team.training_attempts", 4.0)
        self._life_months = world.number("finance.base_model_life_months", 16.0)
        self._sharing = np.maximum(world.number("portfolio.tasks_sharing_a_base_model", 1.0), 1.0)

    def account(self, option: Option) -> Account:
        """The whole account; every amount in US dollars."""
        account = Account()
        self._people(option, account)
        self._labels(option, account)
        if option.training != "none":
            self._training(option, account)
        if option.deployment is not None:
            self._serving(option, option.deployment, account)
        if option.retrieval or option.approach == "few_shot_retrieval":
            self._retrieval_lines(option, account)
        self._upkeep(option, account)
        return account

    # tokens -----------------------------------------------------------------------------------------------------

    def tokens(self, option: Option) -> tuple[Amount, Amount]:
        """(input, output) tokens of one request as the option sends it."""
        sent, answered = self.input, self.output
        if option.training != "none" and option.training != "encoder":
            sent = sent * (0.55 + 0.4 * self.world.points.uniform("tokens.shorter_prompt"))
        if option.approach == "few_shot_retrieval":
            sent = sent + np.minimum(FEW_SHOT_EXAMPLES * (np.minimum(self.input, 800.0) + self.output), 8000.0)
        elif option.retrieval:
            sent = sent + self.world.lognormal("tokens.retrieved", 1200.0, 5000.0)
        elif option.approach == "long_context":
            sent = sent + self.world.number("knowledge.corpus_tokens", 50_000.0)
        deployment = option.deployment
        if deployment is not None and deployment.reasoning and option.training == "none":
            deep = self.world.facts.get("task.reasoning")
            thinking = self.world.lognormal("tokens.thinking", 300.0, 2500.0)
            answered = answered + np.where(np.asarray(deep == "deep"), thinking, 0.0)
        return sent, answered

    # lines ------------------------------------------------------------------------------------------------------

    def _hours(self, name: str, span: Span) -> Amount:
        return self.world.lognormal("effort", span.low, span.high) if span.high > 0 else 0.0

    def _people(self, option: Option, account: Account) -> None:
        effort, place = self._effort[option.approach], self._effort[option.hosting]
        setup = self._hours(option.approach, effort.setup_hours) + self._hours(option.hosting, place.setup_hours)
        account.weeks = self._hours(option.approach, effort.weeks) + self._hours(option.hosting, place.weeks)
        if option.approach == "keep_current":
            return
        account.lines.append(
            Line(
                "engineering",
                "Building it",
                f"{effort.setup_hours.low:g}-{effort.setup_hours.high:g} h for {effort.label.lower()}, "
                f"{place.setup_hours.low:g}-{place.setup_hours.high:g} h for {place.label.lower()}, at the engineer's wage",
                "assumed",
                once=setup * self._wage,
                sources=(effort.source, place.source),
            )
        )
        step = self._effort["evaluation_set"]
        missing = np.maximum(EVALUATION_EXAMPLES - self.world.number("data.test_examples", 0.0), 0.0)
        account.lines.append(
            Line(
                "evaluation",
                "Evaluation set and test harness",
                f"{step.setup_hours.low:g}-{step.setup_hours.high:g} h and labels for {EVALUATION_EXAMPLES} test items less those at hand",
                "assumed",
                once=self._hours("evaluation", step.setup_hours) * self._wage + missing * self._label_usd,
                per_month=self._hours("evaluation", step.hours_per_month) * self._wage,
                sources=(step.source,),
            )
        )

    def labels_used(self, option: Option) -> Amount:
        """Examples the option trains on or retrieves from."""
        if option.distilled:
            return float(DISTILLED_EXAMPLES)
        if option.labels is not None:
            return np.maximum(float(option.labels), self._labels_at_hand)
        return self._labels_at_hand

    def _labels(self, option: Option, account: Account) -> None:
        if option.distilled:
            usd = 0.0
            if self._teacher is not None:
                usd = DISTILLED_EXAMPLES * self._token_usd(self._teacher, self.input, self.output)[0]
            review = 0.1 * DISTILLED_EXAMPLES * self._label_usd
            account.lines.append(
                Line(
                    "labelling",
                    "Labels from a teacher",
                    f"{DISTILLED_EXAMPLES:,} answers of the teacher at its token price, one in ten reviewed",
                    "estimated",
                    once=usd + review,
                )
            )
        elif option.labels is not None:
            more = np.maximum(option.labels - self._labels_at_hand, 0.0)
            account.lines.append(
                Line(
                    "labelling",
                    "More labelled examples",
                    f"up to {option.labels:,} in all, less those at hand, at the price of a label",
                    "estimated",
                    once=more * self._label_usd,
                )
            )

    def training_usd(self, option: Option) -> Amount:
        """All attempts of one training."""
        sent, answered = self.tokens(option)
        tokens = self.labels_used(option) * (sent + answered) * EPOCHS
        service = option.service
        if service is not None:
            if service.train_usd_per_mtok is not None:
                once = np.maximum(tokens * service.train_usd_per_mtok.value / 1e6, service.minimum_usd)
            else:
                rate = service.train_usd_per_hour.value if service.train_usd_per_hour else 0.0
                once = np.maximum(rate * np.maximum(tokens / 3e6, 0.5), service.minimum_usd)
            return once * self._attempts
        machine = option.deployment.machine if option.deployment else None
        if machine is None:
            return 0.0
        hours = tokens / machine.training_tokens_per_s(option.training) / 3600.0
        return np.maximum(hours, 0.1) * machine.training_usd_per_hour * self._attempts

    def _training(self, option: Option, account: Account) -> None:
        account.lines.append(
            Line(
                "training",
                "Training runs",
                f"examples x tokens x {EPOCHS:g} epochs, {_middle(self._attempts):.0f} attempts",
                "estimated",
                once=self.training_usd(option),
                sources=option.service.sources if option.service else _machine_sources(option),
            )
        )

    def _token_usd(self, deployment: Deployment, sent: Amount, answered: Amount) -> tuple[Amount, str]:
        prices = deployment.prices
        assert prices is not None
        share = self.world.number("traffic.cached_input_share", 0.0) if prices.cached_input else 0.0
        cached = prices.cached_input.value if prices.cached_input else 0.0
        p_in: Amount = prices.input.value
        p_out: Amount = prices.output.value
        if prices.long_above_tokens is not None and prices.long_input is not None:
            long = np.asarray(sent) > prices.long_above_tokens
            p_in = np.where(long, prices.long_input.value, p_in)
            p_out = np.where(long, (prices.long_output or prices.output).value, p_out)
        live = (sent * (1 - share) * p_in + sent * share * cached + answered * p_out) / 1e6
        if prices.batch_input is None or prices.batch_output is None:
            return live, "list price"
        batch = (sent * prices.batch_input.value + answered * prices.batch_output.value) / 1e6
        mixed = self._batch_share * np.minimum(batch, live) + (1 - self._batch_share) * live
        return mixed, "batch price where no one waits"

    def _serving(self, option: Option, deployment: Deployment, account: Account) -> None:
        sent, answered = self.tokens(option)
        if deployment.machine is None:
            self._hosted(option, deployment, account, sent, answered)
        else:
            self._own(option, deployment, account, sent, answered)
        if option.retrieval:
            account.latency_p95_ms = account.latency_p95_ms + self._retrieval.latency_ms(self.world)

    def _hosted(self, option: Option, deployment: Deployment, account: Account, sent: Amount, answered: Amount) -> None:
        if option.approach == "long_context" and deployment.prices and deployment.prices.cached_input:
            corpus = self.world.number("knowledge.corpus_tokens", 50_000.0)
            fresh, _ = self._token_usd(deployment, sent - corpus, answered)
            usd = (
                fresh
                + corpus * (0.2 * deployment.prices.input.value + 0.8 * deployment.prices.cached_input.value) / 1e6
            )
            how = "documents cached for four requests in five"
        else:
            usd, how = self._token_usd(deployment, sent, answered)
        p = deployment.prices
        assert p is not None
        account.lines.append(
            Line(
                "serving",
                f"{deployment.model_name} by the token",
                f"${p.input.value:g} in, ${p.output.value:g} out per million tokens ({how}), "
                f"{_middle(sent):,.0f} + {_middle(answered):,.0f} tokens a request",
                "estimated",
                per_request_tokens=usd,
                sources=p.sources,
            )
        )
        hosting = option.service.hosting_usd_per_hour if option.service else None
        if hosting is not None and hosting.value > 0:
            account.lines.append(
                Line(
                    "serving",
                    "Hosting of the tuned model",
                    f"${hosting.value:g} an hour, always on",
                    "estimated",
                    per_month=hosting.value * HOURS_PER_MONTH,
                    sources=option.service.sources if option.service else (),
                )
            )
        account.latency_p95_ms = self._hosted_latency(deployment, answered)

    def _hosted_latency(self, deployment: Deployment, answered: Amount) -> Amount:
        prior = deployment.latency
        wobble = np.exp(0.25 * self.world.points.normal("latency.hosted"))
        if prior is None:
            first, speed = _TIER_LATENCY.get(deployment.tier, (1200.0, 60.0))
            return (first + 1000.0 * answered / speed) * wobble**2
        slow = (
            prior.tokens_per_s.low
            if prior.tokens_per_s.low < prior.tokens_per_s.value
            else 0.6 * prior.tokens_per_s.value
        )
        return (prior.ttft_p95_ms + 1000.0 * answered / slow) * wobble

    def _own(self, option: Option, deployment: Deployment, account: Account, sent: Amount, answered: Amount) -> None:
        machine = deployment.machine
        assert machine is not None
        if option.training == "encoder":
            answered = CLASSIFIER_OUTPUT_TOKENS
        wobble = np.exp(machine.profile.log_sd * self.world.points.normal("speed.own"))
        busy = machine.busy_seconds(sent, answered) / wobble
        per_second = self.requests / (HOURS_PER_MONTH * 3600.0)
        peak = per_second * self.world.number("traffic.peak_to_average", 4.0)
        replicas = np.maximum(2.0, np.ceil(peak * busy / PEAK_UTILISATION))
        always_on = replicas * HOURS_PER_MONTH
        batch_hours = np.maximum(1.0, self.requests * busy / 3600.0 / BATCH_UTILISATION)
        hours = self._batch_share * np.minimum(batch_hours, always_on) + (1 - self._batch_share) * always_on
        if option.training in ("lora", "qlora", "encoder"):
            shared = np.maximum(hours / self._sharing, self.requests * busy / 3600.0 / BATCH_UTILISATION)
            hours = np.minimum(hours, shared)
        rate = _spread(machine.usd_per_hour, self.world, "price.rent")
        account.replicas = replicas
        account.hosted_hours = hours
        what = f"{machine.count} x {machine.gpu_name} a replica" if machine.count > 1 else machine.gpu_name
        account.lines.append(
            Line(
                "serving",
                f"{deployment.model_name} on {what}",
                f"{_middle(hours):,.0f} machine hours a month ({_middle(busy) * 1000:,.0f} ms busy a request, peak x redundancy, "
                f"or by the hour for batches) at ${machine.usd_per_hour.value:,.2f}",
                "estimated",
                per_month=hours * rate,
                sources=(machine.source,),
            )
        )
        slow = np.exp(0.3 * self.world.points.normal("latency.own"))
        account.latency_p95_ms = 1.6 * machine.latency_ms(sent, answered) * slow / wobble

    def _retrieval_lines(self, option: Option, account: Account) -> None:
        r = self._retrieval
        if option.approach == "few_shot_retrieval":
            account.lines.append(
                Line(
                    "retrieval",
                    "Looking up examples",
                    "one query embedding a request; the examples fit in memory",
                    "estimated",
                    per_request=self.input * r.embedding_usd_per_mtok / 1e6,
                    sources=r.sources,
                )
            )
            return
        corpus = self.world.number("knowledge.corpus_tokens", 5_000_000.0)
        interval = np.maximum(self.world.number("knowledge.change_interval_days", 90.0), 1.0)
        refresh = np.where(
            np.asarray(self.world.facts.get("knowledge.source") == "changing_corpus"), DAYS_PER_MONTH / interval, 0.0
        )
        index = corpus * r.embedding_usd_per_mtok / 1e6
        account.lines.append(
            Line(
                "retrieval",
                "Index, search and re-indexing",
                f"embedding ${r.embedding_usd_per_mtok:g} per million tokens, store from ${r.store_usd_per_month:g} a month, "
                f"a tenth of the documents re-embedded at each change",
                "estimated",
                once=index,
                per_request=60.0 * r.embedding_usd_per_mtok / 1e6 + r.rerank_usd_per_search,
                per_month=r.store_usd_per_month + 0.1 * index * np.minimum(refresh, 30.0),
                sources=r.sources,
            )
        )

    def _upkeep(self, option: Option, account: Account) -> None:
        if option.approach == "keep_current":
            return
        effort, place = self._effort[option.approach], self._effort[option.hosting]
        hours = self._hours(option.approach, effort.hours_per_month)
        account.lines.append(
            Line(
                "monitoring",
                "Monitoring and upkeep",
                f"{effort.hours_per_month.low:g}-{effort.hours_per_month.high:g} h a month",
                "assumed",
                per_month=hours * self._wage,
                sources=(effort.source,),
            )
        )
        if place.hours_per_month.high > 0:
            ops = self._hours(option.hosting, place.hours_per_month) / self._sharing
            account.lines.append(
                Line(
                    "staff",
                    f"Running the {place.label}",
                    f"{place.hours_per_month.low:g}-{place.hours_per_month.high:g} h a month",
                    "assumed",
                    per_month=ops * self._wage,
                    sources=(place.source,),
                )
            )
        self._renewal(option, account)

    def _renewal(self, option: Option, account: Account) -> None:
        """Re-training when the base is retired or the knowledge changes; a moved prompt otherwise."""
        effort = self._effort[option.approach]
        if effort.retrain_hours is None:
            moved = self._hours("swap_model", self._effort["swap_model"].setup_hours) * self._wage
            account.lines.append(
                Line(
                    "retraining",
                    "Moving to the next model",
                    f"once every {_middle(self._life_months):.0f} months",
                    "assumed",
                    per_month=moved / self._life_months,
                    sources=(self._effort["swap_model"].source,),
                )
            )
            return
        each = self._hours("retrain", effort.retrain_hours) * self._wage + self.training_usd(option)
        rate = 1.0 / self._life_months
        basis = f"base model retired every {_middle(self._life_months):.0f} months"
        if not option.retrieval:
            changing = np.asarray(self.world.facts.get("knowledge.source") == "changing_corpus")
            interval = np.maximum(self.world.number("knowledge.change_interval_days", 90.0), 1.0)
            rate = rate + np.where(changing, np.minimum(DAYS_PER_MONTH / interval, 1.0) * 0.5, 0.0)
            basis += ", and when what it learned has changed (at most every two months)"
        account.lines.append(
            Line("retraining", "Re-training", basis, "estimated", per_month=each * rate, sources=(effort.source,))
        )


_TIER_LATENCY = {
    "frontier": (1800.0, 50.0),
    "mid": (1200.0, 70.0),
    "small_hosted": (800.0, 100.0),
    "open_large": (900.0, 70.0),
    "open_mid": (700.0, 80.0),
    "open_small": (500.0, 120.0),
    "tiny": (300.0, 150.0),
}
"""First token p95 (ms) and tokens/s where the catalogue has no measurement; the spread used with it is doubled. Judgement."""


class RetrievalPrices:
    """The retrieval set-up that options are priced with."""

    def __init__(
        self,
        embedding_usd_per_mtok: float,
        store_usd_per_month: float,
        rerank_usd_per_search: float,
        sources: tuple[str, ...],
    ) -> None:
        self.embedding_usd_per_mtok = embedding_usd_per_mtok
        self.store_usd_per_month = store_usd_per_month
        self.rerank_usd_per_search = rerank_usd_per_search
        self.sources = sources

    def latency_ms(self, world: World) -> Amount:
        """What embedding the query, searching and reranking add at p95."""
        return world.lognormal("latency.retrieval", 200.0, 900.0)


def _spread(price: Range, world: World, name: str) -> Amount:
    """A price with a range as samples: low and high as P10 and P90 of a lognormal through the middle."""
    if price.low >= price.high:
        return price.value
    return np.clip(world.lognormal(name, max(price.low, 0.3 * price.value), price.high), price.low, price.high)


def _middle(value: Amount) -> float:
    return float(np.median(value))


def _machine_sources(option: Option) -> tuple[str, ...]:
    machine = option.deployment.machine if option.deployment else None
    return (machine.source,) if machine else ()
