"""Quantiles in numpy alone, against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.base.normal import beta_quantile, normal_quantile


def test_normal_quantiles_agree_with_scipy() -> None:
    from scipy.special import ndtri

    u = np.concatenate([np.linspace(1e-6, 1 - 1e-6, 20_001), [1e-300, 1e-20, 1e-10, 0.075, 0.925, 1 - 1e-12]])
    assert normal_quantile(u) == pytest.approx(ndtri(u), rel=1e-12, abs=1e-13)


@given(st.floats(0.05, 0.97), st.floats(0.02, 0.2))
def test_beta_quantiles_agree_with_scipy(mean: float, sd: float) -> None:
    from scipy.special import betaincinv

    if sd**2 >= 0.5 * mean * (1 - mean):
        return
    strength = mean * (1 - mean) / sd**2 - 1
    a, b = mean * strength, (1 - mean) * strength
    if min(a, b) < 0.25:
        return
    u = np.linspace(0.01, 0.99, 99)
    found = beta_quantile(a, b, u)
    assert np.all(np.diff(found) >= 0)
    assert found == pytest.approx(betaincinv(a, b, u), abs=1e-5 if min(a, b) >= 0.5 else 2e-3)
