"""Intervals and tests against published examples, enumeration and simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from trainers.evaluation.statistics import (
    difference,
    estimate,
    holm,
    mcnemar,
    newcombe,
    pairs_needed,
    smallest_detectable,
    wilson,
)

COUNTS = st.tuples(*[st.integers(0, 40)] * 4).filter(lambda cells: sum(cells) > 0)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, Stat. Med. 17:857, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_published(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_binomial_test(only_first: int, only_second: int) -> None:
    n = only_first + only_second
    expected = 1.0 if n == 0 else binomtest(only_first, n, 0.5).pvalue
    assert mcnemar(only_first, only_second) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_by_hand() -> None:
    # 12 against 2: 2 (C(14,0) + C(14,1) + C(14,2)) / 2^14 = 2 x 106 / 16384
    assert mcnemar(2, 12) == pytest.approx(212 / 16384)


def test_newcombe_as_published() -> None:
    # Newcombe 1998, Stat. Med. 17:2635, table II, method 10: cells 36, 12, 2, 0 give 0.0569 to 0.3404
    low, high = newcombe(36, 2, 12, 0)
    assert (low, high) == pytest.approx((0.0569, 0.3404), abs=5e-5)


@given(COUNTS)
def test_newcombe_mirrors_and_holds_the_difference(cells: tuple[int, int, int, int]) -> None:
    both, first, second, neither = cells
    low, high = newcombe(both, first, second, neither)
    assert -1 <= low <= (second - first) / sum(cells) <= high <= 1
    assert newcombe(both, second, first, neither) == pytest.approx((-high, -low), abs=1e-12)


@pytest.mark.parametrize(("truth", "q", "n"), [(0.1, 0.3, 80), (0.0, 0.2, 60), (0.25, 0.35, 150)])
def test_newcombe_covers_the_truth_about_as_often_as_it_says(truth: float, q: float, n: int) -> None:
    generator = np.random.default_rng(7)
    shares = [0.4, (q - truth) / 2, (q + truth) / 2, 0.6 - q]
    cells = generator.multinomial(n, shares, size=2000)
    covered = sum(low <= truth <= high for low, high in (newcombe(*map(int, row)) for row in cells))
    assert 0.93 <= covered / 2000 <= 0.985


def test_hundred_items_show_gains_above_12_points() -> None:
    assert smallest_detectable(100, 0.2) == pytest.approx(0.124, abs=0.001)


@pytest.mark.parametrize(("n", "q"), [(100, 0.2), (160, 0.4), (1000, 0.1)])
def test_smallest_detectable_has_the_promised_power(n: int, q: float) -> None:
    """Simulated: the exact test, a little conservative, finds a difference of that size in 65 to 90 % of trials."""
    d = smallest_detectable(n, q)
    generator = np.random.default_rng(3)
    cells = generator.multinomial(n, [(q - d) / 2, (q + d) / 2, 1 - q], size=2000)
    found = np.mean([mcnemar(int(b), int(c)) < 0.05 for b, c, _ in cells])
    assert 0.65 < found < 0.9


@given(st.integers(6, 3000), st.floats(0.01, 1))
def test_more_items_show_smaller_differences(n: int, q: float) -> None:
    assert smallest_detectable(n + 50, q) <= smallest_detectable(n, q) + 1e-9


@given(st.floats(0.02, 0.5), st.floats(0.05, 1))
def test_pairs_needed_are_just_enough(difference: float, q: float) -> None:
    n = pairs_needed(difference, q)
    assert smallest_detectable(n, q) <= difference + 1e-9
    if n > 2:
        assert smallest_detectable(n - 1, q) > difference - 1e-9


def test_no_disagreement_does_not_mean_that_anything_would_show() -> None:
    assert 0.05 < smallest_detectable(100, 0.0) < 0.1


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    ranked = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert sorted(adjusted) == [adjusted[index] for index in ranked]


def test_means_by_enumeration() -> None:
    first, second = np.array([0.1, 0.5, 0.2, 0.9, 0.4]), np.array([0.4, 0.6, 0.3, 0.7, 0.9])
    gains = second - first
    flips = [
        abs(sum(s * g for s, g in zip(signs, gains, strict=True))) for signs in itertools.product((1, -1), repeat=5)
    ]
    expected = sum(value >= abs(gains.sum()) - 1e-9 for value in flips) / len(flips)
    found = difference(first, second)
    assert found.p_value == pytest.approx(expected)
    assert found.difference == pytest.approx(gains.mean())
    assert found.low <= found.difference <= found.high


def test_bootstrap_interval_is_close_to_the_normal_one() -> None:
    generator = np.random.default_rng(5)
    scores = generator.beta(2, 3, 400)
    reach = 1.96 * scores.std() / math.sqrt(400)
    found = estimate(scores)
    assert found.low == pytest.approx(scores.mean() - reach, abs=0.004)
    assert found.high == pytest.approx(scores.mean() + reach, abs=0.004)


def test_groups_widen_the_interval_and_raise_the_p_value() -> None:
    """Ten copies of twelve items carry the information of twelve items."""
    generator = np.random.default_rng(2)
    first, second = generator.integers(0, 2, 12), generator.integers(0, 2, 12) | generator.integers(0, 2, 12)
    groups = np.repeat(np.arange(12), 10)
    a, b = np.repeat(first, 10).astype(float), np.repeat(second, 10).astype(float)
    alone, grouped = difference(a, b), difference(a, b, groups)
    single = difference(first.astype(float), second.astype(float))
    assert grouped.difference == pytest.approx(alone.difference) == pytest.approx(single.difference)
    assert grouped.p_value > alone.p_value
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)
    assert grouped.p_value == pytest.approx(single.p_value, abs=0.05)


def test_the_same_seed_gives_the_same_numbers() -> None:
    generator = np.random.default_rng(1)
    a, b = generator.random(50), generator.random(50)
    assert difference(a, b, seed=4) == difference(a, b, seed=4)


def test_constant_scores_do_not_claim_certainty() -> None:
    found = estimate(np.full(20, 0.5))
    assert found.low < 0.4 < 0.6 < found.high
    gap = difference(np.full(20, 0.3), np.full(20, 0.4))
    assert gap.low < 0.1 < gap.high
