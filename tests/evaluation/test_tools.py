"""Tools in evaluation: the same prompt as in training, calls that are compared as calls, servers that speak of them."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from calling import Advisor
from serving import Stub, answer, failure
from tools_shown import TEMPLATE, WEATHER, call, calling_row

from trainers.data.tools import calls_in, for_protocol
from trainers.evaluation.generate import LocalModel
from trainers.evaluation.items import read_test
from trainers.methods.shared.examples import encode, read_rows
from trainers.models.local import load_model, load_tokenizer

CALL = {"name": "get_weather", "arguments": {"city": "Oslo"}}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>',
        '{"name": "get_weather", "parameters": {"city": "Oslo"}}',
        '[{"name": "get_weather", "arguments": {"city": "Oslo"}}]',
        f"I look it up. {json.dumps(call('Oslo'))}",
    ],
)
def test_calls_are_read_as_the_usual_models_write_them(text: str) -> None:
    assert calls_in(text, [WEATHER]) == [CALL]
    assert calls_in(text, []) == []


def test_json_that_calls_no_defined_tool_is_no_call() -> None:
    assert calls_in('{"name": "Ann", "arguments": {}} and {"name": "get_weather"} and {{{[', [WEATHER]) == []


def test_results_name_the_calls_they_answer() -> None:
    turns = [
        {"role": "assistant", "content": None, "tool_calls": [{"name": "f", "arguments": {}}, {"name": "g"}]},
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
    ]
    first, one, two = for_protocol(turns)
    assert [made["id"] for made in first["tool_calls"]] == [one["tool_call_id"], two["tool_call_id"]]
    assert first["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}


def called(*calls: dict[str, Any]) -> tuple[int, Any]:
    """A server's answer that calls tools."""
    status, body = answer("", "tool_calls")
    body["choices"][0]["message"] |= {"content": None, "tool_calls": list(calls)}
    return status, body


def test_a_server_is_told_the_tools_and_its_calls_are_compared(advisor: Advisor, stub: Stub, tmp_path: Path) -> None:
    test = write(tmp_path / "test.jsonl", [calling_row(number) for number in range(4)])
    in_text = json.dumps(CALL)  # a server without a parser for calls
    replies = [called(call("Oslo")), called(call("Rome")), answer(in_text), answer("sunny")]
    stub.behave = lambda number, body: replies[int(body["messages"][-1]["content"].split()[1])]
    ended = advisor("evaluate", "--test", test, "--endpoint", f"served={stub.url}", "--json")
    assert ended.code == 0, ended.err
    assert (ended.json["metric"], ended.json["candidates"]["served"]["score"]) == ("tool_calls", 0.5)
    assert all(request["tools"] == [WEATHER] for request in stub.asked)
    names = advisor("evaluate", "--test", test, "--endpoint", f"s={stub.url}", "--metric", "tool_calls=names", "--json")
    assert names.json["candidates"]["s"]["score"] == 0.75


def test_a_server_without_tool_calling_says_what_it_wants(advisor: Advisor, stub: Stub, tmp_path: Path) -> None:
    test = write(tmp_path / "test.jsonl", [calling_row(1)])
    stub.behave = lambda number, body: failure(400, '"auto" tool choice requires --enable-auto-tool-choice')
    ended = advisor("evaluate", "--test", test, "--endpoint", f"served={stub.url}")
    assert (ended.code, "vLLM: --enable-auto-tool-choice" in ended.err) == (3, True)


@pytest.fixture(scope="module")
def calling(tmp_path_factory: pytest.TempPathFactory, train_in: Callable[..., None]) -> Path:
    """The packaged model's tokenizer with a template that knows tools, under a small random model that was trained to
    call one."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    project = tmp_path_factory.mktemp("calling")
    (project / "advisor.toml").write_text('v = 1\nname = "test"\ncreated = "2026-11-24"\n')
    write(project / "data" / "train.jsonl", [calling_row(number) for number in range(64)])
    write(project / "data" / "test.jsonl", [calling_row(number) for number in range(900, 906)])
    tokenizer = load_tokenizer("smollm2-135m")
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(project / "model")
    tokenizer.save_pretrained(project / "model")
    train_in(project, "run", "full", learning_rate=0.01, epochs=8.0, evaluations=0)
    return project


@pytest.mark.slow
def test_training_and_evaluation_show_the_model_the_same_prompt(calling: Path) -> None:
    """What is trained begins with exactly what is asked, the tool's definition in it."""
    tokenizer = load_tokenizer(str(calling / "model"))
    rows, items = read_rows(calling / "data" / "test.jsonl"), read_test(calling / "data" / "test.jsonl")
    local = LocalModel("m", load_model(str(calling / "model"), "fp32"), tokenizer)
    for example, item in zip(encode(tokenizer, rows), items, strict=True):
        asked = local.encode(list(item.messages), item.tools)
        assert list(example.tokens[: example.first_trained]) == asked
        assert json.dumps(WEATHER) in tokenizer.decode(asked)
        answered = tokenizer.decode(example.tokens[example.first_trained :])
        assert answered.startswith('<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}')


@pytest.mark.slow
def test_a_run_that_learnt_a_call_is_found_right(calling: Path) -> None:
    words = ["evaluate", "--run", "run", "--candidate", "base", "--candidate", "tuned", "--no-general", "--json"]
    line = [sys.executable, "-m", "advisor", *words, "--latency-requests", "1", "--project", str(calling)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["metric"] == "tool_calls"
    assert {name: score["score"] for name, score in found["candidates"].items()} == {"base": 0.0, "tuned": 1.0}
    kept = (Path(found["folder"]) / "predictions" / "tuned.jsonl").read_text().splitlines()
    tokens = [json.loads(line)["prompt_tokens"] for line in kept]
    examples = encode(load_tokenizer(str(calling / "model")), read_rows(calling / "data" / "test.jsonl"))
    assert sorted(tokens) == sorted(example.first_trained for example in examples)


@pytest.fixture
def served(calling: Path) -> Iterator[str]:
    line = [sys.executable, "-m", "advisor", "serve", "--run", "run", "--port", "0", "--project", str(calling)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            assert process.wait(30) == 0


@pytest.mark.slow
def test_our_server_answers_with_calls(served: str) -> None:
    import openai

    row = calling_row(901)
    asked: dict[str, Any] = {"model": "run", "messages": row["messages"][:1], "tools": row["tools"], "max_tokens": 60}
    with openai.OpenAI(base_url=served, api_key="none", max_retries=0) as client:
        choice = client.chat.completions.create(**asked).choices[0]
        assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
        (made,) = choice.message.tool_calls or []
        assert (made.function.name, json.loads(made.function.arguments)) == ("get_weather", {"city": "Oslo"})
        chunks = list(client.chat.completions.create(**asked, stream=True))
        (streamed,) = [chunk.choices[0].delta.tool_calls[0] for chunk in chunks if chunk.choices[0].delta.tool_calls]
        assert (streamed.function.name, chunks[-1].choices[0].finish_reason) == ("get_weather", "tool_calls")
        back = [*row["messages"], {"role": "tool", "tool_call_id": "c1", "content": "sunny"}]
        assert client.chat.completions.create(**{**asked, "messages": back, "tool_choice": "none"}).choices
        with pytest.raises(openai.BadRequestError, match="tool_choice"):
            client.chat.completions.create(**asked, tool_choice="required")
    assert urllib.request.urlopen(served + "/models").status == 200
