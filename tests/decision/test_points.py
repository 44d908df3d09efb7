"""The quasi-random points and the quantiles: against scipy."""

import numpy as np
import pytest
from scipy.special import betaincinv, ndtri
from scipy.stats import qmc

from advisor.base.normal import beta_quantile, normal_quantile
from advisor.decision.points import DIMENSIONS, SEED, TABLE, Points, make_table, sobol


def test_the_shipped_table_is_what_scipy_makes() -> None:
    assert np.array_equal(np.load(TABLE), make_table())


def test_points_are_scipys_scrambled_sobol_points() -> None:
    ours = np.stack([sobol(dimension, 512) for dimension in range(16)])
    theirs = qmc.Sobol(DIMENSIONS, scramble=True, bits=30, rng=np.random.default_rng(SEED)).random(512).T[:16]
    assert np.allclose(ours[:, np.argsort(ours[0])], theirs[:, np.argsort(theirs[0])], atol=1e-8)


def test_copies_repeat_the_same_points() -> None:
    points = Points(["a", "b"], 64, copies=3)
    blocks = points.normal("a").reshape(3, 64)
    assert (blocks[0] == blocks[1]).all()
    assert (blocks[0] == blocks[2]).all()
    assert not np.allclose(points.uniform("a"), points.uniform("b"))


def test_a_count_that_is_no_power_of_two_is_refused() -> None:
    with pytest.raises(ValueError, match="power of two"):
        Points(["a"], 1000)


def test_normal_quantiles_agree_with_scipy() -> None:
    u = np.concatenate([np.linspace(1e-9, 1 - 1e-9, 10_001), [1e-300, 1e-30, 1 - 1e-12]])
    assert np.allclose(normal_quantile(u), ndtri(u), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("a", "b"), [(2.0, 3.0), (17.9, 1.56), (1.1, 12.9)])
def test_beta_quantiles_agree_with_scipy(a: float, b: float) -> None:
    u = np.linspace(0.001, 0.999, 999)
    assert np.allclose(beta_quantile(a, b, u), betaincinv(a, b, u), atol=1e-4)
