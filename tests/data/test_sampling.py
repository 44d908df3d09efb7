"""Acceptance sampling against scipy, the published table and simulation."""

import math
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import beta, binom, hypergeom

from trainers.data.review.agreement import agreement
from trainers.data.review.sampling import (
    acceptance_plan,
    at_most,
    bad_limit,
    quality_of,
    sample_size,
    ten_percent_plan,
)


@pytest.mark.parametrize(("bad", "rows"), [(0, 59), (1, 93), (2, 124), (3, 153), (4, 181)])
def test_the_published_sizes_for_large_sets(bad: int, rows: int) -> None:
    """95 % quality at 95 % confidence; each is the smallest for which the binomial tail is at most 5 %."""
    assert sample_size(10_000_000, bad) == rows
    assert binom.cdf(bad, rows, 0.05) <= 0.05 < binom.cdf(bad, rows - 1, 0.05)


@given(st.integers(1, 400), st.data())
def test_the_distribution_is_the_hypergeometric(rows: int, data: st.DataObject) -> None:
    bad, sample = data.draw(st.integers(0, rows)), data.draw(st.integers(0, rows))
    allowed = data.draw(st.integers(0, rows))
    assert at_most(allowed, rows, bad, sample) == pytest.approx(hypergeom.cdf(allowed, rows, bad, sample), abs=1e-9)


@given(st.integers(20, 2000), st.integers(0, 5), st.sampled_from((0.9, 0.95, 0.98)))
@example(40, 0, 0.98)  # 38 rows leave a chance of exactly one in twenty
def test_a_plan_is_the_smallest_that_proves(rows: int, allowed: int, quality: float) -> None:
    plan = acceptance_plan(rows, quality=quality, allowed_bad=allowed)
    limit = bad_limit(rows, quality)
    assert (rows - limit) / rows < quality <= (rows - limit + 1) / rows + 1e-9
    if plan.kind == "all":
        assert plan.sample == rows
        assert plan.allowed_bad == limit - 1
    else:
        assert plan.proves
        assert hypergeom.cdf(allowed, rows, limit, plan.sample - 1) > 0.05 + 1e-10


def test_the_plan_lets_good_data_pass() -> None:
    for rows in (300, 1000, 50_000):
        plan = acceptance_plan(rows)
        assert plan.proves
        assert plan.passes_at(0.99) >= 0.8
        assert acceptance_plan(rows, allowed_bad=plan.allowed_bad - 1).passes_at(0.99) < 0.8


@pytest.mark.parametrize("rows", [50, 200, 400, 500])
def test_a_tenth_of_a_small_set_never_proves_95_percent(rows: int) -> None:
    plan = ten_percent_plan(rows)
    assert not plan.proves
    assert quality_of(rows, plan.sample, 0).low < 0.95


def test_a_spotless_tenth_of_a_larger_set_proves_it_but_the_rule_lets_more_pass() -> None:
    """With 59 of 590: none bad proves 95 %, the rule's two bad do not."""
    assert quality_of(590, 59, 0).low >= 0.95
    assert ten_percent_plan(590).allowed_bad == 2
    assert not ten_percent_plan(590).proves


@given(st.integers(1, 300), st.data())
def test_bounds_contain_the_rate_and_agree_with_the_plan(rows: int, data: st.DataObject) -> None:
    reviewed = data.draw(st.integers(1, rows))
    bad = data.draw(st.integers(0, reviewed))
    found = quality_of(rows, reviewed, bad)
    assert 0 <= found.low <= found.rate + 1e-12
    assert found.rate <= found.high + 1e-12 <= 1 + 1e-11
    if reviewed == rows:
        assert found.low == pytest.approx(found.rate) == pytest.approx(found.high)


def test_bounds_of_a_large_set_are_clopper_and_pearson() -> None:
    found = quality_of(10_000_000, 120, 4)
    assert found.low == pytest.approx(1 - beta.ppf(0.95, 5, 116), abs=1e-5)
    assert found.high == pytest.approx(1 - beta.ppf(0.05, 4, 117), abs=1e-5)


def test_the_lower_bound_holds_as_often_as_promised() -> None:
    rng = random.Random(3)
    rows, bad, sample = 800, 60, 120
    population = [1] * bad + [0] * (rows - bad)
    bounds = {k: quality_of(rows, sample, k).low for k in range(sample + 1)}
    held = sum(bounds[sum(rng.sample(population, sample))] <= 1 - bad / rows for _ in range(4000))
    assert held / 4000 >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 4000)


def test_agreement_beyond_chance() -> None:
    judged = [(f"r{n}", n < 45, n < 40 or n >= 48) for n in range(50)]
    found = agreement("a", "b", judged)
    assert found is not None
    assert found.observed == pytest.approx(43 / 50)
    chance = 45 / 50 * 42 / 50 + 5 / 50 * 8 / 50
    assert found.kappa == pytest.approx((43 / 50 - chance) / (1 - chance))
    mean = (45 + 42) / 100
    assert found.ac1 == pytest.approx((43 / 50 - 2 * mean * (1 - mean)) / (1 - 2 * mean * (1 - mean)))
    assert found.disputed == ("r40", "r41", "r42", "r43", "r44", "r48", "r49")
    alike = agreement("a", "b", [("r", True, True)] * 10)
    assert alike is not None
    assert (alike.kappa, alike.ac1) == (None, 1.0)
    assert agreement("a", "b", []) is None
