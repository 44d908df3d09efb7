"""`advisor data check --model`: what the rows look like to the model's own tokenizer and chat template."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tools_shown
from calling import Advisor
from rows import chat, good_rows, sentence, write

from trainers.models.tiny import TEMPLATE


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the check reads of a model: a tokenizer of one token a byte, a chat template, a context of 512 tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer.train_from_iterator(
        [], trainers.BpeTrainer(special_tokens=special, initial_alphabet=letters, show_progress=False)
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "max_position_embeddings": 512}))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


def with_template(tiny: Path, folder: Path, template: str) -> Path:
    """The tiny model with another chat template."""
    shutil.copytree(tiny, folder)
    (folder / "chat_template.jinja").write_text(template)
    return folder


def check(advisor: Advisor, path: Path, model: Path, *more: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what was counted, code -> finding)."""
    found = advisor("data", "check", path, "--model", model, "--json", *more).json
    return found["tokens"], {finding["code"]: finding for finding in found["findings"]}


def test_lengths_and_trained_tokens_are_those_of_the_tokenizer(advisor: Advisor, tmp_path: Path, tiny: Path) -> None:
    rows = [chat(sentence(n, 2 + n % 5), "yes") for n in range(60)]
    seen, found = check(advisor, write(tmp_path / "rows.jsonl", rows), tiny)
    # One token a byte and one a special token: "<|im_start|>user\n", question, "<|im_end|>\n", the same for the answer.
    lengths = sorted(len(row["messages"][0]["content"]) + len("user\n\nassistant\nyes\n") + 4 for row in rows)
    assert seen["tokens"] == sum(lengths)
    assert seen["longest_tokens"] == lengths[-1]
    assert seen["median_tokens"] == lengths[30]
    assert seen["trained_share"] == pytest.approx(60 * len("yes$") / sum(lengths), abs=1e-4)
    assert sum(step["rows"] for step in seen["histogram"]) == 60
    assert seen["limit_tokens"] == 512
    assert not {"answer_cut", "over_limit", "nothing_trained", "no_end_of_turn", "template_refuses"} & set(found)
    assert "not_tokenised" not in found


def test_rows_over_the_limit_and_cut_answers(advisor: Advisor, tmp_path: Path, tiny: Path) -> None:
    rows = [chat(sentence(n, 3), "yes") for n in range(30)]
    rows += [chat(sentence(90, 60), "yes"), chat(sentence(91, 3), sentence(92, 60))]
    _, found = check(advisor, write(tmp_path / "rows.jsonl", rows), tiny, "--max-tokens", 150)
    assert found["over_limit"]["lines"] == [31]
    assert found["answer_cut"]["lines"] == [32]
    assert {found["over_limit"]["severity"], found["answer_cut"]["severity"]} == {"error"}


def test_a_template_that_never_ends_a_turn(advisor: Advisor, tmp_path: Path, tiny: Path) -> None:
    model = with_template(tiny, tmp_path / "model", TEMPLATE.replace("<|im_end|>", ""))
    _, found = check(advisor, write(tmp_path / "rows.jsonl", good_rows(25)), model)
    assert found["no_end_of_turn"]["count"] == 25
    assert found["no_end_of_turn"]["severity"] == "error"


def test_a_template_that_leaves_the_answer_out(advisor: Advisor, tmp_path: Path, tiny: Path) -> None:
    """The run would look successful and train on nothing."""
    silent = "{% for m in messages if m['role'] != 'assistant' %}{{ m['content'] }}{% endfor %}"
    model = with_template(tiny, tmp_path / "model", silent)
    _, found = check(advisor, write(tmp_path / "rows.jsonl", good_rows(25)), model)
    assert found["nothing_trained"]["count"] == 25


def test_a_template_that_refuses_a_role(advisor: Advisor, tmp_path: Path, tiny: Path) -> None:
    strict = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE
    model = with_template(tiny, tmp_path / "model", strict)
    rows = good_rows(25)
    rows[3]["messages"].insert(0, {"role": "system", "content": "Be brief."})
    _, found = check(advisor, write(tmp_path / "rows.jsonl", rows), model)
    assert found["template_refuses"]["lines"] == [4]
    assert "no system role" in json.dumps(found["template_refuses"]["examples"])


@pytest.mark.slow
def test_tools_and_their_calls_count_where_the_template_writes_them(
    advisor: Advisor, tmp_path: Path, tiny: Path
) -> None:
    knowing = with_template(tiny, tmp_path / "model", tools_shown.TEMPLATE)
    rows = [tools_shown.calling_row(number) for number in range(25)]
    path = write(tmp_path / "rows.jsonl", rows)
    bare = write(tmp_path / "bare.jsonl", [{key: row[key] for key in ("id", "messages")} for row in rows])
    seen, found = check(advisor, path, knowing)
    without, _ = check(advisor, bare, knowing)
    assert not {"tools_not_shown", "calls_not_shown", "nothing_trained"} & set(found)
    definition = json.dumps(tools_shown.WEATHER)
    assert seen["longest_tokens"] - without["longest_tokens"] == len(f"system\n{definition}\n\n") + 2
    # The arguments are an object in the text, not text in the text.
    answer = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>$'
    assert seen["trained_share"] == pytest.approx(25 * len(answer) / seen["tokens"], abs=1e-4)


@pytest.mark.slow
def test_tools_that_the_template_leaves_out_are_told(advisor: Advisor, tmp_path: Path, tiny: Path) -> None:
    described = [{**chat(sentence(n, 3), "sunny"), "tools": [tools_shown.WEATHER]} for n in range(25)]
    path = write(tmp_path / "rows.jsonl", [*described, tools_shown.calling_row(26)])
    _, found = check(advisor, path, tiny)
    assert (found["tools_not_shown"]["count"], found["tools_not_shown"]["severity"]) == (26, "warning")
    assert (found["calls_not_shown"]["lines"], found["calls_not_shown"]["severity"]) == ([26], "error")


def test_padding_and_little_trained(advisor: Advisor, tmp_path: Path, tiny: Path) -> None:
    rows = [chat(sentence(n, 40 if n % 8 == 0 else 2), "y") for n in range(64)]
    seen, found = check(advisor, write(tmp_path / "rows.jsonl", rows), tiny)
    assert seen["padding_share"] > 0.4
    assert "padding_waste" in found
    rows = [chat(sentence(n, 45), "y") for n in range(64)]
    _, found = check(advisor, write(tmp_path / "rows.jsonl", rows), tiny)
    assert "little_trained" in found


def test_a_model_that_is_not_there(advisor: Advisor, tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", good_rows(25))
    ended = advisor("data", "check", path, "--model", tmp_path / "no-such-model")
    assert ended.code in (2, 3, 4)
    assert "no-such-model" in ended.err


@pytest.mark.slow
def test_test_rows_in_other_words_are_found_by_the_sentence_encoder(advisor: Advisor, tmp_path: Path) -> None:
    asked = ["How can I reset the password of my account?", "What does shipping to Canada cost?"]
    test = write(tmp_path / "test.jsonl", [chat(text, "a") for text in asked])
    rows = [chat(sentence(n), "b") for n in range(20)] + [chat("How do I reset my account password?", "b")]
    path = write(tmp_path / "rows.jsonl", rows)
    found = advisor("data", "check", path, "--test", test, "--embeddings", "--json").json["findings"]
    leak = next(f for f in found if f["code"] == "leak_meaning")
    assert (leak["lines"], leak["examples"][0]["test_line"]) == ([21], 1)
