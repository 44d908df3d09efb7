"""What candidates are asked: examples, schemas, batches."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainers.evaluation.generate import batches, shared_prefix
from trainers.evaluation.items import Item
from trainers.evaluation.prompts import conversations, covering, question, with_examples
from trainers.evaluation.schema import derive_schema
from trainers.evaluation.spec import Prompt

SYSTEM = {"role": "system", "content": "Answer."}


def item(asked: str, answer: Any) -> Item:
    return Item(asked, answer, (SYSTEM, {"role": "user", "content": asked}))


def test_zero_shot_is_the_row_as_it_is() -> None:
    assert conversations([item("q", "a")], [item("e", "x")], Prompt.ZERO_SHOT, 3) == [
        [SYSTEM, {"role": "user", "content": "q"}]
    ]


def test_examples_stand_between_the_system_message_and_the_question() -> None:
    made = with_examples(item("q", "a"), [item("e1", "x"), item("e2", {"k": 1})])
    assert [(turn["role"], turn["content"]) for turn in made] == [
        ("system", "Answer."),
        ("user", "e1"),
        ("assistant", "x"),
        ("user", "e2"),
        ("assistant", '{"k": 1}'),
        ("user", "q"),
    ]


def test_fixed_examples_are_the_same_for_all_and_cover_the_answers() -> None:
    examples = [item(f"e{i}", {"kind": "abc"[i % 3], "size": "sl"[i % 2]}) for i in range(30)]
    shown = covering(examples, 3)
    assert {example.expected["kind"] for example in shown} == {"a", "b", "c"}
    assert {example.expected["size"] for example in shown} == {"s", "l"}
    first, second = conversations([item("q", 0), item("r", 0)], examples, Prompt.FEW_SHOT, 3)
    assert first[:-1] == second[:-1]
    assert (first[-1]["content"], second[-1]["content"]) == ("q", "r")


def test_more_examples_than_there_are() -> None:
    assert len(covering([item("e", "x")], 8)) == 1


def test_the_question_is_the_last_thing_the_user_says() -> None:
    turns = (
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": "two"},
    )
    assert question(Item("i", "x", turns)) == "two"


def test_a_schema_is_read_off_the_answers() -> None:
    answers = [json.dumps({"kind": "ab"[i % 2], "count": i, "name": f"n{i}", "tags": ["x"]}) for i in range(20)]
    schema = derive_schema(answers)
    assert schema is not None
    assert schema["properties"]["kind"] == {"type": "string", "enum": ["a", "b"]}
    assert schema["properties"]["name"] == {"type": "string"}
    assert schema["properties"]["count"] == {"type": "number"}
    assert schema["required"] == list(schema["properties"]) == ["kind", "count", "name", "tags"]


@pytest.mark.parametrize("answers", [["x"] * 9, ["[1]"] * 9, ["{}"] * 9, ['{"a": 1}'] * 2, ["3"] * 9])
def test_no_schema_where_there_is_none(answers: list[str]) -> None:
    assert derive_schema(answers) is None


VALUES = st.one_of(
    st.integers(-9, 9), st.sampled_from("abc"), st.booleans(), st.none(), st.lists(st.integers(), max_size=2)
)


@given(st.lists(st.fixed_dictionaries({"a": VALUES}, optional={"b": VALUES}), min_size=5, max_size=20))
def test_every_answer_follows_the_schema_that_was_read_off(answers: list[dict[str, Any]]) -> None:
    schema = derive_schema(answers)
    assert schema is not None
    jsonschema.Draft202012Validator.check_schema(schema)
    for each in answers:
        jsonschema.validate(each, schema)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=80), st.integers(1, 200), st.integers(1, 40))
def test_every_prompt_is_in_one_batch_of_similar_ones(lengths: list[int], new: int, most: int) -> None:
    made = list(batches(lengths, new, most))
    assert sorted(place for batch in made for place in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= most for batch in made)
    assert all(len(batch) == 1 or len(batch) * (max(lengths[i] for i in batch) + new) <= 12_288 for batch in made)
    longest = [max(lengths[i] for i in batch) for batch in made]
    assert longest == sorted(longest)


@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=12), min_size=1, max_size=6))
def test_the_shared_beginning(rows: list[list[int]]) -> None:
    count = shared_prefix(rows)
    assert all(row[:count] == rows[0][:count] for row in rows)
    assert all(len(row) > count for row in rows)  # at least one token of each is left to be computed
    longer = count + 1
    assert any(len(row) <= longer for row in rows) or any(row[:longer] != rows[0][:longer] for row in rows)
