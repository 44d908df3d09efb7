"""Money over time against two independent libraries, properties, and cases worked by hand."""

import datetime as dt

import numpy as np
import numpy_financial as npf
import pytest
import pyxirr
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pricing import cashflow as cf

MONEY = st.integers(-10_000, 10_000).map(float)
RATE = st.floats(0.0, 0.6)
FLOWS = arrays(np.float64, st.integers(2, 61), elements=MONEY)


@given(RATE)
def test_twelve_months_of_the_monthly_rate_make_the_yearly_rate(rate: float) -> None:
    assert (1 + float(cf.monthly_rate(rate))) ** 12 == pytest.approx(1 + rate, rel=1e-12)


@given(FLOWS, RATE)
def test_npv_agrees_with_numpy_financial(flows: np.ndarray, rate: float) -> None:
    expected = npf.npv(float(cf.monthly_rate(rate)), flows)
    assert float(cf.npv(flows, rate)) == pytest.approx(expected, rel=1e-9, abs=1e-3)


@given(FLOWS, RATE)
def test_npv_agrees_with_pyxirr(flows: np.ndarray, rate: float) -> None:
    expected = pyxirr.npv(float(cf.monthly_rate(rate)), list(flows))
    assert float(cf.npv(flows, rate)) == pytest.approx(expected, rel=1e-9, abs=1e-3)


@given(FLOWS, FLOWS, RATE, st.floats(-5, 5))
def test_npv_is_linear(one: np.ndarray, other: np.ndarray, rate: float, factor: float) -> None:
    months = min(len(one), len(other))
    one, other = one[:months], other[:months]
    together = float(cf.npv(one + factor * other, rate))
    apart = float(cf.npv(one, rate)) + factor * float(cf.npv(other, rate))
    assert together == pytest.approx(apart, rel=1e-9, abs=1e-2)


@given(FLOWS)
def test_without_discount_npv_is_the_sum(flows: np.ndarray) -> None:
    assert float(cf.npv(flows, 0.0)) == pytest.approx(float(flows.sum()), rel=1e-9, abs=1e-3)


@given(FLOWS, st.floats(1.0, 1e6), st.floats(0.0, 1e6))
def test_more_money_up_front_never_pays_back_sooner(flows: np.ndarray, upfront: float, extra: float) -> None:
    cheap, dear = flows.copy(), flows.copy()
    cheap[0], dear[0] = -upfront, -upfront - extra
    sooner = float(cf.payback_month(cf.cumulative(cheap)))
    later = float(cf.payback_month(cf.cumulative(dear)))
    assert np.isnan(later) or later >= sooner - 1e-9


@given(FLOWS)
def test_from_the_payback_month_on_the_money_stays_in(flows: np.ndarray) -> None:
    curve = cf.cumulative(flows)
    month = float(cf.payback_month(curve))
    if np.isnan(month):
        assert curve[-1] < 0
        return
    month = round(month, 9)  # a crossing at the very end of a month
    assert (curve[int(np.ceil(month)) :] >= 0).all()
    assert month == 0 or curve[int(np.ceil(month)) - 1] < 0


@given(st.floats(1.0, 1e6), st.floats(0.01, 1e5), st.integers(1, 60), RATE)
def test_discounted_payback_is_never_sooner(upfront: float, saving: float, months: int, rate: float) -> None:
    flows = np.full(months + 1, saving)
    flows[0] = -upfront
    plain = float(cf.payback_month(cf.cumulative(flows)))
    discounted = float(cf.discounted_payback_month(flows, rate))
    assert np.isnan(discounted) or discounted >= plain - 1e-9


def test_rates_and_flows_broadcast_over_samples_and_options() -> None:
    rates = np.array([0.0, 0.1, 0.2])
    flows = np.arange(2 * 3 * 13, dtype=float).reshape(2, 3, 13)
    together = cf.npv(flows, rates)
    assert together.shape == (2, 3)
    assert together[1, 2] == pytest.approx(float(cf.npv(flows[1, 2], 0.2)))


def test_growth_starts_after_the_first_month() -> None:
    profile = cf.growth_profile(3, np.array([0.0, 0.1, -0.5]))
    assert profile == pytest.approx(np.array([[0, 1, 1, 1], [0, 1, 1.1, 1.21], [0, 1, 0.5, 0.25]]))


def test_a_profile_prices_a_component_in_one_number() -> None:
    growth, rate, first_month = 0.03, 0.12, 750.0
    profile = cf.growth_profile(36, growth)
    by_hand = sum(first_month * 1.03 ** (m - 1) / 1.12 ** (m / 12) for m in range(1, 37))
    assert first_month * float(cf.present_value_of_profile(profile, rate)) == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("flows", "month"),
    [
        ([-1000, 400, 400, 400], 2.5),
        ([-1000, 500, 500, 500], 2.0),
        ([-1000, 100, 100, 100], np.nan),
        ([0, 0, 0, 0], 0.0),
        ([0, 50, 50, 50], 0.0),
        ([0, 50, -100, 200], 2.25),
        ([-1000, 1500, -600, 400], 2 + 100 / 400),  # a re-training bill in month 2 undoes the first crossing
        ([-1000, 1500, 0, -600], np.nan),  # above zero for two months, below at the horizon: never
    ],
)
def test_payback_worked_by_hand(flows: list[float], month: float) -> None:
    assert float(cf.payback_month(cf.cumulative(flows))) == pytest.approx(month, nan_ok=True)


def article_flows(monthly_serving: float, labour: float = 0.0) -> np.ndarray:
    """The article's case over 36 months: $5,000 a month of API calls replaced for $2,000 up front."""
    flows = np.full(37, 5000.0 - monthly_serving)
    flows[0] = -2000.0 - labour
    return flows


ONE_H100 = 3.49 * 730  # RunPod secure, on demand, checked 2026-10-05; 730 hours in a month
LABOUR = 2 * 160 * 110.0  # two engineers for a month at $110 an hour


def test_the_articles_case_pays_back_in_twelve_days_as_the_article_counts() -> None:
    days = float(cf.payback_month(cf.cumulative(article_flows(0.0)))) * cf.DAYS_PER_MONTH
    assert round(days) == 12


def test_the_articles_case_with_one_h100_takes_twenty_five_days() -> None:
    days = float(cf.payback_month(cf.cumulative(article_flows(ONE_H100)))) * cf.DAYS_PER_MONTH
    assert round(days) == 25


def test_the_articles_case_with_one_h100_and_labour_takes_fifteen_months() -> None:
    assert round(float(cf.payback_month(cf.cumulative(article_flows(ONE_H100, LABOUR))))) == 15


def test_the_articles_case_with_two_h100_never_pays_back() -> None:
    assert np.isnan(cf.payback_month(cf.cumulative(article_flows(2 * ONE_H100))))


@given(arrays(np.float64, st.integers(2, 37), elements=st.floats(-1e5, 1e5)))
def test_internal_rate_makes_the_npv_zero_or_says_why_there_is_none(flows: np.ndarray) -> None:
    flows = np.where(np.abs(flows) < 1.0, 0.0, flows)
    found = cf.internal_rate(flows)
    signs = np.sign(flows[flows != 0])
    changes = int((signs[1:] != signs[:-1]).sum())
    if changes != 1:
        assert found.per_year is None
        assert found.reason
        return
    assume(found.per_year is not None and -0.99 < found.per_year < 1e6)
    assert found.per_year is not None
    scale = float(np.abs(flows * cf.discount_factors(len(flows) - 1, found.per_year)).sum())
    assert float(cf.npv(flows, found.per_year)) == pytest.approx(0, abs=1e-8 * scale)


@given(st.floats(1e3, 1e5), st.floats(100.0, 1e4), st.integers(12, 60))
def test_internal_rate_agrees_with_both_libraries(upfront: float, saving: float, months: int) -> None:
    flows = np.full(months + 1, saving)
    flows[0] = -upfront
    assume(0.1 < saving * months / upfront < 20)
    yearly = cf.internal_rate(flows).per_year
    assert yearly is not None
    by_pyxirr = pyxirr.irr(list(flows))
    assert by_pyxirr is not None
    assert yearly == pytest.approx((1 + by_pyxirr) ** 12 - 1, rel=1e-6, abs=1e-9)
    assert yearly == pytest.approx((1 + npf.irr(flows)) ** 12 - 1, rel=1e-5, abs=1e-7)


def test_a_year_of_calendar_months_is_near_the_dated_rate() -> None:
    flows = [-1000.0, *[100.0] * 12]
    dates = [dt.date(2026, 1, 1), *(dt.date(2026, m, 1) for m in range(2, 13)), dt.date(2027, 1, 1)]
    yearly = cf.internal_rate(flows).per_year
    assert yearly == pytest.approx(pyxirr.xirr(dates, flows), rel=0.02)


def test_internal_rates_are_vectorised_and_nan_where_not_unique() -> None:
    flows = np.array([[-100.0, 60, 60], [-100, 300, -150], [10, 10, 10], [100, -60, -60]])
    rates = cf.internal_rates(flows)
    assert rates[0] == pytest.approx(cf.internal_rate(flows[0]).per_year)
    assert np.isnan(rates[1:3]).all()
    assert rates[3] == pytest.approx(rates[0])


def test_roi_is_undefined_without_an_investment() -> None:
    assert cf.roi([50.0, 50.0], [100.0, 0.0]) == pytest.approx([0.5, np.nan], nan_ok=True)


def test_peak_funding_is_the_deepest_point() -> None:
    curves = cf.cumulative([[-1000, -500, 2000], [0, 10, 10]])
    assert cf.peak_funding_usd(curves) == pytest.approx([1500, 0])


def test_regret_is_zero_for_the_best_option_of_each_sample() -> None:
    assert cf.regret_usd([[5.0, 1.0], [3.0, 4.0]]) == pytest.approx(np.array([[0, 3], [2, 0]]))


@pytest.mark.parametrize("rate", [-1.0, -2.0])
def test_a_rate_of_minus_a_hundred_percent_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="above -1"):
        cf.npv([1.0, 2.0], rate)
