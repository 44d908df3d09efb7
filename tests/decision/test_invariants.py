"""What must hold whatever the case: properties of the decision over generated answers."""

from typing import Any

import numpy as np
import pytest
from cases import (
    BULK,
    CLINIC,
    SUPPORT,
    answers,
    catalogue,
    decided,
    measured,
    prompted_api_chance,
    quality_of,
    rules,
    studied,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.decision.points import points_for
from advisor.decision.world import build_world
from pricing.catalogue import Catalogue
from pricing.entries import Model, Offer
from pricing.values import Value

few = settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
CASES = st.sampled_from([SUPPORT, BULK, CLINIC])
COUNTS = st.integers(min_value=1, max_value=40_000)


def dearer(factor: float) -> Catalogue:
    """The catalogue with every hosted token price multiplied."""

    def value(figure: Value) -> Value:
        names = ("value", "low", "high")
        scaled = {
            n: getattr(figure, n) * type(figure.value)(str(factor)) for n in names if getattr(figure, n) is not None
        }
        return figure.model_copy(update=scaled)

    def offer(one: Offer) -> Offer:
        names = [n for n in type(one).model_fields if n.endswith("_usd_per_mtok")]
        return one.model_copy(update={n: tuple(map(value, getattr(one, n) or ())) or None for n in names})

    def model(one: Model) -> Model:
        return one.model_copy(update={"offers": tuple(map(offer, one.offers))})

    shipped = catalogue()
    models = {name: model(one) for name, one in shipped.models.items()}
    kinds = ("gpus", "tuning", "retrieval", "people", "latency")
    return Catalogue(models=models, **{kind: getattr(shipped, kind) for kind in kinds})


@pytest.mark.parametrize("facts", [BULK, {**CLINIC, "limits.must_self_host": False}])
def test_a_dearer_api_is_not_used_more(facts: dict[str, Any]) -> None:
    untuned = {**facts, "data.labelled_examples": 0, "data.teacher_allowed": False, "limits.frontier_allowed": True}
    untuned.pop("data.reviewed_quality_rate", None)
    chances = [prompted_api_chance(studied(untuned, prices=dearer(factor))) for factor in (1.0, 4.0, 16.0, 400.0)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > chances[-1]


@few
@given(fewer=COUNTS, more=COUNTS)
def test_more_labels_never_hurt_tuning(fewer: int, more: int) -> None:
    low, high = sorted((fewer, more))
    for facts in (BULK, {**CLINIC, "data.reviewed_quality_rate": 0.97}):
        worse = studied({**facts, "data.labelled_examples": low}, samples=64)
        better = studied({**facts, "data.labelled_examples": high}, samples=64)
        trained = [o for o in worse.outcomes if o.option.training != "none" and o.option.labels is None]
        assert trained
        for outcome in trained:
            place = better.places.get(outcome.option.id)
            if place is not None and not outcome.option.distilled:
                assert (better.outcomes[place].quality >= outcome.quality - 1e-9).all()


@few
@given(facts=CASES, weeks=st.floats(min_value=1, max_value=30), shorter=st.floats(min_value=0.1, max_value=0.95))
def test_a_shorter_deadline_never_adds_options(facts: dict[str, Any], weeks: float, shorter: float) -> None:
    loose = studied({**facts, "limits.deadline_weeks": weeks}, samples=64)
    tight = studied({**facts, "limits.deadline_weeks": weeks * shorter}, samples=64)
    assert tight.possible <= loose.possible


@few
@given(facts=CASES)
def test_a_stricter_privacy_limit_never_adds_a_hosted_option(facts: dict[str, Any]) -> None:
    open_ = {**facts, "limits.must_self_host": False}
    open_.pop("limits.rented_gpus_allowed", None)
    free, frontier = studied(open_, samples=64), studied({**open_, "limits.frontier_allowed": False}, samples=64)
    house = studied({**open_, "limits.must_self_host": True}, samples=64)

    def hosted(study: Any) -> set[str]:
        return {o.option.id for o in study.outcomes if o.option.hosting in ("api", "serverless")} & set(study.possible)

    assert hosted(frontier) <= hosted(free)
    assert hosted(house) == set()


@few
@given(
    low=st.integers(min_value=10, max_value=5_000),
    width=st.integers(min_value=1, max_value=5_000),
    inside=st.floats(min_value=0, max_value=1),
)
def test_more_precise_answers_never_widen_a_fact(low: int, width: int, inside: float) -> None:
    fact = "data.labelled_examples"
    names = tuple(sorted(rules().facts))

    def spread(value: Any) -> float:
        world = build_world(rules().facts, (answers({} if value is None else {fact: value}),), points_for(names, 64))
        values = world.number(fact, 0.0)
        return 0.0 if isinstance(values, float) else float(values.max() - values.min())

    exact = low + round(inside * width)
    assert spread(exact) == 0.0 <= spread({"low": low, "high": low + width}) <= width < spread(None)


@few
@given(share=st.floats(min_value=0.05, max_value=0.95), items=st.sampled_from([30, 100, 300, 1000]))
def test_a_measurement_narrows_and_moves_towards_what_was_measured(share: float, items: int) -> None:
    before = quality_of(studied(BULK), "lora/gpt-oss-20b@")
    entry = {"approach": "lora", "model": "gpt-oss-20b", "training": "lora", "quality": share, "n": items}
    after = quality_of(studied(measured(BULK, [entry])), "lora/gpt-oss-20b@")

    def logit(samples: Any) -> Any:
        return np.log(samples / (1.0 - samples))

    assert logit(after).std() < logit(before).std()
    assert abs(np.median(after) - share) <= abs(np.median(before) - share) + 0.02


def test_a_good_measurement_lifts_siblings_and_a_bad_one_lowers_them() -> None:
    found = []
    for quality in (0.6, 0.95):
        entry = {"approach": "lora", "model": "gpt-oss-20b", "training": "lora", "quality": quality, "n": 400}
        found.append(np.median(quality_of(studied(measured(BULK, [entry])), "lora/qwen3.5-35b-a3b@")))
    assert found[0] < found[1] - 0.05


@few
@given(text=st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=200))
def test_free_text_changes_nothing(text: str) -> None:
    plain = decided(SUPPORT, samples=64)
    told = decided({**SUPPORT, "task.description": text}, samples=64)
    left_out = {"facts", "origins", "solver", "assumptions"}
    assert told.model_dump(exclude=left_out) == plain.model_dump(exclude=left_out)


@few
@given(order=st.permutations(sorted(SUPPORT)))
def test_the_order_of_answers_and_of_the_catalogue_does_not_matter(order: list[str]) -> None:
    plain = decided(SUPPORT, samples=64)
    shuffled = decided({fact: SUPPORT[fact] for fact in order}, samples=64)
    assert shuffled.ranked == plain.ranked
    shipped = catalogue()
    turned = Catalogue(
        **{
            kind: dict(reversed(getattr(shipped, kind).items()))
            for kind in ("models", "gpus", "tuning", "retrieval", "people", "latency")
        }
    )
    other = decided(SUPPORT, samples=64, prices=turned)
    assert {o.option_id: o.npv_usd for o in other.ranked}.items() >= {
        o.option_id: o.npv_usd for o in plain.ranked[:20]
    }.items()
    assert other.ranked[0].option_id == plain.ranked[0].option_id


def test_what_costs_nothing_to_know_is_not_asked_twice() -> None:
    decision = decided(BULK)
    asked = {question.fact for question in decision.next_questions}
    assert not asked & BULK.keys()
    assert "task.description" not in asked
