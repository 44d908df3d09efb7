"""Quantiles are ordered, keep to the samples, and go to JSON with their three names."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from advisor.base.quantiles import Quantiles

SAMPLES = arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e9, 1e9))


@given(SAMPLES)
def test_ordered_and_within_the_samples(samples: np.ndarray) -> None:
    found = Quantiles.of(samples)
    assert samples.min() <= found.p10 <= found.p50 <= found.p90 <= samples.max()
    assert found.to_json() == {"p10": found.p10, "p50": found.p50, "p90": found.p90}


def test_of_a_known_distribution() -> None:
    assert Quantiles.of(np.arange(101.0)) == Quantiles(10.0, 50.0, 90.0)
    assert Quantiles.exactly(3.0) == Quantiles(3.0, 3.0, 3.0)
