"""Which tokens carry the loss."""

import json
from pathlib import Path
from typing import Any

import pytest

from advisor.base.errors import InvalidDataError
from trainers.methods.shared.examples import Example, Row, encode, read_rows
from trainers.methods.shared.preflight import look_at


def trained_text(tokenizer: Any, example: Example) -> str:
    kept = [token for token, trained in zip(example.tokens, example.trained, strict=True) if trained]
    return str(tokenizer.decode(kept))


def chat(*turns: tuple[str, str], line: int = 1) -> Row:
    return Row(line, tuple({"role": role, "content": content} for role, content in turns))


def test_only_the_answer_and_its_end_are_trained(tokenizer: Any) -> None:
    (example,) = encode(tokenizer, [chat(("system", "Be short."), ("user", "say hi"), ("assistant", "hi there"))])
    assert trained_text(tokenizer, example) == "hi there<|im_end|>"
    assert example.ends
    assert not example.cut
    assert tokenizer.decode(example.tokens).startswith("<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user")


def test_every_answer_of_a_conversation_is_trained(tokenizer: Any) -> None:
    turns = [("user", "one"), ("assistant", "uno"), ("user", "two"), ("assistant", "dos")]
    (example,) = encode(tokenizer, [chat(*turns)])
    assert trained_text(tokenizer, example) == "uno<|im_end|>dos<|im_end|>"


def test_an_answer_that_repeats_the_question_is_trained_only_where_it_answers(tokenizer: Any) -> None:
    (example,) = encode(tokenizer, [chat(("user", "echo echo"), ("assistant", "echo"))])
    assert trained_text(tokenizer, example) == "echo<|im_end|>"
    assert example.first_trained > len(example.tokens) / 2


def test_cut_answers_are_seen(tokenizer: Any) -> None:
    row = chat(("user", "say"), ("assistant", "a long answer that does not fit"))
    (whole,) = encode(tokenizer, [row])
    (cut,) = encode(tokenizer, [row], max_tokens=len(whole.tokens) - 5)
    assert (whole.cut, cut.cut) == (False, True)
    look = look_at([cut], steps=1, max_tokens=len(cut.tokens), context_tokens=512)
    assert [refusal["code"] for refusal in look.refusals] == ["answers_cut"]
    assert look.cut_lines == [1]


def test_an_empty_answer_is_not_trained(tokenizer: Any) -> None:
    empty, full = chat(("user", "a"), ("assistant", " "), line=7), chat(("user", "a"), ("assistant", "b"))
    look = look_at(encode(tokenizer, [full, empty]), steps=5, max_tokens=None, context_tokens=None)
    assert [refusal["code"] for refusal in look.refusals] == ["untrained_rows"]
    assert look.untrained_lines == [7]


def test_a_template_without_an_end_is_a_warning(tokenizer: Any) -> None:
    template = tokenizer.chat_template
    try:
        tokenizer.chat_template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
        examples = encode(tokenizer, [chat(("user", "a"), ("assistant", "b"))])
    finally:
        tokenizer.chat_template = template
    look = look_at(examples, steps=100, max_tokens=None, context_tokens=None)
    assert look.endless_rows == 1
    assert any("not learn to stop" in warning for warning in look.warnings)


def test_nothing_to_do_and_too_long_are_refused(tokenizer: Any, rows: list[Row]) -> None:
    look = look_at(encode(tokenizer, rows), steps=0, max_tokens=None, context_tokens=10)
    assert [refusal["code"] for refusal in look.refusals] == ["too_long", "no_steps"]
    assert all(refusal["ways_out"] for refusal in look.refusals)


def test_a_model_without_a_template_is_refused(tokenizer: Any) -> None:
    template = tokenizer.chat_template
    try:
        tokenizer.chat_template = None
        with pytest.raises(InvalidDataError, match="no chat template"):
            encode(tokenizer, [chat(("user", "a"), ("assistant", "b"))])
    finally:
        tokenizer.chat_template = template


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "x"}, "no 'messages'"),
        ({"messages": []}, "no 'messages'"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "needs a role"),
        ({"messages": [{"role": "user", "content": 3}]}, "needs text"),
        ({"messages": [{"role": "user", "content": "x"}]}, "nothing to learn"),
    ],
)
def test_rows_that_are_none(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    good = {"prompt": "a", "completion": "b"}
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(good)}\n{json.dumps(row)}\n")
    with pytest.raises(InvalidDataError, match=said) as caught:
        read_rows(path)
    assert caught.value.where == f"{path}:2"
