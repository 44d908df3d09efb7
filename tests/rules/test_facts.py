"""Facts: what a value may be, what is said about one that may not, and what is assumed while nobody has answered."""

import math
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.answers import plain_value
from advisor.base.errors import InvalidDataError
from rules.facts import NUMERIC, Fact, Interval
from rules.load import load_rules

FACTS = load_rules().facts
NUMBER = FACTS["traffic.requests_per_month"]
WHOLE = FACTS["data.labelled_examples"]
SHARE = FACTS["data.reviewed_quality_rate"]
FLAG = FACTS["limits.must_self_host"]
CHOICE = FACTS["task.kind"]
DAY = FACTS["finance.start"]
GPUS = FACTS["hardware.gpus"]
TEXT = FACTS["task.description"]


@pytest.mark.parametrize(
    ("fact", "raw", "words", "fix"),
    [
        (NUMBER, "many", "'many' is not a number", "without unit or quotes"),
        (NUMBER, "100", "'100' is not a number", "without unit or quotes"),
        (NUMBER, True, "True is not a number", "write a number"),
        (NUMBER, [1], "is not a number", "write a number"),
        (NUMBER, -1, "-1 is outside 0 to", "write a number from 0"),
        (NUMBER, math.nan, "not a usable number", "leave it out"),
        (NUMBER, math.inf, "not a usable number", "leave it out"),
        (NUMBER, -math.inf, "not a usable number", "leave it out"),
        (NUMBER, 10**400, "a number of more than 30 digits is outside", "write a number"),
        (WHOLE, 1.5, "1.5 is not a whole number", "round it"),
        (WHOLE, -3, "-3 is outside", "write a number from 0"),
        (SHARE, 95, "95 is outside 0 to 1", "0.95 for 95 %"),
        (SHARE, 1.01, "outside 0 to 1", None),
        (SHARE, -0.1, "outside 0 to 1", "write a number from 0 to 1"),
        (FLAG, "yes", "neither true nor false", "write true or false"),
        (FLAG, 1, "neither true nor false", "write true or false"),
        (CHOICE, "clasification", "not one of the choices", "did you mean 'classification'?"),
        (CHOICE, True, "not one of the choices", "Choices: classification"),
        (CHOICE, ["code"], "not one of the choices", "Choices:"),
        (DAY, "soon", "is not a date", "YYYY-MM-DD"),
        (DAY, 20261124, "is not a date", "YYYY-MM-DD"),
        (DAY, "2026-02-30", "is not a date", "YYYY-MM-DD"),
        (GPUS, "h100", "not a list of GPUs", "[{gpu: rtx-4090, count: 1}]"),
        (GPUS, [{"gpu": "h100"}], "not a GPU with a count", "write a list"),
        (GPUS, [{"gpu": "h100", "count": 0}], "not a number of GPUs", "1 or more"),
        (GPUS, [{"gpu": "h100", "count": True}], "not a number of GPUs", "1 or more"),
        (GPUS, [{"gpu": "", "count": 1}], "not the name of a GPU", "write a list"),
        (GPUS, [{"gpu": "l4", "count": 1}, {"gpu": "l4", "count": 2}], "is there twice", "add the counts"),
        (TEXT, 5, "is not text", "quotes"),
        (TEXT, "a\x00b", "control characters", "remove"),
        (TEXT, "x" * 20_000, "longer than 10000", "shorten"),
        (NUMBER, {"low": 1}, "a range has the keys low and high", "{low: 100, high: 500}"),
        (NUMBER, {"low": 5, "high": 1}, "low (5) is above high (1)", "swap"),
        (NUMBER, {"low": None, "high": 1}, "is not a number", "write a number"),
        (NUMBER, {"low": 1, "high": 2, "mid": 1}, "a range has the keys", "low"),
        (WHOLE, {"low": 1, "high": math.nan}, "not a usable number", "leave it out"),
        (FLAG, {"low": 1, "high": 2}, "neither true nor false", "write true"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(fact: Fact, raw: Any, words: str, fix: str | None) -> None:
    with pytest.raises(InvalidDataError) as caught:
        fact.parse(raw, "answers.yaml:7")
    assert caught.value.where == "answers.yaml:7"
    assert caught.value.what.startswith(f"{fact.id}: ")
    assert words in caught.value.what
    assert caught.value.fix
    assert fix is None or fix in caught.value.fix
    assert len(str(caught.value)) < 600, "a message fits the screen"


@pytest.mark.parametrize(
    ("fact", "raw", "value"),
    [
        (NUMBER, 12, 12.0),
        (NUMBER, 2.5, 2.5),
        (NUMBER, {"low": 1, "high": 2}, Interval(1.0, 2.0)),
        (NUMBER, {"low": 2, "high": 2}, 2.0),
        (WHOLE, 200.0, 200),
        (WHOLE, {"low": 100, "high": 500}, Interval(100, 500)),
        (SHARE, 1, 1.0),
        (SHARE, 0, 0.0),
        (FLAG, False, False),
        (CHOICE, "code", "code"),
        (DAY, "2026-11-24", date(2026, 11, 24)),
        (DAY, date(2026, 11, 24), date(2026, 11, 24)),
        (GPUS, [], []),
        (GPUS, [{"gpu": "h100", "count": 2}], [{"gpu": "h100", "count": 2}]),
        (TEXT, "", ""),
        (TEXT, "two\nlines <script>", "two\nlines <script>"),
    ],
)
def test_a_right_value_is_taken(fact: Fact, raw: Any, value: Any) -> None:
    found = fact.parse(raw)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("fact", list(FACTS.values()), ids=list(FACTS))
def test_unknown_stays_unknown(fact: Fact) -> None:
    assert fact.parse(None) is None


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["low", "high", "gpu", "count"]), inner)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(FACTS)), ANYTHING)
def test_any_value_is_taken_or_refused_but_never_crashes(name: str, raw: Any) -> None:
    fact = FACTS[name]
    try:
        value = fact.parse(raw, "here")
    except InvalidDataError as refusal:
        error = refusal
    else:
        error = None
    if error is not None:
        assert error.where == "here"
        assert error.fix
        return
    assert fact.parse(plain_value(value)) == value, "what was taken is taken again from a file"
    for end in (value.low, value.high) if isinstance(value, Interval) else (value,):
        if fact.type in NUMERIC and end is not None:
            assert fact.lowest <= end <= fact.highest
            assert math.isfinite(end)


@pytest.mark.parametrize("fact", list(FACTS.values()), ids=list(FACTS))
def test_what_is_assumed_is_a_value_the_fact_may_take(fact: Fact) -> None:
    drawn = fact.draw((np.arange(200) + 0.5) / 200)
    if drawn is None:
        return
    values = [drawn] if isinstance(drawn, list) else [v.item() for v in drawn]
    for value in values:
        assert fact.parse(value) == value


@pytest.mark.parametrize("fact", list(FACTS.values()), ids=list(FACTS))
def test_presets_are_answers(fact: Fact) -> None:
    values = [fact.parse(preset.value) for preset in fact.presets]
    assert None not in values
    labels = [preset.label for preset in fact.presets]
    assert len(set(labels)) == len(labels)


def _quantile(fact: Fact, u: float) -> float:
    assert fact.assume is not None
    return float(np.asarray(fact.assume.draw(np.array([u])))[0])


@pytest.mark.parametrize("name", [n for n, f in FACTS.items() if f.assume and f.assume.kind == "lognormal"])
def test_a_lognormal_assumption_has_the_quantiles_it_states(name: str) -> None:
    assume = FACTS[name].assume
    assert assume is not None
    if assume.median is not None:
        assert _quantile(FACTS[name], 0.5) == pytest.approx(assume.median, rel=1e-6)
    if assume.p10 is not None and assume.p90 is not None:
        ratio = _quantile(FACTS[name], 0.9) / _quantile(FACTS[name], 0.1)
        assert ratio == pytest.approx(assume.p90 / assume.p10, rel=1e-6)
        if assume.median is None:
            assert _quantile(FACTS[name], 0.1) == pytest.approx(assume.p10, rel=1e-6)


@pytest.mark.parametrize("name", [n for n, f in FACTS.items() if f.assume and f.assume.kind in ("beta", "normal")])
def test_mean_and_spread_are_those_stated(name: str) -> None:
    assume = FACTS[name].assume
    assert assume is not None
    drawn = assume.draw((np.arange(20_000) + 0.5) / 20_000)
    assert float(drawn.mean()) == pytest.approx(assume.mean, abs=2e-3)
    assert float(drawn.std()) == pytest.approx(assume.sd, rel=0.02)


@pytest.mark.parametrize("name", [n for n, f in FACTS.items() if f.assume and f.assume.kind == "choice"])
def test_choices_come_in_the_shares_stated(name: str) -> None:
    assume = FACTS[name].assume
    assert assume is not None
    assert assume.weights is not None
    drawn = [str(v).lower() for v in assume.draw((np.arange(10_000) + 0.5) / 10_000)]
    total = sum(assume.weights.values())
    for value, weight in assume.weights.items():
        assert drawn.count(value) / len(drawn) == pytest.approx(weight / total, abs=2e-3)


@pytest.mark.parametrize("fact", list(FACTS.values()), ids=list(FACTS))
def test_an_assumption_can_be_told_in_words(fact: Fact) -> None:
    from advisor.assumed import assumed_text

    if fact.assume is None or fact.assume.kind == "none":
        assert assumed_text(fact) is None
        return
    said = assumed_text(fact)
    assert said
    assert "None" not in said
    assert fact.assume.describe()
