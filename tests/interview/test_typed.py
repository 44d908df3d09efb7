"""What a person types: numbers with separators, units and ranges, yes and no, choices, GPUs."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.base.errors import InvalidDataError
from advisor.typed import parse_typed
from advisor.values import show_value
from rules.facts import Interval
from rules.load import load_rules

FACTS = load_rules().facts
REQUESTS, SHARE, MS = "traffic.requests_per_month", "data.reviewed_quality_rate", "limits.latency_p95_ms"
COUNT, YES, KIND, GPUS, DAY = (
    "data.labelled_examples",
    "limits.must_self_host",
    "task.kind",
    "hardware.gpus",
    "finance.start",
)
MONEY, CHANGE = "limits.monthly_budget_usd", "finance.token_price_change_per_year_rate"


@pytest.mark.parametrize(
    ("fact", "typed", "value"),
    [
        (REQUESTS, "2500", 2500.0),
        (REQUESTS, "2,500", 2500.0),
        (REQUESTS, "2 500 000", 2_500_000.0),
        (REQUESTS, "2_500", 2500.0),
        (REQUESTS, "2.5k", 2500.0),
        (REQUESTS, "3M", 3e6),
        (REQUESTS, "3 million", 3e6),
        (REQUESTS, "1.2 billion", 1.2e9),
        (REQUESTS, "1e6", 1e6),
        (REQUESTS, "500 requests per month", 500.0),
        (REQUESTS, " 7 ", 7.0),
        (REQUESTS, "100-200", Interval(100.0, 200.0)),
        (REQUESTS, "100..200", Interval(100.0, 200.0)),
        (REQUESTS, "100 to 200", Interval(100.0, 200.0)),
        (REQUESTS, "1k - 2k", Interval(1000.0, 2000.0)),
        (REQUESTS, "1,000–2,000", Interval(1000.0, 2000.0)),
        (REQUESTS, "5-5", 5.0),
        (COUNT, "300", 300),
        (COUNT, "1k", 1000),
        (COUNT, "300 pairs", 300),
        (COUNT, "200-500", Interval(200, 500)),
        (SHARE, "0.85", 0.85),
        (SHARE, ".85", 0.85),
        (SHARE, "85%", 0.85),
        (SHARE, "85 %", 0.85),
        (SHARE, "95%", 0.95),
        (SHARE, "80%-90%", Interval(0.8, 0.9)),
        (SHARE, "80-90%", Interval(0.8, 0.9)),
        (SHARE, "0", 0.0),
        (MS, "300", 300.0),
        (MS, "2 s", 2000.0),
        (MS, "300ms", 300.0),
        (MS, "1 min", 60_000.0),
        (MS, "1s-2s", Interval(1000.0, 2000.0)),
        (MONEY, "$200", 200.0),
        (MONEY, "$1,200", 1200.0),
        (MONEY, "$2k", 2000.0),
        (MONEY, "200 USD", 200.0),
        (MONEY, "$100-$200", Interval(100.0, 200.0)),
        (CHANGE, "-0.2", -0.2),
        (CHANGE, "-20%", -0.2),
        (CHANGE, "-0.35 to 0", Interval(-0.35, 0.0)),
        (YES, "y", True),
        (YES, "No", False),
        (YES, "TRUE", True),
        (YES, "1", True),
        (YES, "2", False),
        (KIND, "1", "classification"),
        (KIND, "code", "code"),
        (KIND, "Question Answering", "question_answering"),
        (KIND, "summ", "summarisation"),
        (KIND, "program", "code"),
        (GPUS, "none", []),
        (GPUS, "2 x h100, 1 x l4", [{"gpu": "h100", "count": 2}, {"gpu": "l4", "count": 1}]),
        (GPUS, "2x h100", [{"gpu": "h100", "count": 2}]),
        (GPUS, "2xh100", [{"gpu": "h100", "count": 2}]),
        (GPUS, "rtx-4090", [{"gpu": "rtx-4090", "count": 1}]),
        (DAY, "2027-01-01", date(2027, 1, 1)),
        ("current.model", "gpt-5.4", "gpt-5.4"),
    ],
)
def test_is_understood(fact: str, typed: str, value: Any) -> None:
    found = parse_typed(FACTS[fact], typed)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("fact", "typed", "words"),
    [
        (REQUESTS, "", "nothing was entered"),
        (REQUESTS, "lots", "not a number"),
        (REQUESTS, "-5", "outside"),
        (REQUESTS, "nan", "not a"),
        (REQUESTS, "inf", "not a"),
        (REQUESTS, "1e999", "too large"),
        (REQUESTS, "5 bananas", "not understood"),
        (REQUESTS, "1.2.3", "not a number"),
        (REQUESTS, "200-100", "is above high"),
        (REQUESTS, "12 34", None),
        (COUNT, "1.5", "not a whole number"),
        (SHARE, "85", "outside 0 to 1"),
        (SHARE, "120%", "outside 0 to 1"),
        (YES, "maybe", "neither yes nor no"),
        (YES, "3", "neither yes nor no"),
        (KIND, "0", "there is no choice 0"),
        (KIND, "12", "there is no choice 12"),
        (KIND, "9" * 5000, "there is no choice 999"),
        (KIND, "²", "not one of the choices"),
        (KIND, "٣" * 30, "there is no choice"),
        (GPUS, "9" * 5000 + " x h100", "number of GPUs"),
        (REQUESTS, "9" * 5000, "99999..."),
        (REQUESTS, "²", "not a number"),
        (KIND, "clasification", "not one of the choices"),
        (KIND, "a", "not one of the choices"),
        (GPUS, "2 x", "is not a GPU"),
        (GPUS, "0 x h100", "number of GPUs"),
        (GPUS, "h100, h100", "there twice"),
        (DAY, "tomorrow", "is not a date"),
        (DAY, "2027-13-01", "is not a date"),
        ("task.description", "a\x07b", "control characters"),
    ],
)
def test_is_refused_with_a_remedy(fact: str, typed: str, words: str | None) -> None:
    if words is None:
        assert parse_typed(FACTS[fact], typed) == 1234.0, "a blank between digits separates thousands"
        return
    with pytest.raises(InvalidDataError) as caught:
        parse_typed(FACTS[fact], typed)
    assert words in caught.value.what
    assert len(caught.value.what) <= 200
    assert caught.value.fix


@given(st.sampled_from(sorted(FACTS)), st.text(max_size=25))
def test_any_text_is_understood_or_refused_but_never_crashes(name: str, typed: str) -> None:
    fact = FACTS[name]
    try:
        value = parse_typed(fact, typed)
    except InvalidDataError:
        return
    assert value is not None
    assert show_value(value, fact)


@given(st.floats(0, 1e12).map(lambda x: float(f"{x:.6g}")))
def test_a_number_shown_is_a_number_understood(number: float) -> None:
    fact = FACTS[REQUESTS]
    assert parse_typed(fact, f"{number:,f}") == pytest.approx(number, abs=1e-6)


@pytest.mark.parametrize(
    ("value", "fact", "text"),
    [
        (None, None, "unknown"),
        (True, None, "yes"),
        (False, None, "no"),
        (1234567.0, REQUESTS, "1,234,567 requests per month"),
        (0.123456, None, "0.1235"),
        (12345.6, None, "12,346"),
        (Interval(1000.0, 2000.0), REQUESTS, "1,000 to 2,000 requests per month"),
        ([], None, "none"),
        ([{"gpu": "h100", "count": 2}], None, "2 x h100"),
        (date(2027, 1, 1), None, "2027-01-01"),
        ("code", None, "code"),
    ],
)
def test_values_in_words(value: Any, fact: str | None, text: str) -> None:
    assert show_value(value, FACTS[fact] if fact else None) == text
